import type { ServerResponse } from 'node:http';
import { hasCode } from './blobs.ts';
import { S3Error } from './errors.ts';
import type { ObjectRecord } from './index-store.ts';
import { readObjectHeaders } from './object-headers.ts';
import { sendXml, writeConditions } from './objects.ts';
import { checkKey, type S3Request } from './request.ts';
import { matchesETag, preconditionFailed, type S3Store } from './store.ts';
import { element, S3_NAMESPACE, xmlDocument } from './xml.ts';

const COPY_ATTEMPTS = 5;

/** CopyObject: the new object shares the bytes on disk with its source. */
export async function copyObject(store: S3Store, request: S3Request, response: ServerResponse): Promise<void> {
  const source = readSource(request.header('x-amz-copy-source') ?? '');
  store.checkBucket(source.bucket);
  const replace = readDirective(request.header('x-amz-metadata-directive'));
  if (!replace && source.bucket === request.bucket && source.key === request.key) {
    throw new S3Error('InvalidRequest', 'A copy of an object to itself must replace its metadata.');
  }
  const { record, id } = await duplicate(store, request, source);
  const headers = replace ? readObjectHeaders((name) => request.header(name), request.raw.headers) : record;
  const blob = { id, size: record.size, eTag: record.eTag, checksum: record.checksum };
  const made = await store.commit(request.bucket, request.key, blob, headers, 'Copy', writeConditions(request));
  const inner =
    element('LastModified', new Date(made.modifiedMs).toISOString()) +
    element('ETag', `"${made.eTag}"`) +
    (made.checksum === undefined ? '' : element(`Checksum${made.checksum.algorithm}`, made.checksum.value));
  sendXml(response, xmlDocument('CopyObjectResult', inner, S3_NAMESPACE));
}

async function duplicate(store: S3Store, request: S3Request, source: { bucket: string; key: string }) {
  for (let attempt = 0; attempt < COPY_ATTEMPTS; attempt++) {
    const record = store.find(source.bucket, source.key);
    checkSource(request, record);
    try {
      return { record, id: await store.blobs.duplicate(record.blob) };
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
  throw new S3Error('InternalError', 'The body of the source is missing on disk.');
}

function checkSource(request: S3Request, record: ObjectRecord): void {
  const ifMatch = request.header('x-amz-copy-source-if-match');
  const ifNoneMatch = request.header('x-amz-copy-source-if-none-match');
  if (ifMatch !== undefined && !matchesETag(ifMatch, record.eTag)) throw preconditionFailed();
  if (ifNoneMatch !== undefined && matchesETag(ifNoneMatch, record.eTag)) throw preconditionFailed();
  const dated = ['x-amz-copy-source-if-modified-since', 'x-amz-copy-source-if-unmodified-since'];
  if (dated.some((name) => request.header(name) !== undefined)) {
    throw new S3Error('NotImplemented', 'Copy conditions on dates are not implemented.');
  }
}

function readSource(header: string): { bucket: string; key: string } {
  const [path = '', version] = header.split('?versionId=');
  const parts = /^\/?([^/]+)\/(.+)$/s.exec(decodeSource(path));
  if (parts === null) throw new S3Error('InvalidArgument', 'x-amz-copy-source must be <bucket>/<key>.');
  if (version !== undefined && version !== 'null')
    throw new S3Error('NoSuchVersion', 'The specified version does not exist.');
  const [, bucket = '', key = ''] = parts;
  checkKey(key);
  return { bucket, key };
}

function decodeSource(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new S3Error('InvalidArgument', 'x-amz-copy-source is not valid percent-encoded UTF-8.', {}, { cause });
  }
}

function readDirective(directive: string | undefined): boolean {
  if (directive === undefined || directive === 'COPY') return false;
  if (directive === 'REPLACE') return true;
  throw new S3Error('InvalidArgument', 'x-amz-metadata-directive must be COPY or REPLACE.');
}
