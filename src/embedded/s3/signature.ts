import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { S3Error } from './errors.ts';
import { type S3Request, uriEncode } from './request.ts';

/**
 * Signature Version 4, checked on every request, so that no other user of the machine can read through the loopback
 * port. Source: AWS General Reference, "Signature Version 4 signing process"; S3 API reference, "Authenticating
 * requests".
 */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_SKEW_MS = 15 * 60_000;
const MAX_EXPIRES_SECONDS = 604_800;

/** What a valid signature says about the body: its SHA-256 in hex, or one of S3's words such as `UNSIGNED-PAYLOAD`. */
export interface SignedPayload {
  readonly payloadHash: string;
}

interface Scope {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly text: string;
}

export interface SignatureChecker {
  /** Throws `S3Error` unless the header or the query of the request is signed with the credentials. */
  checkRequest(request: S3Request, nowMs: number): SignedPayload;
  /** Throws unless `signature` signs a POST policy document, given in base64. */
  checkPolicy(policy: string, credential: string, signature: string): void;
}

export function signatureChecker(credentials: Credentials): SignatureChecker {
  let cached: { scope: string; key: Buffer } | undefined;
  const signingKey = (scope: Scope): Buffer => {
    if (cached?.scope !== scope.text)
      cached = { scope: scope.text, key: deriveKey(credentials.secretAccessKey, scope) };
    return cached.key;
  };
  const verify = (scope: Scope, stringToSign: string, signature: string): void => {
    if (scope.accessKeyId !== credentials.accessKeyId) {
      throw new S3Error('InvalidAccessKeyId', 'The access key is not known here.');
    }
    const expected = hmac(signingKey(scope), stringToSign);
    const given = Buffer.from(signature, 'hex');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new S3Error('SignatureDoesNotMatch', 'The signature does not match the request.');
    }
  };
  return {
    checkRequest: (request, nowMs) =>
      request.query.has('X-Amz-Signature') ? checkQuery(request, nowMs, verify) : checkHeader(request, nowMs, verify),
    checkPolicy: (policy, credential, signature) => verify(readScope(credential), policy, signature),
  };
}

type Verify = (scope: Scope, stringToSign: string, signature: string) => void;

function checkHeader(request: S3Request, nowMs: number, verify: Verify): SignedPayload {
  const authorization = request.header('authorization');
  if (authorization === undefined) throw new S3Error('AccessDenied', 'The request is not signed.');
  const parts = /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(
    authorization,
  );
  if (parts === null) throw new S3Error('InvalidArgument', 'Only Signature Version 4 is supported.');
  const date = request.header('x-amz-date') ?? '';
  if (Math.abs(readDate(date) - nowMs) > MAX_SKEW_MS) {
    throw new S3Error('RequestTimeTooSkewed', 'The time of the request differs too much from the time here.');
  }
  const payloadHash = request.header('x-amz-content-sha256');
  if (payloadHash === undefined) throw new S3Error('InvalidRequest', 'x-amz-content-sha256 is missing.');
  const scope = readScope(parts[1] ?? '');
  const canonical = canonicalRequest(request, (parts[2] ?? '').split(';'), payloadHash);
  verify(scope, stringToSign(date, scope, canonical), parts[3] ?? '');
  return { payloadHash };
}

function checkQuery(request: S3Request, nowMs: number, verify: Verify): SignedPayload {
  const parameter = (name: string): string => request.query.get(name) ?? '';
  if (parameter('X-Amz-Algorithm') !== ALGORITHM)
    throw new S3Error('InvalidArgument', 'Only Signature Version 4 is supported.');
  const date = parameter('X-Amz-Date');
  const signedAt = readDate(date);
  const expires = Number(parameter('X-Amz-Expires'));
  if (!Number.isInteger(expires) || expires < 1 || expires > MAX_EXPIRES_SECONDS) {
    throw new S3Error('InvalidArgument', 'X-Amz-Expires must be 1 to 604800 seconds.');
  }
  if (signedAt > nowMs + MAX_SKEW_MS) throw new S3Error('RequestTimeTooSkewed', 'The request is signed in the future.');
  if (nowMs > signedAt + expires * 1000) throw new S3Error('AccessDenied', 'Request has expired');
  const payloadHash =
    request.header('x-amz-content-sha256') ?? request.query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD';
  const scope = readScope(parameter('X-Amz-Credential'));
  const canonical = canonicalRequest(request, parameter('X-Amz-SignedHeaders').split(';'), payloadHash);
  verify(scope, stringToSign(date, scope, canonical), parameter('X-Amz-Signature'));
  return { payloadHash };
}

function canonicalRequest(request: S3Request, signedHeaders: readonly string[], payloadHash: string): string {
  if (!signedHeaders.includes('host')) throw new S3Error('AccessDenied', 'The host header must be signed.');
  const path = request.path
    .split('/')
    .map((segment) => uriEncode(decodeURIComponent(segment)))
    .join('/');
  const query = [...request.query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const headers = signedHeaders
    .map((name) => `${name}:${(request.header(name) ?? '').trim().replace(/ +/g, ' ')}\n`)
    .join('');
  return [request.method, path, query, headers, signedHeaders.join(';'), payloadHash].join('\n');
}

const stringToSign = (date: string, scope: Scope, canonical: string): string =>
  [ALGORITHM, date, scope.text, createHash('sha256').update(canonical).digest('hex')].join('\n');

function readScope(credential: string): Scope {
  const parts = /^([^/]+)\/((\d{8})\/([a-z0-9-]+)\/s3\/aws4_request)$/.exec(credential);
  if (parts === null) throw new S3Error('InvalidArgument', 'The credential scope is not one of S3.');
  return { accessKeyId: parts[1] ?? '', text: parts[2] ?? '', date: parts[3] ?? '', region: parts[4] ?? '' };
}

/** `20261123T090352Z` as epoch milliseconds. */
function readDate(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) throw new S3Error('AccessDenied', 'The request has no valid date.');
  const [, year, month, day, hour, minute, second] = parts.map(Number);
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
}

const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function deriveKey(secret: string, scope: Scope): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, scope.date), scope.region), 's3'), 'aws4_request');
}
