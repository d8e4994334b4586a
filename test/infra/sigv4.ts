import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface SigningKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

interface Signed {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly host: string;
  readonly body: Buffer;
  /** `20260101T000000Z`. */
  readonly date: string;
}

const SIGNED_HEADERS = 'host;x-amz-date';
const SCOPE = 'eu-central-1/execute-api/aws4_request';
const hash = (value: string | Buffer): string => createHash('sha256').update(value).digest('hex');
const hmac = (key: string | Buffer, value: string): Buffer => createHmac('sha256', key).update(value).digest();

/** Signature Version 4 of a request to an API, in hex. Source: IAM User Guide, "Create a signed AWS API request". */
function signatureOf({ method, path, query, host, body, date }: Signed, secretAccessKey: string): string {
  const sorted = [...query].map((pair) => pair.map(encodeURIComponent).join('=')).sort();
  const canonical = [
    ...[method, path, sorted.join('&'), `host:${host}`, `x-amz-date:${date}`, '', SIGNED_HEADERS],
    hash(body),
  ].join('\n');
  const day = date.slice(0, 8);
  const key = SCOPE.split('/').reduce<Buffer>(hmac, hmac(`AWS4${secretAccessKey}`, day));
  return hmac(key, ['AWS4-HMAC-SHA256', date, `${day}/${SCOPE}`, hash(canonical)].join('\n')).toString('hex');
}

const authorization = (request: Signed, { accessKeyId, secretAccessKey }: SigningKeys): string =>
  `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${request.date.slice(0, 8)}/${SCOPE}, SignedHeaders=${SIGNED_HEADERS}, ` +
  `Signature=${signatureOf(request, secretAccessKey)}`;

export function signedHeaders(url: URL, method: string, body: string, keys: SigningKeys): Record<string, string> {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const { pathname: path, searchParams: query, host } = url;
  const request = { method, path, query, host, body: Buffer.from(body), date };
  return { 'x-amz-date': date, authorization: authorization(request, keys) };
}

/** The access key that signed a request, of those that are known; null where none did. */
export function signer(request: Signed, header: string | undefined, known: readonly SigningKeys[]): string | null {
  const named = /Credential=([^/]+)\//.exec(header ?? '')?.[1];
  const keys = known.find(({ accessKeyId }) => accessKeyId === named);
  if (keys === undefined || header === undefined) return null;
  const [given, expected] = [Buffer.from(header), Buffer.from(authorization(request, keys))];
  return given.length === expected.length && timingSafeEqual(given, expected) ? keys.accessKeyId : null;
}
