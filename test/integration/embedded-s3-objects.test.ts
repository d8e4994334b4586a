import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET as Bucket, failure, md5, newKey, type S3Fixture, startS3 } from './embedded-s3-fixture.ts';

let s3: S3Fixture;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(async () => {
  expect(s3.faults).toEqual([]);
  await s3.close();
});

const put = (Key: string, Body: Uint8Array | string, more: object = {}) =>
  s3.client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const read = async (Key: string, more: object = {}) => {
  const answer = await s3.client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return { ...answer, bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []) };
};

describe('objects', () => {
  it('keeps content, type, metadata and standard headers', async () => {
    const Key = newKey();
    const body = randomBytes(5000);
    const { ETag } = await put(Key, body, {
      ContentType: 'application/dicom',
      CacheControl: 'no-store',
      ContentDisposition: 'attachment; filename="a.dcm"',
      ContentEncoding: 'gzip',
      ContentLanguage: 'de',
      Metadata: { sha256: 'abc', 'two-words': 'a b' },
    });
    expect(ETag).toBe(`"${md5(body)}"`);
    const got = await read(Key);
    expect(got.bytes.equals(body)).toBe(true);
    expect(got).toMatchObject({
      ContentType: 'application/dicom',
      ContentLength: 5000,
      ContentEncoding: 'gzip',
      CacheControl: 'no-store',
      ContentDisposition: 'attachment; filename="a.dcm"',
      ContentLanguage: 'de',
      Metadata: { sha256: 'abc', 'two-words': 'a b' },
      ETag,
    });
    const head = await s3.client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head).toMatchObject({ ContentLength: 5000, ETag, Metadata: { sha256: 'abc', 'two-words': 'a b' } });
  });

  it('takes a stream of unknown content in chunks with a trailer', async () => {
    const Key = newKey();
    const body = randomBytes(3_456_789);
    const chunks = Array.from({ length: 60 }, (_, index) => body.subarray(index * 60_000, (index + 1) * 60_000));
    await s3.client.send(
      new PutObjectCommand({ Bucket, Key, Body: Readable.from(chunks), ContentLength: body.length }),
    );
    const got = await read(Key);
    expect(got.bytes.equals(body)).toBe(true);
    expect(got.ContentEncoding).toBeUndefined();
  });

  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'verifies %s of buffers and streams and gives it back',
    async (ChecksumAlgorithm) => {
      const body = randomBytes(100_001);
      for (const Body of [body, Readable.from([body.subarray(0, 7), body.subarray(7)])]) {
        const Key = newKey();
        const answer = await s3.client.send(
          new PutObjectCommand({ Bucket, Key, Body, ContentLength: body.length, ChecksumAlgorithm }),
        );
        const field = `Checksum${ChecksumAlgorithm}` as const;
        expect(answer[field]).toMatch(/=$/);
        const got = await read(Key, { ChecksumMode: 'ENABLED' });
        expect(got[field]).toBe(answer[field]);
        expect(got.bytes.equals(body)).toBe(true);
      }
    },
  );

  it.each([
    ['ChecksumCRC32', 'AAAAAA=='],
    ['ChecksumCRC32C', 'AAAAAA=='],
    ['ChecksumCRC64NVME', 'AAAAAAAAAAA='],
    ['ChecksumSHA1', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA='],
    ['ChecksumSHA256', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='],
    ['ContentMD5', 'AAAAAAAAAAAAAAAAAAAAAA=='],
  ])('refuses a body that differs from its %s and stores nothing', async (field, value) => {
    const Key = newKey();
    expect(await failure(put(Key, 'something', { [field]: value }))).toEqual({ code: 'BadDigest', status: 400 });
    expect(await failure(read(Key))).toEqual({ code: 'NoSuchKey', status: 404 });
  });

  it('keeps the published check values of every checksum', async () => {
    // CRC catalogue: check value of "123456789".
    const expected = {
      CRC32: Buffer.from('cbf43926', 'hex').toString('base64'),
      CRC32C: Buffer.from('e3069283', 'hex').toString('base64'),
      CRC64NVME: Buffer.from('ae8b14860a799888', 'hex').toString('base64'),
    };
    for (const [algorithm, value] of Object.entries(expected)) {
      const field = `Checksum${algorithm}`;
      expect(await put(newKey(), '123456789', { [field]: value })).toMatchObject({ [field]: value });
    }
  });

  it('replaces an object and deletes one; a second delete is no fault', async () => {
    const Key = newKey();
    await put(Key, 'one');
    await put(Key, 'three');
    expect((await read(Key)).bytes.toString()).toBe('three');
    await s3.client.send(new DeleteObjectCommand({ Bucket, Key }));
    expect(await failure(read(Key))).toEqual({ code: 'NoSuchKey', status: 404 });
    expect(await failure(s3.client.send(new HeadObjectCommand({ Bucket, Key })))).toEqual({
      code: 'NotFound',
      status: 404,
    });
    await s3.client.send(new DeleteObjectCommand({ Bucket, Key }));
  });

  it('deletes many at once, keys with characters of XML too', async () => {
    const names = [newKey(), `${newKey()} <&>"'`, `${newKey()}ä+%20`];
    for (const name of names) await put(name, 'x');
    const Objects = [...names, 'k/never'].map((Key) => ({ Key }));
    const { Deleted, Errors } = await s3.client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(Deleted?.map(({ Key }) => Key)).toEqual([...names, 'k/never']);
    expect(Errors).toBeUndefined();
    for (const name of names) expect(await failure(read(name))).toEqual({ code: 'NoSuchKey', status: 404 });
  });

  it('copies content with or without new metadata', async () => {
    const source = `${newKey()} ü+.bin`;
    const body = randomBytes(1_500_000);
    await put(source, body, { ContentType: 'a/b', Metadata: { a: '1' } });
    const [kept, replaced] = [newKey(), newKey()];
    const CopySource = `${Bucket}/${encodeURIComponent(source)}`;
    await s3.client.send(new CopyObjectCommand({ Bucket, Key: kept, CopySource }));
    await s3.client.send(
      new CopyObjectCommand({ Bucket, Key: replaced, CopySource, MetadataDirective: 'REPLACE', ContentType: 'c/d' }),
    );
    await s3.client.send(new DeleteObjectCommand({ Bucket, Key: source }));
    const [first, second] = [await read(kept), await read(replaced)];
    expect([first.bytes.equals(body), first.ContentType, first.Metadata]).toEqual([true, 'a/b', { a: '1' }]);
    expect([second.bytes.equals(body), second.ContentType, second.Metadata]).toEqual([true, 'c/d', {}]);
    const missing = new CopyObjectCommand({ Bucket, Key: kept, CopySource: `${Bucket}/k/none` });
    expect(await failure(s3.client.send(missing))).toEqual({ code: 'NoSuchKey', status: 404 });
  });
});

describe('ranges', () => {
  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=2999990-', 2_999_990, 3_000_000],
    ['bytes=-5', 2_999_995, 3_000_000],
    ['bytes=2999999-9999999', 2_999_999, 3_000_000],
    ['bytes=100-2500000', 100, 2_500_001],
  ])('answers %s', async (Range, start, end) => {
    const Key = 'k/ranged';
    const body = Buffer.alloc(3_000_000, 'abcdefghijklm');
    await put(Key, body);
    const got = await read(Key, { Range });
    expect(got.bytes.equals(body.subarray(start, end))).toBe(true);
    expect(got.ContentRange).toBe(`bytes ${start}-${end - 1}/3000000`);
    expect(got.$metadata.httpStatusCode).toBe(206);
  });

  it('refuses a range behind the end', async () => {
    const Key = newKey();
    await put(Key, 'abc');
    expect(await failure(read(Key, { Range: 'bytes=3-' }))).toEqual({ code: 'InvalidRange', status: 416 });
    expect(await failure(read(Key, { Range: 'bytes=-0' }))).toEqual({ code: 'InvalidRange', status: 416 });
  });
});

describe('conditions', () => {
  it('lets one of thirty writers create a key', async () => {
    const Key = newKey();
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => failure(put(Key, `body ${index}`, { IfNoneMatch: '*' }))),
    );
    expect(answers.filter(({ code }) => code === 'none')).toHaveLength(1);
    expect(answers.filter(({ code }) => code === 'PreconditionFailed')).toHaveLength(29);
    const winner = answers.findIndex(({ code }) => code === 'none');
    expect((await read(Key)).bytes.toString()).toBe(`body ${winner}`);
  });

  it('lets one of thirty writers replace a version', async () => {
    const Key = newKey();
    const { ETag: IfMatch } = await put(Key, 'first');
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => failure(put(Key, `body ${index}`, { IfMatch }))),
    );
    expect(answers.filter(({ code }) => code === 'none')).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(29);
    expect(await failure(put(newKey(), 'x', { IfMatch }))).toEqual({ code: 'NoSuchKey', status: 404 });
  });

  it('answers 304 and 412 to conditional reads', async () => {
    const Key = newKey();
    const { ETag } = await put(Key, 'x');
    expect((await failure(read(Key, { IfNoneMatch: ETag }))).status).toBe(304);
    expect((await failure(read(Key, { IfMatch: '"other"' }))).status).toBe(412);
    expect((await failure(read(Key, { IfModifiedSince: new Date(Date.now() + 60_000) }))).status).toBe(304);
    expect((await failure(read(Key, { IfUnmodifiedSince: new Date(0) }))).status).toBe(412);
    expect((await read(Key, { IfMatch: ETag, IfNoneMatch: '"other"' })).bytes.toString()).toBe('x');
  });
});

describe('what is not there', () => {
  it('knows its buckets and no others', async () => {
    const { Buckets } = await s3.client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual(['other', 'uploads']);
    await s3.client.send(new HeadBucketCommand({ Bucket }));
    expect((await s3.client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint).toBe('eu-central-1');
    expect((await failure(s3.client.send(new HeadBucketCommand({ Bucket: 'nope' })))).status).toBe(404);
    const list = new ListObjectsV2Command({ Bucket: 'nope' });
    expect(await failure(s3.client.send(list))).toEqual({ code: 'NoSuchBucket', status: 404 });
  });

  it('answers 501 to sub-resources and headers that it does not know, and leaves the object alone', async () => {
    const Key = newKey();
    await put(Key, 'x');
    const Tagging = { TagSet: [{ Key: 'a', Value: 'b' }] };
    const calls = [
      () => s3.client.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging })),
      () => s3.client.send(new GetObjectTaggingCommand({ Bucket, Key })),
      () => s3.client.send(new GetObjectAclCommand({ Bucket, Key })),
      () => s3.client.send(new ListObjectVersionsCommand({ Bucket })),
      () => put(Key, 'y', { Tagging: 'a=b' }),
      () => put(Key, 'y', { ServerSideEncryption: 'aws:kms' }),
      () => put(Key, 'y', { StorageClass: 'GLACIER' }),
    ];
    for (const call of calls) expect(await failure(call())).toEqual({ code: 'NotImplemented', status: 501 });
    expect((await read(Key)).bytes.toString()).toBe('x');
  });

  it('has the null version of an object and no other', async () => {
    const Key = newKey();
    await put(Key, 'x');
    expect((await read(Key, { VersionId: 'null' })).bytes.toString()).toBe('x');
    expect(await failure(read(Key, { VersionId: 'abc' }))).toEqual({ code: 'NoSuchVersion', status: 404 });
  });
});
