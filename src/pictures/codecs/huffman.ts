import { InputFault } from '../../contracts/reasons.ts';

/** A Huffman table of a JPEG stream, looked up by the next 16 bits: the code's size, 0 where there is none, and its value. */
export interface HuffmanTable {
  readonly sizes: Uint8Array;
  readonly values: Uint8Array;
}

const WINDOW = 0x10000;
/** A difference of 16 bits has at most so many. */
const MAX_CATEGORY = 16;

/**
 * Reads the tables of one DHT segment into `tables`, by their destination: ISO 10918-1 B.2.4.2 and annex C. Throws
 * `InputFault('malformed')`.
 */
export function readHuffmanTables(body: Uint8Array, tables: Map<number, HuffmanTable>): void {
  for (let at = 0; at < body.length; ) {
    const destination = body[at]!;
    const counts = body.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const codes = body.subarray(at + 17, at + 17 + total);
    if (counts.length < 16 || codes.length < total || codes.some((value) => value > MAX_CATEGORY)) throw malformed();
    tables.set(destination, tableOf(counts, codes));
    at += 17 + total;
  }
}

/** Codes count up from zero, so that left-aligned each one begins where the one before it ends. */
function tableOf(counts: Uint8Array, codes: Uint8Array): HuffmanTable {
  const sizes = new Uint8Array(WINDOW);
  const values = new Uint8Array(WINDOW);
  let start = 0;
  let next = 0;
  for (const [index, count] of counts.entries()) {
    const span = WINDOW >> (index + 1);
    for (const value of codes.subarray(next, next + count)) {
      if (start + span > WINDOW) throw malformed();
      sizes.fill(index + 1, start, start + span);
      values.fill(value, start, start + span);
      start += span;
    }
    next += count;
  }
  return { sizes, values };
}

const malformed = () => new InputFault('malformed', 'the compressed pixels');
