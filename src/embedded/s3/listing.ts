import type { ServerResponse } from 'node:http';
import { S3Error } from './errors.ts';
import type { ListedObject } from './index-store.ts';
import { sendXml } from './objects.ts';
import { type S3Request, uriEncode } from './request.ts';
import type { S3Store } from './store.ts';
import { element, group, optionalElement, S3_NAMESPACE, xmlDocument } from './xml.ts';

interface ListingQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  readonly after: string;
}

interface Listing {
  readonly objects: ListedObject[];
  readonly prefixes: string[];
  /** The last key or common prefix that was given out; null where nothing follows. */
  readonly next: string | null;
}

/** ListObjectsV2 (S3 API reference). */
export async function listObjects(store: S3Store, request: S3Request, response: ServerResponse): Promise<void> {
  const parameter = (name: string): string | undefined => request.query.get(name);
  if (parameter('list-type') !== '2')
    throw new S3Error('NotImplemented', 'ListObjects of version 1 is not implemented.');
  const token = parameter('continuation-token');
  const encoding = parameter('encoding-type');
  if (encoding !== undefined && encoding !== 'url') throw new S3Error('InvalidArgument', 'encoding-type must be url.');
  const query: ListingQuery = {
    prefix: parameter('prefix') ?? '',
    delimiter: parameter('delimiter') ?? '',
    maxKeys: readMaxKeys(parameter('max-keys')),
    after: token === undefined ? (parameter('start-after') ?? '') : readToken(token),
  };
  const listing = await list(store, request.bucket, query);
  const name = (text: string): string => (encoding === 'url' ? uriEncode(text).replaceAll('%2F', '/') : text);
  const inner = [
    element('Name', request.bucket),
    element('Prefix', name(query.prefix)),
    optionalElement('Delimiter', query.delimiter === '' ? undefined : name(query.delimiter)),
    optionalElement('StartAfter', token === undefined ? name(query.after) : undefined),
    optionalElement('ContinuationToken', token),
    optionalElement('EncodingType', encoding),
    element('KeyCount', listing.objects.length + listing.prefixes.length),
    element('MaxKeys', query.maxKeys),
    element('IsTruncated', listing.next !== null),
    optionalElement('NextContinuationToken', listing.next === null ? undefined : writeToken(listing.next)),
    ...listing.objects.map(({ key, record }) =>
      group(
        'Contents',
        element('Key', name(key)) +
          element('LastModified', new Date(record.modifiedMs).toISOString()) +
          element('ETag', `"${record.eTag}"`) +
          optionalElement('ChecksumAlgorithm', record.checksum?.algorithm) +
          element('Size', record.size) +
          element('StorageClass', 'STANDARD'),
      ),
    ),
    ...listing.prefixes.map((prefix) => group('CommonPrefixes', element('Prefix', name(prefix)))),
  ].join('');
  sendXml(response, xmlDocument('ListBucketResult', inner, S3_NAMESPACE));
}

async function list(store: S3Store, bucket: string, query: ListingQuery): Promise<Listing> {
  const { prefix, delimiter, maxKeys, after } = query;
  const objects: ListedObject[] = [];
  const prefixes: string[] = [];
  let last = '';
  if (maxKeys === 0) return { objects, prefixes, next: null };
  const walk = store.index.walk(bucket, prefix, after);
  try {
    for (let step = await walk.next(); step.done !== true; ) {
      const { key } = step.value;
      const common = commonPrefix(key, prefix, delimiter);
      if (common !== null && after === common) {
        step = await walk.next(common);
        continue;
      }
      if (objects.length + prefixes.length === maxKeys) return { objects, prefixes, next: last };
      last = common ?? key;
      if (common === null) objects.push(step.value);
      else prefixes.push(common);
      step = await walk.next(common ?? undefined);
    }
  } finally {
    await walk.return();
  }
  return { objects, prefixes, next: null };
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | null {
  const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
  return at < 0 ? null : key.slice(0, at + delimiter.length);
}

function readMaxKeys(text: string | undefined): number {
  if (text === undefined) return 1000;
  if (!/^\d{1,10}$/.test(text)) throw new S3Error('InvalidArgument', 'max-keys is not a number.');
  return Math.min(1000, Number(text));
}

const writeToken = (last: string): string => Buffer.from(`1${last}`).toString('base64url');

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith('1') || writeToken(text.slice(1)) !== token) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect');
  }
  return text.slice(1);
}
