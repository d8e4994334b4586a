/**
 * Compresses one frame by DICOM's RLE (PS3.5 Annex G): a header of sixteen 32-bit words, then one PackBits segment for
 * each byte of a sample, most significant byte first; rows are packed one by one.
 * `samples` is rows x columns, row major.
 */
export function encodeRle(samples: Uint8Array | Uint16Array | Int16Array, rows: number, columns: number): Buffer {
  const bytes = samples.BYTES_PER_ELEMENT;
  if (samples.length !== rows * columns) throw new RangeError('a frame has rows x columns samples');
  const segments: Buffer[] = [];
  for (let byte = bytes - 1; byte >= 0; byte -= 1) {
    const plane = Uint8Array.from(samples, (value) => (value >> (8 * byte)) & 0xff);
    const packed: number[] = [];
    for (let row = 0; row < rows; row += 1) packRow(plane.subarray(row * columns, (row + 1) * columns), packed);
    if (packed.length % 2 === 1) packed.push(0);
    segments.push(Buffer.from(packed));
  }
  const header = Buffer.alloc(64);
  header.writeUInt32LE(segments.length, 0);
  let offset = 64;
  for (const [i, segment] of segments.entries()) {
    header.writeUInt32LE(offset, 4 * (i + 1));
    offset += segment.length;
  }
  return Buffer.concat([header, ...segments]);
}

const LONGEST = 128;

function packRow(row: Uint8Array, out: number[]): void {
  let at = 0;
  while (at < row.length) {
    const run = runLength(row, at);
    if (run >= 2) {
      out.push(257 - run, row[at]!);
      at += run;
      continue;
    }
    let end = at + 1;
    while (end < row.length && end - at < LONGEST && runLength(row, end) < 3) end += 1;
    out.push(end - at - 1, ...row.subarray(at, end));
    at = end;
  }
}

function runLength(row: Uint8Array, from: number): number {
  let end = from + 1;
  while (end < row.length && end - from < LONGEST && row[end] === row[from]) end += 1;
  return end - from;
}
