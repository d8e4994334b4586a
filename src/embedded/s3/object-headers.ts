import { S3Error } from './errors.ts';
import type { ObjectHeaders, ObjectRecord } from './index-store.ts';

const STANDARD = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires'] as const;
const METADATA_PREFIX = 'x-amz-meta-';
/** Names and values of user metadata together (S3 user guide, "Working with object metadata"). */
const MAX_METADATA_BYTES = 2048;

/** Requests that carry one of these ask for something that this server does not do. */
const UNSUPPORTED = [
  /^x-amz-server-side-encryption/,
  /^x-amz-object-lock-/,
  /^x-amz-grant-/,
  /^x-amz-tagging$/,
  /^x-amz-website-redirect-location$/,
  /^x-amz-write-offset-bytes$/,
  /^x-amz-mp-object-size$/,
];

/** What of a request's headers or form fields is stored with an object. `value` looks one up by lower-case name. */
export function readObjectHeaders(
  value: (name: string) => string | undefined,
  all: Readonly<Record<string, unknown>>,
): ObjectHeaders {
  const names = Object.keys(all);
  const refused = names.find((name) => UNSUPPORTED.some((pattern) => pattern.test(name)));
  if (refused !== undefined) throw new S3Error('NotImplemented', `${refused} is not implemented.`);
  const storageClass = value('x-amz-storage-class');
  if (storageClass !== undefined && storageClass !== 'STANDARD') {
    throw new S3Error('NotImplemented', 'STANDARD is the only storage class.');
  }
  const acl = value('x-amz-acl');
  if (acl !== undefined && acl !== 'private' && acl !== 'bucket-owner-full-control') {
    throw new S3Error('NotImplemented', 'Access control lists are not implemented.');
  }
  const metadata = Object.fromEntries(
    names
      .filter((name) => name.startsWith(METADATA_PREFIX))
      .map((name) => [name.slice(METADATA_PREFIX.length), value(name) ?? '']),
  );
  const bytes = Object.entries(metadata).reduce((sum, [name, text]) => sum + Buffer.byteLength(name + text), 0);
  if (bytes > MAX_METADATA_BYTES) throw new S3Error('MetadataTooLarge', 'Metadata is larger than 2 KB.');
  return { contentType: value('content-type') ?? 'binary/octet-stream', standard: readStandard(value), metadata };
}

function readStandard(value: (name: string) => string | undefined): Record<string, string> {
  return Object.fromEntries(
    STANDARD.flatMap((name) => {
      const given = value(name);
      const kept = name === 'content-encoding' ? withoutChunked(given) : given;
      return kept === undefined || kept === '' ? [] : [[name, kept]];
    }),
  );
}

/** `aws-chunked` describes the transfer, not the object. */
const withoutChunked = (encoding: string | undefined): string | undefined =>
  encoding
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== 'aws-chunked' && item !== '')
    .join(', ');

export function responseHeaders(record: ObjectRecord): Record<string, string> {
  return {
    'accept-ranges': 'bytes',
    etag: `"${record.eTag}"`,
    'last-modified': new Date(record.modifiedMs).toUTCString(),
    'content-type': record.contentType,
    ...record.standard,
    ...Object.fromEntries(Object.entries(record.metadata).map(([name, text]) => [METADATA_PREFIX + name, text])),
  };
}
