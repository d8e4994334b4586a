import type { IncomingMessage } from 'node:http';
import { S3Error } from './errors.ts';

/** One request, path-style: `/<bucket>/<key>?<query>`. */
export interface S3Request {
  readonly raw: IncomingMessage;
  readonly method: string;
  /** The path as it was sent, percent-encoded. */
  readonly path: string;
  /** Empty for the service itself. */
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  /** Decoded pairs in the order they were sent. */
  readonly query: ReadonlyMap<string, string>;
  header(name: string): string | undefined;
}

/** Longest key, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1024;

export function readRequest(raw: IncomingMessage): S3Request {
  const url = raw.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const slash = path.indexOf('/', 1);
  const bucket = decodePart(slash < 0 ? path.slice(1) : path.slice(1, slash));
  const key = slash < 0 ? '' : decodePart(path.slice(slash + 1));
  checkKey(key);
  return {
    raw,
    method: raw.method ?? 'GET',
    path,
    bucket,
    key,
    query: readQuery(mark < 0 ? '' : url.slice(mark + 1)),
    header: (name) => {
      const value = raw.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}

/** Refuses what no object may be called; every other key of 1 to 1024 bytes is allowed. */
export function checkKey(key: string): void {
  if (key.includes('\0')) throw new S3Error('InvalidArgument', 'A key cannot hold a NUL character.');
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError', 'Your key is too long.');
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new S3Error('InvalidURI', 'The URI is not valid percent-encoded UTF-8.', {}, { cause });
  }
}

function readQuery(text: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodePart(equals < 0 ? pair : pair.slice(0, equals));
    if (query.has(name)) throw new S3Error('InvalidArgument', 'A query parameter stands twice.');
    query.set(name, equals < 0 ? '' : decodePart(pair.slice(equals + 1)));
  }
  return query;
}

/** Percent-encoding of Signature Version 4: everything but unreserved characters. */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
