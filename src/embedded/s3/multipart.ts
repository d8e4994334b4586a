import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { readAlgorithm, receiveBody } from './body.ts';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, checksumHeader, runningChecksum } from './checksums.ts';
import { S3Error } from './errors.ts';
import type { PartRecord, StoredChecksum, UploadRecord } from './index-store.ts';
import { readObjectHeaders } from './object-headers.ts';
import { checksumHeaders, parsed, sendXml, writeConditions } from './objects.ts';
import type { S3Request } from './request.ts';
import type { S3Store } from './store.ts';
import { element, group, optionalElement, S3_NAMESPACE, xmlDocument } from './xml.ts';

/** Every part but the last is at least this large (S3 user guide, "Multipart upload limits"). */
const MIN_PART_BYTES = 5 * 2 ** 20;
const MAX_PARTS = 10_000;

export async function createUpload(store: S3Store, request: S3Request, response: ServerResponse): Promise<void> {
  const uploadId = randomBytes(16).toString('hex');
  const algorithm = readAlgorithm(request.header('x-amz-checksum-algorithm'));
  const checksumType = readChecksumType(request.header('x-amz-checksum-type'), algorithm);
  await store.index.putUpload(request.bucket, request.key, uploadId, {
    ...readObjectHeaders((name) => request.header(name), request.raw.headers),
    startedMs: Date.now(),
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(checksumType === undefined ? {} : { checksumType }),
  });
  const inner = element('Bucket', request.bucket) + element('Key', request.key) + element('UploadId', uploadId);
  sendXml(response, xmlDocument('InitiateMultipartUploadResult', inner, S3_NAMESPACE));
}

function readChecksumType(
  text: string | undefined,
  algorithm: ChecksumAlgorithm | undefined,
): UploadRecord['checksumType'] {
  if (text === undefined) return algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : undefined;
  if (text !== 'FULL_OBJECT' && text !== 'COMPOSITE')
    throw new S3Error('InvalidRequest', 'x-amz-checksum-type is not valid.');
  if (text === 'FULL_OBJECT' && (algorithm === 'SHA1' || algorithm === 'SHA256')) {
    throw new S3Error('InvalidRequest', 'The FULL_OBJECT checksum type takes a CRC.');
  }
  return text;
}

export async function uploadPart(store: S3Store, request: S3Request, response: ServerResponse, payloadHash: string) {
  const { uploadId, number } = readPart(request);
  findUpload(store, request, uploadId);
  const { id, result } = await store.receive((writer) => receiveBody(request, payloadHash, writer));
  store.blobs.keep(id);
  const before = store.index.part(uploadId, number);
  const { size, md5, checksum } = result;
  const record: PartRecord = { blob: id, size, eTag: md5, modifiedMs: Date.now(), ...(checksum && { checksum }) };
  await store.index.putPart(uploadId, number, record);
  if (before !== undefined) store.blobs.remove(before.blob);
  response.writeHead(200, { etag: `"${md5}"`, ...checksumHeaders(record), 'content-length': 0 }).end();
}

function readPart(request: S3Request): { uploadId: string; number: number } {
  const text = request.query.get('partNumber') ?? '';
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > MAX_PARTS) throw new S3Error('InvalidArgument', 'Part number must be 1 to 10000.');
  return { uploadId: request.query.get('uploadId') ?? '', number };
}

function findUpload(store: S3Store, request: S3Request, uploadId: string): UploadRecord {
  const upload = store.index.upload(request.bucket, request.key, uploadId);
  if (upload === undefined) throw new S3Error('NoSuchUpload', 'The specified multipart upload does not exist.');
  return upload;
}

export async function listParts(store: S3Store, request: S3Request, response: ServerResponse): Promise<void> {
  const uploadId = request.query.get('uploadId') ?? '';
  findUpload(store, request, uploadId);
  const marker = Number(request.query.get('part-number-marker') ?? 0);
  const maxParts = Math.min(1000, Number(request.query.get('max-parts') ?? 1000));
  if (!Number.isInteger(marker) || !Number.isInteger(maxParts) || maxParts < 1) {
    throw new S3Error('InvalidArgument', 'part-number-marker and max-parts must be numbers.');
  }
  const following = (await store.index.parts(uploadId)).filter(({ number }) => number > marker);
  const page = following.slice(0, maxParts);
  const truncated = following.length > page.length;
  const inner = [
    element('Bucket', request.bucket),
    element('Key', request.key),
    element('UploadId', uploadId),
    element('PartNumberMarker', marker),
    optionalElement('NextPartNumberMarker', truncated ? page.at(-1)?.number : undefined),
    element('MaxParts', maxParts),
    element('IsTruncated', truncated),
    ...page.map(({ number, record }) =>
      group(
        'Part',
        element('PartNumber', number) +
          element('LastModified', new Date(record.modifiedMs).toISOString()) +
          element('ETag', `"${record.eTag}"`) +
          (record.checksum === undefined
            ? ''
            : element(`Checksum${record.checksum.algorithm}`, record.checksum.value)) +
          element('Size', record.size),
      ),
    ),
  ].join('');
  sendXml(response, xmlDocument('ListPartsResult', inner, S3_NAMESPACE));
}

export async function abortUpload(store: S3Store, request: S3Request, response: ServerResponse): Promise<void> {
  const uploadId = request.query.get('uploadId') ?? '';
  findUpload(store, request, uploadId);
  const parts = await store.index.parts(uploadId);
  await store.index.endUpload(
    request.bucket,
    request.key,
    uploadId,
    parts.map(({ number }) => number),
  );
  for (const { record } of parts) store.blobs.remove(record.blob);
  response.writeHead(204).end();
}

interface NamedPart {
  readonly number: number;
  readonly eTag: string;
  readonly checksum?: string | undefined;
}

export async function completeUpload(store: S3Store, request: S3Request, response: ServerResponse, body: string) {
  const uploadId = request.query.get('uploadId') ?? '';
  const upload = findUpload(store, request, uploadId);
  const stored = await store.index.parts(uploadId);
  const parts = chooseParts(readNamedParts(body), new Map(stored.map(({ number, record }) => [number, record])));
  const promised = upload.algorithm === undefined ? undefined : request.header(checksumHeader(upload.algorithm));
  const { id, result } = await store.receive(async (writer) => {
    const whole = upload.checksumType === 'FULL_OBJECT' && upload.algorithm ? runningChecksum(upload.algorithm) : null;
    for (const part of parts) {
      const file = await store.blobs.read(part.blob);
      if (file === null) throw new S3Error('NoSuchUpload', 'The multipart upload has ended in the meantime.');
      for await (const chunk of file.createReadStream({ highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
        whole?.update(chunk);
        await writer.write(chunk);
      }
    }
    const checksum = checksumOf(upload, parts, whole?.digest());
    if (promised !== undefined && promised.replace(/-\d+$/, '') !== checksum?.value.replace(/-\d+$/, '')) {
      throw new S3Error('BadDigest', 'The checksum of the whole object does not match its parts.');
    }
    return checksum;
  });
  const blob = { id, size: parts.reduce((sum, part) => sum + part.size, 0), eTag: eTagOf(parts), checksum: result };
  const numbers = stored.map(({ number }) => number);
  const record = await store.commit(
    request.bucket,
    request.key,
    blob,
    upload,
    'CompleteMultipartUpload',
    writeConditions(request),
    (next) => store.index.endUpload(request.bucket, request.key, uploadId, numbers, next),
  );
  for (const part of stored) store.blobs.remove(part.record.blob);
  const inner =
    element('Location', `/${request.bucket}/${request.key}`) +
    element('Bucket', request.bucket) +
    element('Key', request.key) +
    element('ETag', `"${record.eTag}"`) +
    (record.checksum === undefined
      ? ''
      : element(`Checksum${record.checksum.algorithm}`, record.checksum.value) +
        element('ChecksumType', record.checksum.type));
  sendXml(response, xmlDocument('CompleteMultipartUploadResult', inner, S3_NAMESPACE));
}

function readNamedParts(body: string): NamedPart[] {
  const document = parsed(body).CompleteMultipartUpload as { Part?: Array<Record<string, unknown>> } | undefined;
  const parts = (document?.Part ?? []).map((part) => ({
    number: Number(part.PartNumber),
    eTag: String(part.ETag ?? '').replaceAll('"', ''),
    checksum: CHECKSUM_ALGORITHMS.map((name) => part[`Checksum${name}`]).find((value) => typeof value === 'string') as
      | string
      | undefined,
  }));
  if (parts.length === 0 || parts.some(({ number }) => !Number.isInteger(number))) {
    throw new S3Error('MalformedXML', 'The list of parts is empty or malformed.');
  }
  return parts;
}

function chooseParts(named: readonly NamedPart[], stored: ReadonlyMap<number, PartRecord>): PartRecord[] {
  if (named.some(({ number }, index) => index > 0 && (named[index - 1]?.number ?? 0) >= number)) {
    throw new S3Error('InvalidPartOrder', 'The list of parts was not in ascending order.');
  }
  return named.map(({ number, eTag, checksum }, index) => {
    const record = stored.get(number);
    if (record?.eTag !== eTag || (checksum !== undefined && record.checksum?.value !== checksum)) {
      throw new S3Error('InvalidPart', 'One or more of the specified parts could not be found.');
    }
    if (index < named.length - 1 && record.size < MIN_PART_BYTES) {
      throw new S3Error('EntityTooSmall', 'A part but the last is smaller than 5 MiB.');
    }
    return record;
  });
}

function eTagOf(parts: readonly PartRecord[]): string {
  const digests = Buffer.concat(parts.map((part) => Buffer.from(part.eTag, 'hex')));
  return `${createHash('md5').update(digests).digest('hex')}-${parts.length}`;
}

function checksumOf(
  upload: UploadRecord,
  parts: readonly PartRecord[],
  whole: Buffer | undefined,
): StoredChecksum | undefined {
  const { algorithm } = upload;
  if (algorithm === undefined) return undefined;
  if (whole !== undefined) return { algorithm, value: whole.toString('base64'), type: 'FULL_OBJECT' };
  const values = parts.map((part) => (part.checksum?.algorithm === algorithm ? part.checksum.value : undefined));
  if (values.some((value) => value === undefined)) return undefined;
  const running = runningChecksum(algorithm);
  for (const value of values) running.update(Buffer.from(value ?? '', 'base64'));
  return { algorithm, value: `${running.digest().toString('base64')}-${parts.length}`, type: 'COMPOSITE' };
}
