import { createHash } from 'node:crypto';
import { checksumGiven } from './body.ts';
import { runningChecksum } from './checksums.ts';
import { decodeChunked } from './chunked.ts';
import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';

/** A list of 10,000 parts or 1,000 long keys fits. */
const MAX_DOCUMENT_BYTES = 4 * 2 ** 20;

/** Reads a small XML body into memory, verifying what the headers promise of it. */
export async function readDocument(request: S3Request, payloadHash: string): Promise<string> {
  const trailers = new Map<string, string>();
  const streaming = payloadHash.startsWith('STREAMING-');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of streaming ? decodeChunked(request.raw, trailers) : (request.raw as AsyncIterable<Buffer>)) {
    size += chunk.length;
    if (size > MAX_DOCUMENT_BYTES) throw new S3Error('MalformedXML', 'The document is too large.');
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (/^[0-9a-f]{64}$/.test(payloadHash) && createHash('sha256').update(body).digest('hex') !== payloadHash) {
    throw new S3Error('XAmzContentSHA256Mismatch', 'The body does not match x-amz-content-sha256.');
  }
  const md5 = request.header('content-md5');
  if (md5 !== undefined && createHash('md5').update(body).digest('base64') !== md5) {
    throw new S3Error('BadDigest', 'Content-MD5 does not match the body.');
  }
  // CompleteMultipartUpload carries the checksum of the object it makes, not of its body.
  if (!request.query.has('uploadId')) checkChecksum(request, body, trailers);
  return body.toString('utf8');
}

function checkChecksum(request: S3Request, body: Buffer, trailers: ReadonlyMap<string, string>): void {
  const { algorithm, checksum, trailer } = checksumGiven(request);
  if (algorithm === undefined) return;
  const running = runningChecksum(algorithm);
  running.update(body);
  const given = trailer === undefined ? checksum : trailers.get(trailer);
  if (running.digest().toString('base64') !== given)
    throw new S3Error('BadDigest', 'The checksum does not match the body.');
}
