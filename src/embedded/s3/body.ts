import { createHash, timingSafeEqual } from 'node:crypto';
import type { BlobWriter } from './blobs.ts';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, checksumHeader, runningChecksum } from './checksums.ts';
import { decodeChunked } from './chunked.ts';
import { S3Error } from './errors.ts';
import type { StoredChecksum } from './index-store.ts';
import type { S3Request } from './request.ts';

export interface ReceivedBody {
  readonly size: number;
  /** In hex. */
  readonly md5: string;
  readonly checksum?: StoredChecksum;
}

/** What the headers promise of a body. */
export interface BodyPromise {
  /** Bytes after decoding; null where it is not said. */
  readonly length: number | null;
  /** Base64. */
  readonly contentMd5?: string | undefined;
  /** Hex. */
  readonly sha256?: string | undefined;
  readonly algorithm?: ChecksumAlgorithm | undefined;
  /** Base64; where it is missing and an algorithm is given, the trailer must bring it or it is only computed. */
  readonly checksum?: string | undefined;
  readonly trailer?: string | undefined;
}

/** Largest body of one PUT or part: 5 GiB, as S3. */
export const MAX_BODY_BYTES = 5 * 2 ** 30;

/** Reads a request's body into a blob, verifying every length and checksum that headers and trailers promise. */
export async function receiveBody(request: S3Request, payloadHash: string, writer: BlobWriter): Promise<ReceivedBody> {
  const promise = promiseOf(request, payloadHash);
  const trailers = new Map<string, string>();
  const source: AsyncIterable<Buffer> = payloadHash.startsWith('STREAMING-')
    ? decodeChunked(request.raw, trailers)
    : request.raw;
  return measureBody(source, promise, trailers, writer);
}

export async function measureBody(
  source: AsyncIterable<Buffer>,
  promise: BodyPromise,
  trailers: ReadonlyMap<string, string>,
  writer: BlobWriter,
): Promise<ReceivedBody> {
  const md5 = createHash('md5');
  const sha256 = promise.sha256 === undefined ? null : createHash('sha256');
  const running = promise.algorithm === undefined ? null : runningChecksum(promise.algorithm);
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new S3Error('EntityTooLarge', 'The body is larger than 5 GiB.');
    md5.update(chunk);
    sha256?.update(chunk);
    running?.update(chunk);
    await writer.write(chunk);
  }
  if (promise.length !== null && size !== promise.length) {
    throw new S3Error('IncompleteBody', 'The body has not the length that the headers promise.');
  }
  if (sha256 !== null && sha256.digest('hex') !== promise.sha256) {
    throw new S3Error('XAmzContentSHA256Mismatch', 'The body does not match x-amz-content-sha256.');
  }
  const digest = md5.digest();
  if (promise.contentMd5 !== undefined) {
    equalOr('InvalidDigest', 'BadDigest', 'Content-MD5', promise.contentMd5, digest);
  }
  const md5Hex = digest.toString('hex');
  if (running === null || promise.algorithm === undefined) return { size, md5: md5Hex };
  const computed = running.digest();
  const given = promise.trailer === undefined ? promise.checksum : trailers.get(promise.trailer);
  if (promise.trailer !== undefined && given === undefined) {
    throw new S3Error('InvalidRequest', 'The trailer that x-amz-trailer names is missing.');
  }
  if (given !== undefined) equalOr('InvalidRequest', 'BadDigest', checksumHeader(promise.algorithm), given, computed);
  const checksum = { algorithm: promise.algorithm, value: computed.toString('base64'), type: 'FULL_OBJECT' } as const;
  return { size, md5: md5Hex, checksum };
}

function equalOr(
  malformed: 'InvalidDigest' | 'InvalidRequest',
  differs: 'BadDigest',
  name: string,
  given: string,
  computed: Buffer,
): void {
  const bytes = Buffer.from(given, 'base64');
  if (bytes.length !== computed.length) throw new S3Error(malformed, `${name} is not a valid value.`);
  if (!timingSafeEqual(bytes, computed)) throw new S3Error(differs, `${name} does not match the body.`);
}

function promiseOf(request: S3Request, payloadHash: string): BodyPromise {
  const decoded = request.header('x-amz-decoded-content-length');
  const streaming = payloadHash.startsWith('STREAMING-');
  const length = streaming ? decoded : request.header('content-length');
  if (length === undefined && request.header('transfer-encoding') === undefined) {
    throw new S3Error('MissingContentLength', 'Content-Length is missing.');
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw new S3Error('InvalidArgument', 'The length is not a number.');
  if (length !== undefined && Number(length) > MAX_BODY_BYTES) {
    throw new S3Error('EntityTooLarge', 'The body is larger than 5 GiB.');
  }
  const given = checksumGiven(request);
  return {
    length: length === undefined ? null : Number(length),
    contentMd5: request.header('content-md5'),
    sha256: /^[0-9a-f]{64}$/.test(payloadHash) ? payloadHash : undefined,
    ...given,
  };
}

/** The checksum that headers promise: at most one, by value or by trailer. */
export function checksumGiven(request: S3Request): Pick<BodyPromise, 'algorithm' | 'checksum' | 'trailer'> {
  const present = CHECKSUM_ALGORITHMS.filter((name) => request.header(checksumHeader(name)) !== undefined);
  const trailer = request.header('x-amz-trailer')?.toLowerCase().trim();
  const trailing = CHECKSUM_ALGORITHMS.find((name) => checksumHeader(name) === trailer);
  if (trailer !== undefined && trailing === undefined) {
    throw new S3Error('InvalidRequest', 'x-amz-trailer names no checksum that is supported.');
  }
  if (present.length + (trailing === undefined ? 0 : 1) > 1) {
    throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header.');
  }
  if (trailing !== undefined) return { algorithm: trailing, trailer };
  const [algorithm] = present;
  if (algorithm !== undefined) return { algorithm, checksum: request.header(checksumHeader(algorithm)) };
  return {};
}

export function readAlgorithm(name: string | undefined): ChecksumAlgorithm | undefined {
  if (name === undefined) return undefined;
  const found = CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase());
  if (found === undefined) throw new S3Error('InvalidRequest', 'The checksum algorithm is not supported.');
  return found;
}
