import { InputFault } from '../../contracts/reasons.ts';
import { BitReader } from './bit-reader.ts';
import { type CodestreamHeader, headerSegments, START_OF_SCAN } from './codestream.ts';
import { type HuffmanTable, readHuffmanTables } from './huffman.ts';

const DEFINE_TABLES = 0xc4;
const RESTART_INTERVAL = 0xdd;

/** What the segments before the entropy-coded data say. */
interface Scan {
  readonly table: HuffmanTable;
  /** The selection value, 1 to 7: ISO 10918-1 table H.1. */
  readonly predictor: number;
  /** The point transform: low bits that were cut off. */
  readonly shift: number;
  /** Samples between restart markers; 0 where there are none. */
  readonly interval: number;
  readonly start: number;
}

/**
 * JPEG Lossless with Huffman codes, processes 14 and 14 SV1, of one component: ISO 10918-1 annex H. `header` is the
 * stream's own, checked by the caller. Returns `height * width` samples, row major, of `precision` bits. Throws
 * `InputFault`: `truncated` where the data end before the samples do, `malformed`, also where they do not end with them.
 */
export function decodeJpegLossless(bytes: Uint8Array, header: CodestreamHeader): Uint16Array {
  const { width, height, precision } = header;
  const scan = readScan(bytes);
  const { table, predictor, shift, interval } = scan;
  if (shift >= precision || interval % width !== 0) throw malformed();
  const samples = new Uint16Array(width * height);
  const reader = new BitReader(bytes, scan.start);
  const middle = 1 << (precision - shift - 1);
  for (let at = 0, restarts = 0; at < samples.length; at += width) {
    const restart = interval > 0 && at > 0 && at % interval === 0;
    if (restart) reader.restart(restarts++);
    const first = at === 0 || restart;
    samples[at] = (first ? middle : samples[at - width]!) + difference(reader, table);
    for (let index = at + 1; index < at + width; index += 1) {
      const predicted = first ? samples[index - 1]! : predict(samples, index, width, predictor);
      samples[index] = predicted + difference(reader, table);
    }
  }
  reader.end();
  return shift === 0 ? samples : samples.map((sample) => sample << shift);
}

/** By the left, the upper and the upper left sample. */
function predict(samples: Uint16Array, index: number, width: number, predictor: number): number {
  const left = samples[index - 1]!;
  if (predictor === 1) return left;
  const above = samples[index - width]!;
  const corner = samples[index - width - 1]!;
  switch (predictor) {
    case 2:
      return above;
    case 3:
      return corner;
    case 4:
      return left + above - corner;
    case 5:
      return left + ((above - corner) >> 1);
    case 6:
      return above + ((left - corner) >> 1);
    default:
      return (left + above) >> 1;
  }
}

/** One difference, modulo 65536: its category in a Huffman code, then as many bits of it. */
function difference(reader: BitReader, { sizes, values }: HuffmanTable): number {
  const window = reader.peek();
  const category = values[window]!;
  if (sizes[window] === 0) throw malformed();
  reader.skip(sizes[window]!);
  if (category === 0) return 0;
  if (category === 16) return 0x8000;
  const bits = reader.peek() >>> (16 - category);
  reader.skip(category);
  return bits < 1 << (category - 1) ? bits + 1 - (1 << category) : bits;
}

function readScan(bytes: Uint8Array): Scan {
  const tables = new Map<number, HuffmanTable>();
  let interval = 0;
  for (const { marker, body, end } of headerSegments(bytes)) {
    if (marker === DEFINE_TABLES) readHuffmanTables(body, tables);
    if (marker === RESTART_INTERVAL) interval = ((body[0] ?? 0) << 8) | (body[1] ?? 0);
    if (marker === START_OF_SCAN) return { ...scanOf(body, tables), interval, start: end };
  }
  throw new InputFault('truncated', 'the compressed pixels');
}

/** The scan's header, ISO 10918-1 B.2.3, of one component. */
function scanOf(
  body: Uint8Array,
  tables: ReadonlyMap<number, HuffmanTable>,
): Pick<Scan, 'table' | 'predictor' | 'shift'> {
  const [components, , selectors = 0, predictor = 0, , approximation = 0] = body;
  const table = tables.get(selectors >> 4);
  if (components !== 1 || table === undefined || predictor < 1 || predictor > 7) throw malformed();
  return { table, predictor, shift: approximation & 0xf };
}

const malformed = () => new InputFault('malformed', 'the compressed pixels');
