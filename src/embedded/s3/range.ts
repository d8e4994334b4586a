import { S3Error } from './errors.ts';

/** First and last byte, both included. */
export interface HttpRange {
  readonly start: number;
  readonly end: number;
}

/**
 * One byte range (RFC 9110, 14.1.2); null where there is none, it is malformed or it names several, which S3 answers
 * with the whole object. Throws `InvalidRange` where it lies behind the end.
 */
export function readRange(header: string | undefined, size: number): HttpRange | null {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (parts === null || (parts[1] === '' && parts[2] === '')) return null;
  const [, first = '', last = ''] = parts;
  if (first === '') {
    const suffix = Number(last);
    if (suffix === 0 || size === 0) throw unsatisfiable(size);
    return { start: Math.max(0, size - suffix), end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return null;
  if (start >= size) throw unsatisfiable(size);
  return { start, end };
}

const unsatisfiable = (size: number): S3Error =>
  new S3Error('InvalidRange', 'The requested range is not satisfiable', { 'content-range': `bytes */${size}` });
