import type { ServerResponse } from 'node:http';
import { type BodyPromise, measureBody } from './body.ts';
import { CHECKSUM_ALGORITHMS, checksumHeader } from './checksums.ts';
import { S3Error } from './errors.ts';
import { readForm } from './form.ts';
import { readObjectHeaders } from './object-headers.ts';
import { sendXml } from './objects.ts';
import { checkPolicy, type LengthRange } from './policy.ts';
import { checkKey, type S3Request } from './request.ts';
import type { SignatureChecker } from './signature.ts';
import type { S3Store } from './store.ts';
import { element, xmlDocument } from './xml.ts';

/** In the key of a form: where the file's own name goes. */
const FILE_NAME_PLACE = `\${filename}`;

/** A browser's presigned POST (S3 API reference, "POST Object"). */
export async function postObject(
  store: S3Store,
  request: S3Request,
  response: ServerResponse,
  checker: SignatureChecker,
  nowMs: number,
): Promise<void> {
  const form = await readForm(request.header('content-type') ?? '', request.raw);
  const range = checkPolicy(form.fields, request.bucket, checker, nowMs);
  if (form.fields.has('success_action_redirect') || form.fields.has('redirect')) {
    throw new S3Error('NotImplemented', 'success_action_redirect is not implemented.');
  }
  const key = (form.fields.get('key') ?? '').replaceAll(FILE_NAME_PLACE, () => form.fileName);
  if (key === '') throw new S3Error('InvalidArgument', 'Bucket POST must contain a field named key.');
  checkKey(key);
  const headers = readObjectHeaders((name) => form.fields.get(name), Object.fromEntries(form.fields));
  const promise = promiseOf(form.fields);
  const { id, result } = await store.receive((writer) =>
    measureBody(within(form.file, range), promise, new Map(), writer),
  );
  const blob = { id, size: result.size, eTag: result.md5, checksum: result.checksum };
  const record = await store.commit(request.bucket, key, blob, headers, 'Post');
  answer(response, form.fields.get('success_action_status'), request.bucket, key, record.eTag);
}

function answer(response: ServerResponse, wanted: string | undefined, bucket: string, key: string, eTag: string): void {
  const headers = { etag: `"${eTag}"`, location: `/${bucket}/${encodeURIComponent(key)}` };
  if (wanted !== '201') {
    response
      .writeHead(wanted === '200' ? 200 : 204, { ...headers, ...(wanted === '200' ? { 'content-length': 0 } : {}) })
      .end();
    return;
  }
  const inner =
    element('Location', headers.location) +
    element('Bucket', bucket) +
    element('Key', key) +
    element('ETag', `"${eTag}"`);
  sendXml(response, xmlDocument('PostResponse', inner), 201, headers);
}

function promiseOf(fields: ReadonlyMap<string, string>): BodyPromise {
  const algorithm = CHECKSUM_ALGORITHMS.find((name) => fields.has(checksumHeader(name)));
  return {
    length: null,
    contentMd5: fields.get('content-md5'),
    algorithm,
    checksum: algorithm === undefined ? undefined : fields.get(checksumHeader(algorithm)),
  };
}

async function* within(file: AsyncIterable<Buffer>, range: LengthRange): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  for await (const chunk of file) {
    size += chunk.length;
    if (size > range.most) throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size');
    yield chunk;
  }
  if (size < range.least)
    throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size');
}
