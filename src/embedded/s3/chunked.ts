import { S3Error } from './errors.ts';

const MAX_LINE_BYTES = 8192;

/**
 * Decodes `aws-chunked` bodies without chunk signatures (`STREAMING-UNSIGNED-PAYLOAD-TRAILER`): chunks of
 * `<hex size>\r\n<bytes>\r\n`, a chunk of size 0, then trailer lines, which go to `trailers` by lower-case name.
 * Source: S3 API reference, "Signature calculations: including trailing headers".
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer, void, undefined> {
  const input = new LineReader(source);
  for (;;) {
    const size = readSize(await input.line());
    if (size === 0) break;
    yield* input.bytes(size);
    if ((await input.line()) !== '') throw incomplete();
  }
  for (let line = await input.line(); line !== ''; line = await input.line()) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new S3Error('InvalidRequest', 'A trailer is malformed.');
    trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  await input.drain();
}

const incomplete = (): S3Error => new S3Error('IncompleteBody', 'The chunks of the body do not add up.');

function readSize(line: string): number {
  const digits = /^([0-9a-fA-F]{1,13})(;.*)?$/.exec(line)?.[1];
  if (digits === undefined) throw incomplete();
  return Number.parseInt(digits, 16);
}

/** Lines and counted bytes from a stream of buffers, without gathering more than one buffer. */
export class LineReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next line without its `\r\n`. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#rest.toString('latin1', 0, end);
        this.#rest = this.#rest.subarray(end + 2);
        return line;
      }
      if (this.#rest.length > MAX_LINE_BYTES || !(await this.#more())) throw incomplete();
    }
  }

  async *bytes(count: number): AsyncGenerator<Buffer, void, undefined> {
    let left = count;
    while (left > 0) {
      if (this.#rest.length === 0 && !(await this.#more())) throw incomplete();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }

  /** Reads to the end; anything that still comes is a fault. */
  async drain(): Promise<void> {
    if (this.#rest.length > 0) throw incomplete();
    while (await this.#more()) if (this.#rest.length > 0) throw incomplete();
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
    return true;
  }
}
