import { InputFault } from '../../contracts/reasons.ts';

/** Bits that may stand behind the last sample: padding to a whole byte, and one byte that some encoders add. */
const SPARE_BITS = 16;

/** The bits of a JPEG stream's entropy-coded segments, up to the next marker: ISO 10918-1 B.1.1.5 and F.2.2.5. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #bits = 0;
  #count = 0;
  /** Zeros handed out behind the end of the segment. */
  #invented = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  /** The next 16 bits; zeros behind the end. */
  peek(): number {
    while (this.#count < 16) this.#pull();
    return (this.#bits >>> (this.#count - 16)) & 0xffff;
  }

  /** Goes on by up to as many bits as were seen. Throws `InputFault('truncated')` behind the end. */
  skip(count: number): void {
    this.#count -= count;
    if (this.#count < this.#invented) throw new InputFault('truncated', 'the compressed pixels');
  }

  /** The segment must end here. Throws `InputFault('malformed')`. */
  end(): void {
    while (this.#count - this.#invented < SPARE_BITS && !this.#ended()) this.#pull();
    if (this.#count - this.#invented >= SPARE_BITS) throw new InputFault('malformed', 'the compressed pixels');
  }

  /** Ends a segment and goes to the next, behind restart marker `number`, counted from 0. */
  restart(number: number): void {
    this.end();
    while (this.#bytes[this.#at] === 0xff && this.#bytes[this.#at + 1] === 0xff) this.#at += 1;
    if (this.#at + 2 > this.#bytes.length) throw new InputFault('truncated', 'the compressed pixels');
    if (this.#bytes[this.#at + 1] !== 0xd0 + (number & 7)) throw new InputFault('malformed', 'the compressed pixels');
    this.#at += 2;
    this.#bits = 0;
    this.#count = 0;
    this.#invented = 0;
  }

  /** At a marker, or where the bytes end; an FF of the data has a zero behind it. */
  #ended(): boolean {
    const byte = this.#bytes[this.#at];
    return byte === undefined || (byte === 0xff && this.#bytes[this.#at + 1] !== 0);
  }

  #pull(): void {
    const ended = this.#ended();
    const byte = ended ? 0 : this.#bytes[this.#at]!;
    if (ended) this.#invented += 8;
    else this.#at += byte === 0xff ? 2 : 1;
    this.#bits = (this.#bits << 8) | byte;
    this.#count += 8;
  }
}
