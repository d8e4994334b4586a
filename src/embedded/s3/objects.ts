import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ONE_PIECE_BYTES } from './blobs.ts';
import { readAlgorithm, receiveBody } from './body.ts';
import { checksumHeader } from './checksums.ts';
import { S3Error } from './errors.ts';
import type { ObjectRecord } from './index-store.ts';
import { readObjectHeaders, responseHeaders } from './object-headers.ts';
import { type HttpRange, readRange } from './range.ts';
import type { S3Request } from './request.ts';
import { matchesETag, preconditionFailed, type S3Store, type WriteConditions } from './store.ts';
import { element, group, parseXml, S3_NAMESPACE, xmlDocument } from './xml.ts';

/** A blob can be replaced between the look into the index and the opening of its file. */
const OPEN_ATTEMPTS = 5;

export async function putObject(store: S3Store, request: S3Request, response: ServerResponse, payloadHash: string) {
  const headers = readObjectHeaders((name) => request.header(name), request.raw.headers);
  readAlgorithm(request.header('x-amz-sdk-checksum-algorithm'));
  const { id, result } = await store.receive((writer) => receiveBody(request, payloadHash, writer));
  const blob = { id, size: result.size, eTag: result.md5, checksum: result.checksum };
  const record = await store.commit(request.bucket, request.key, blob, headers, 'Put', writeConditions(request));
  response.writeHead(200, { etag: `"${record.eTag}"`, ...checksumHeaders(record), 'content-length': 0 }).end();
}

export const writeConditions = (request: S3Request): WriteConditions => ({
  ifMatch: request.header('if-match'),
  ifNoneMatch: request.header('if-none-match'),
});

export async function getObject(store: S3Store, request: S3Request, response: ServerResponse): Promise<void> {
  checkVersion(request);
  for (let attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
    const record = store.find(request.bucket, request.key);
    checkReadConditions(request, record);
    const range = readRange(request.header('range'), record.size);
    const head = () => response.writeHead(range === null ? 200 : 206, answerHeaders(request, record, range));
    if (request.method === 'HEAD') {
      head().end();
      return;
    }
    const { start, end } = range ?? { start: 0, end: record.size - 1 };
    if (end - start < ONE_PIECE_BYTES) {
      const bytes = store.blobs.readPiece(record.blob, start, end);
      if (bytes?.length !== end - start + 1) throw damaged();
      head().end(bytes);
      return;
    }
    const file = await store.blobs.read(record.blob);
    if (file === null) continue;
    try {
      if ((await file.stat()).size !== record.size) throw damaged();
      head();
      await pipeline(file.createReadStream({ start, end, autoClose: false, highWaterMark: 1 << 18 }), response);
    } finally {
      await file.close();
    }
    return;
  }
  throw damaged();
}

const damaged = (): S3Error => new S3Error('InternalError', 'The body of the object is missing or damaged on disk.');

function answerHeaders(
  request: S3Request,
  record: ObjectRecord,
  range: HttpRange | null,
): Record<string, string | number> {
  const checksums =
    request.header('x-amz-checksum-mode') === 'ENABLED' && range === null ? checksumHeaders(record) : {};
  return {
    ...responseHeaders(record),
    ...overrides(request),
    ...checksums,
    ...(range === null ? {} : { 'content-range': `bytes ${range.start}-${range.end}/${record.size}` }),
    'content-length': range === null ? record.size : range.end - range.start + 1,
  };
}

export function checksumHeaders(record: Pick<ObjectRecord, 'checksum'>): Record<string, string> {
  const { checksum } = record;
  if (checksum === undefined) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

const OVERRIDES = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];

function overrides(request: S3Request): Record<string, string> {
  return Object.fromEntries(
    OVERRIDES.flatMap((name) => {
      const value = request.query.get(`response-${name}`);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The buckets keep no versions: `null` is the only one, as S3 names it. */
export function checkVersion(request: S3Request): void {
  const version = request.query.get('versionId');
  if (version !== undefined && version !== 'null') {
    throw new S3Error('NoSuchVersion', 'The specified version does not exist.');
  }
}

/** RFC 9110, 13.2.2: the order of preconditions. */
function checkReadConditions(request: S3Request, record: ObjectRecord): void {
  const ifMatch = request.header('if-match');
  const ifNoneMatch = request.header('if-none-match');
  const modified = Math.floor(record.modifiedMs / 1000) * 1000;
  if (ifMatch !== undefined) {
    if (!matchesETag(ifMatch, record.eTag)) throw preconditionFailed();
  } else {
    const since = Date.parse(request.header('if-unmodified-since') ?? '');
    if (modified > since) throw preconditionFailed();
  }
  if (ifNoneMatch !== undefined) {
    if (matchesETag(ifNoneMatch, record.eTag)) throw notModified(record);
  } else {
    const since = Date.parse(request.header('if-modified-since') ?? '');
    if (modified <= since) throw notModified(record);
  }
}

const notModified = (record: ObjectRecord): S3Error =>
  new S3Error('NotModified', 'Not modified', { etag: `"${record.eTag}"` });

export async function deleteObject(store: S3Store, request: S3Request, response: ServerResponse): Promise<void> {
  checkVersion(request);
  await store.remove(request.bucket, request.key, { ifMatch: request.header('if-match') });
  response.writeHead(204).end();
}

/** At most 1,000 keys, as S3. */
export async function deleteObjects(store: S3Store, request: S3Request, response: ServerResponse, body: string) {
  const document = parsed(body).Delete as
    | { Object?: Array<{ Key?: unknown; VersionId?: unknown }>; Quiet?: unknown }
    | undefined;
  const objects = document?.Object ?? [];
  if (objects.length === 0 || objects.length > 1000)
    throw new S3Error('MalformedXML', 'Delete takes 1 to 1000 objects.');
  const quiet = document?.Quiet === 'true';
  const results: string[] = [];
  for (const { Key: key, VersionId: version } of objects) {
    if (typeof key !== 'string' || key === '') throw new S3Error('MalformedXML', 'An object has no key.');
    if (version !== undefined && version !== '' && version !== 'null') {
      results.push(
        group('Error', element('Key', key) + element('Code', 'NoSuchVersion') + element('Message', 'No such version.')),
      );
      continue;
    }
    await store.remove(request.bucket, key);
    if (!quiet) results.push(group('Deleted', element('Key', key)));
  }
  sendXml(response, xmlDocument('DeleteResult', results.join(''), S3_NAMESPACE));
}

export function parsed(body: string): Record<string, unknown> {
  try {
    return parseXml(body);
  } catch (cause) {
    throw new S3Error('MalformedXML', 'The XML you provided was not well-formed.', {}, { cause });
  }
}

export function sendXml(
  response: ServerResponse,
  document: string,
  status = 200,
  headers: Record<string, string> = {},
): void {
  const bytes = Buffer.from(document);
  response
    .writeHead(status, { 'content-type': 'application/xml', ...headers, 'content-length': bytes.length })
    .end(bytes);
}
