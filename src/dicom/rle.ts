import { InputFault } from '../contracts/reasons.ts';

/**
 * RLE Lossless, PS3.5 annex G: one segment a byte of the sample, the most significant first.
 * Returns `pixels` words of `bytesPerSample` (1 or 2) bytes. Throws `InputFault('malformed')`.
 */
export function decodeRle(bytes: Uint8Array, pixels: number, bytesPerSample: number): Uint16Array {
  if (bytes.length < 64) throw new InputFault('malformed', 'RLE header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const segments = view.getUint32(0, true);
  if (segments !== bytesPerSample) throw new InputFault('malformed', 'RLE segments');
  const words = new Uint16Array(pixels);
  for (let segment = 0; segment < segments; segment += 1) {
    const start = view.getUint32(4 + 4 * segment, true);
    const end = segment + 1 < segments ? view.getUint32(8 + 4 * segment, true) : bytes.length;
    if (start < 64 || end > bytes.length || start >= end) throw new InputFault('malformed', 'RLE segment offsets');
    unpack(bytes.subarray(start, end), words, 8 * (segments - 1 - segment));
  }
  return words;
}

/** PackBits into one byte of each word; a run that would pass the last pixel is refused, padding behind it is not. */
function unpack(packed: Uint8Array, words: Uint16Array, shift: number): void {
  let at = 0;
  let out = 0;
  while (out < words.length) {
    const head = packed[at];
    if (head === undefined) throw new InputFault('malformed', 'RLE data ends early');
    at += 1;
    if (head === 128) continue;
    const run = head > 128;
    const count = run ? 257 - head : head + 1;
    if (out + count > words.length || at + (run ? 1 : count) > packed.length)
      throw new InputFault('malformed', 'RLE run');
    for (let index = 0; index < count; index += 1) words[out + index]! |= packed[run ? at : at + index]! << shift;
    at += run ? 1 : count;
    out += count;
  }
  // Padding: zeros, or bytes that mean nothing (128).
  if (packed.subarray(at).some((byte) => byte !== 0 && byte !== 128))
    throw new InputFault('malformed', 'RLE data passes the frame');
}
