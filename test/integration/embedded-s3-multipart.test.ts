import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BUCKET as Bucket, failure, newKey, type S3Fixture, startS3 } from './embedded-s3-fixture.ts';

const MIB = 2 ** 20;
let s3: S3Fixture;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(async () => {
  expect(s3.faults).toEqual([]);
  await s3.close();
});

const read = async (Key: string, more: object = {}) => {
  const answer = await s3.client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
};
const begin = async (Key: string, more: object = {}) =>
  (await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId ?? '';
const part = async (Key: string, UploadId: string, PartNumber: number, Body: Uint8Array): Promise<CompletedPart> => {
  const { ETag } = await s3.client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
  return { ETag, PartNumber };
};
const complete = (Key: string, UploadId: string, Parts: CompletedPart[], more: object = {}) =>
  s3.client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }));
const blobs = async () =>
  (await readdir(join(s3.folder, 'blobs'), { recursive: true })).filter((name) => name.length > 3);

describe('lib-storage', () => {
  it.each(['a buffer', 'a stream'])('uploads %s in parts', async (kind) => {
    const Key = newKey();
    const body = randomBytes(16 * MIB + 12_345);
    const Body = kind === 'a buffer' ? body : Readable.from(chunked(body, 300_000));
    s3.created.length = 0;
    const upload = new Upload({ client: s3.client, params: { Bucket, Key, Body, ContentType: 'application/zip' } });
    const { ETag } = (await upload.done()) as { ETag?: string };
    const digests = chunked(body, 5 * MIB).map((piece) => createHash('md5').update(piece).digest());
    const expected = createHash('md5').update(Buffer.concat(digests)).digest('hex');
    expect(ETag).toBe(`"${expected}-4"`);
    expect((await read(Key)).equals(body)).toBe(true);
    expect((await read(Key, { Range: `bytes=${5 * MIB - 2}-${5 * MIB + 1}` })).length).toBe(4);
    const head = await s3.client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head).toMatchObject({ ContentLength: body.length, ContentType: 'application/zip', ETag });
    expect(s3.created).toMatchObject([{ key: Key, by: 'CompleteMultipartUpload', size: body.length }]);
  });
});

describe('multipart uploads', () => {
  it('list their parts, the last one of a number counting', async () => {
    const Key = newKey();
    const UploadId = await begin(Key);
    await part(Key, UploadId, 2, Buffer.from('two'));
    await part(Key, UploadId, 1, Buffer.from('old'));
    const { ETag } = await part(Key, UploadId, 1, Buffer.from('one!'));
    const listed = await s3.client.send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 1 }));
    expect(listed).toMatchObject({
      IsTruncated: true,
      NextPartNumberMarker: '1',
      Parts: [{ PartNumber: 1, Size: 4, ETag }],
    });
    const rest = await s3.client.send(new ListPartsCommand({ Bucket, Key, UploadId, PartNumberMarker: '1' }));
    expect(rest).toMatchObject({ IsTruncated: false, Parts: [{ PartNumber: 2, Size: 3 }] });
    expect(await failure(read(Key))).toEqual({ code: 'NoSuchKey', status: 404 });
  });

  it('refuse parts that are too small, out of order, unknown or another version', async () => {
    const Key = newKey();
    const UploadId = await begin(Key);
    const small = await part(Key, UploadId, 1, Buffer.from('small'));
    const last = await part(Key, UploadId, 2, Buffer.from('last'));
    expect((await failure(complete(Key, UploadId, [small, last]))).code).toBe('EntityTooSmall');
    expect((await failure(complete(Key, UploadId, [last, small]))).code).toBe('InvalidPartOrder');
    expect((await failure(complete(Key, UploadId, [{ PartNumber: 3, ETag: '"a"' }]))).code).toBe('InvalidPart');
    expect((await failure(complete(Key, UploadId, [{ PartNumber: 2, ETag: small.ETag }]))).code).toBe('InvalidPart');
    await complete(Key, UploadId, [last]);
    expect((await read(Key)).toString()).toBe('last');
    expect((await failure(complete(Key, UploadId, [last]))).code).toBe('NoSuchUpload');
  });

  it('leave nothing on disk when they are aborted or replaced', async () => {
    const before = await blobs();
    const Key = newKey();
    const UploadId = await begin(Key);
    await part(Key, UploadId, 1, randomBytes(MIB));
    await part(Key, UploadId, 1, randomBytes(MIB));
    await s3.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    expect(await blobs()).toEqual(before);
    expect((await failure(part(Key, UploadId, 1, randomBytes(5)))).code).toBe('NoSuchUpload');
    const again = await begin(Key);
    const parts = [await part(Key, again, 1, randomBytes(5 * MIB)), await part(Key, again, 2, randomBytes(5))];
    await part(Key, again, 9, randomBytes(5));
    await complete(Key, again, parts);
    expect(await blobs()).toHaveLength(before.length + 1);
    expect(await readdir(join(s3.folder, 'incoming'))).toEqual([]);
  });

  it('meet a condition at their end', async () => {
    const Key = newKey();
    await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: 'there' }));
    const UploadId = await begin(Key);
    const parts = [await part(Key, UploadId, 1, Buffer.from('new'))];
    expect((await failure(complete(Key, UploadId, parts, { IfNoneMatch: '*' }))).status).toBe(412);
    expect((await read(Key)).toString()).toBe('there');
    await complete(Key, UploadId, parts);
    expect((await read(Key)).toString()).toBe('new');
  });

  it('give the checksum of the whole object where it was asked for', async () => {
    const Key = newKey();
    const asked = { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'FULL_OBJECT' };
    const UploadId = await begin(Key, asked);
    const send = (PartNumber: number, Body: string) =>
      s3.client.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ChecksumAlgorithm: 'CRC64NVME' }),
      );
    const { ETag } = await send(1, '123456789');
    const wrong = { ChecksumCRC64NVME: 'AAAAAAAAAAA=', ChecksumType: 'FULL_OBJECT' };
    expect((await failure(complete(Key, UploadId, [{ PartNumber: 1, ETag }], wrong))).code).toBe('BadDigest');
    const answer = await complete(Key, UploadId, [{ PartNumber: 1, ETag }]);
    expect(answer.ChecksumCRC64NVME).toBe(Buffer.from('ae8b14860a799888', 'hex').toString('base64'));
  });

  it('give the checksum of the checksums otherwise', async () => {
    const Key = newKey();
    const UploadId = await begin(Key, { ChecksumAlgorithm: 'SHA256' });
    const body = randomBytes(5 * MIB);
    const parts: CompletedPart[] = [];
    for (const [index, Body] of [body, Buffer.from('rest')].entries()) {
      const one = new UploadPartCommand({
        Bucket,
        Key,
        UploadId,
        PartNumber: index + 1,
        Body,
        ChecksumAlgorithm: 'SHA256',
      });
      const { ETag, ChecksumSHA256 } = await s3.client.send(one);
      parts.push({ PartNumber: index + 1, ETag, ChecksumSHA256 });
    }
    const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
    const expected = sha256(Buffer.concat([sha256(body), sha256(Buffer.from('rest'))])).toString('base64');
    expect((await complete(Key, UploadId, parts)).ChecksumSHA256).toBe(`${expected}-2`);
    expect((await read(Key, { ChecksumMode: 'ENABLED' })).length).toBe(5 * MIB + 4);
  });

  it('do not copy parts: 501', async () => {
    const Key = newKey();
    const UploadId = await begin(Key);
    const copy = new UploadPartCopyCommand({ Bucket, Key, UploadId, PartNumber: 1, CopySource: `${Bucket}/x` });
    expect(await failure(s3.client.send(copy))).toEqual({ code: 'NotImplemented', status: 501 });
  });
});

it('takes a client that goes away in the middle for no fault, and keeps nothing of it', async () => {
  const Key = newKey();
  const gone = new AbortController();
  const Body = Readable.from(
    (async function* () {
      yield randomBytes(2 * MIB);
      await new Promise((resolve) => setTimeout(resolve, 50));
      gone.abort();
      yield randomBytes(2 * MIB);
    })(),
  );
  const put = new PutObjectCommand({ Bucket, Key, Body, ContentLength: 4 * MIB });
  await expect(s3.client.send(put, { abortSignal: gone.signal })).rejects.toThrow();
  expect(await failure(read(Key))).toEqual({ code: 'NoSuchKey', status: 404 });
  await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: randomBytes(8 * MIB) }));
  const answer = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
  (answer.Body as Readable).destroy();
  await vi.waitFor(async () => expect(await readdir(join(s3.folder, 'incoming'))).toEqual([]));
  expect((await read(Key)).length).toBe(8 * MIB);
  expect(s3.faults).toEqual([]);
});

it('keeps memory flat while a large body comes and goes', async () => {
  const Key = newKey();
  const piece = randomBytes(4 * MIB);
  const size = 400 * MIB;
  const pieces = function* () {
    for (let sent = 0; sent < size; sent += piece.length) yield piece;
  };
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 20);
  const Body = Readable.from(pieces());
  await s3.client.send(new PutObjectCommand({ Bucket, Key, Body, ContentLength: size }));
  const answer = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
  let got = 0;
  for await (const chunk of answer.Body as Readable) got += (chunk as Buffer).length;
  clearInterval(watch);
  expect(got).toBe(size);
  expect(most - before).toBeLessThan(150 * MIB);
});

function chunked(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}
