import { S3Error } from './errors.ts';

/** Text fields before the file: no more than this, all together. */
const MAX_FIELDS_BYTES = 64 * 1024;

export interface FormUpload {
  /** By lower-case name; the file's own name is in `fileName`. */
  readonly fields: ReadonlyMap<string, string>;
  readonly fileName: string;
  readonly fileType: string | undefined;
  readonly file: AsyncIterable<Buffer>;
}

/**
 * Reads a `multipart/form-data` body (RFC 7578) up to its file, which must be the last field as S3 asks, and hands the
 * file on as a stream.
 */
export async function readForm(contentType: string, source: AsyncIterable<Buffer>): Promise<FormUpload> {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType);
  if (!/^multipart\/form-data/i.test(contentType) || boundary === null) {
    throw new S3Error('MalformedPOSTRequest', 'The body is not multipart/form-data.');
  }
  const input = new FormReader(source, `\r\n--${boundary[1] ?? boundary[2] ?? ''}`);
  const fields = new Map<string, string>();
  await input.start();
  for (;;) {
    const { name, fileName, type } = readDisposition(await input.headers());
    if (name === 'file') return { fields, fileName, fileType: type, file: input.content() };
    if (fields.has(name)) throw new S3Error('MalformedPOSTRequest', 'A field stands twice.');
    fields.set(name, await input.text());
    if (await input.ended()) throw new S3Error('InvalidArgument', 'POST requires exactly one file upload per request.');
  }
}

function readDisposition(headers: ReadonlyMap<string, string>): {
  name: string;
  fileName: string;
  type: string | undefined;
} {
  const disposition = headers.get('content-disposition') ?? '';
  const name = /;\s*name="([^"]*)"/i.exec(disposition)?.[1];
  if (name === undefined) throw new S3Error('MalformedPOSTRequest', 'A field has no name.');
  const fileName = /;\s*filename="([^"]*)"/i.exec(disposition)?.[1] ?? '';
  return { name: name.toLowerCase(), fileName, type: headers.get('content-type') };
}

const truncated = (): S3Error => new S3Error('MalformedPOSTRequest', 'The body ends before its last boundary.');

class FormReader {
  readonly #source: AsyncIterator<Buffer>;
  readonly #delimiter: Buffer;
  #rest: Buffer;
  #fieldBytes = 0;

  constructor(source: AsyncIterable<Buffer>, delimiter: string) {
    this.#source = source[Symbol.asyncIterator]();
    this.#delimiter = Buffer.from(delimiter, 'latin1');
    this.#rest = Buffer.from('\r\n');
  }

  async start(): Promise<void> {
    if ((await this.#until(this.#delimiter)) !== '') throw truncated();
    if (await this.ended()) throw truncated();
  }

  async headers(): Promise<ReadonlyMap<string, string>> {
    const headers = new Map<string, string>();
    for (
      let line = await this.#until(Buffer.from('\r\n'));
      line !== '';
      line = await this.#until(Buffer.from('\r\n'))
    ) {
      const colon = line.indexOf(':');
      if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
    return headers;
  }

  text(): Promise<string> {
    return this.#until(this.#delimiter);
  }

  /** Reads what follows a delimiter: `--` after the last, a line break before the next field. */
  async ended(): Promise<boolean> {
    while (this.#rest.length < 2) if (!(await this.#more())) throw truncated();
    const mark = this.#rest.toString('latin1', 0, 2);
    this.#rest = this.#rest.subarray(2);
    if (mark !== '--' && mark !== '\r\n') throw truncated();
    return mark === '--';
  }

  /** The bytes up to the delimiter, which must be the last. */
  async *content(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const at = this.#rest.indexOf(this.#delimiter);
      const sure = at >= 0 ? at : Math.max(0, this.#rest.length - this.#delimiter.length);
      if (sure > 0) yield this.#rest.subarray(0, sure);
      this.#rest = this.#rest.subarray(sure);
      if (at >= 0) break;
      if (!(await this.#more())) throw truncated();
    }
    this.#rest = this.#rest.subarray(this.#delimiter.length);
    if (!(await this.ended())) throw new S3Error('InvalidArgument', 'The file must be the last field.');
    while (await this.#more()) this.#rest = Buffer.alloc(0);
  }

  async #until(mark: Buffer): Promise<string> {
    for (;;) {
      const at = this.#rest.indexOf(mark);
      if (at >= 0) {
        this.#fieldBytes += at;
        if (this.#fieldBytes > MAX_FIELDS_BYTES) break;
        const text = this.#rest.toString('utf8', 0, at);
        this.#rest = this.#rest.subarray(at + mark.length);
        return text;
      }
      if (this.#fieldBytes + this.#rest.length > MAX_FIELDS_BYTES) break;
      if (!(await this.#more())) throw truncated();
    }
    throw new S3Error('MalformedPOSTRequest', 'The fields before the file are too long.');
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
    return true;
  }
}
