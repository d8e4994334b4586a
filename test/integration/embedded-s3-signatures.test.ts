import { createHash } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand, ListBucketsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { createPresignedPost, type PresignedPostOptions } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET as Bucket, CREDENTIALS, failure, newKey, type S3Fixture, startS3 } from './embedded-s3-fixture.ts';

let s3: S3Fixture;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(async () => {
  expect(s3.faults).toEqual([]);
  await s3.close();
});

const text = async (response: Response) => ({ status: response.status, body: await response.text() });
const read = async (Key: string) =>
  (await s3.client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();

describe('signed requests', () => {
  it('are refused with a wrong secret, a wrong key, no signature, or a clock that is off', async () => {
    const call = new ListBucketsCommand({});
    const wrongSecret = s3.anotherClient({ credentials: { ...CREDENTIALS, secretAccessKey: 'other' } });
    expect(await failure(wrongSecret.send(call))).toEqual({ code: 'SignatureDoesNotMatch', status: 403 });
    const wrongKey = s3.anotherClient({ credentials: { ...CREDENTIALS, accessKeyId: 'OTHER' } });
    expect(await failure(wrongKey.send(call))).toEqual({ code: 'InvalidAccessKeyId', status: 403 });
    expect(await text(await fetch(`${s3.endpoint}/${Bucket}?list-type=2`))).toMatchObject({
      status: 403,
      body: expect.stringContaining('<Code>AccessDenied</Code>'),
    });
    s3.setNow(Date.now() + 16 * 60_000);
    expect((await failure(s3.anotherClient({}).send(call))).code).toBe('RequestTimeTooSkewed');
    s3.setNow(null);
  });

  it('are refused when the body is not the one that was signed', async () => {
    const client = s3.anotherClient({});
    client.middlewareStack.add(
      (next) => async (args) => {
        (args.request as { body: unknown }).body = 'chAnged';
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low', name: 'change' },
    );
    const Key = newKey();
    const put = new PutObjectCommand({ Bucket, Key, Body: 'changed' });
    expect((await failure(client.send(put))).code).toMatch(/XAmzContentSHA256Mismatch|BadDigest/);
    expect((await failure(s3.client.send(new HeadObjectCommand({ Bucket, Key })))).status).toBe(404);
  });
});

describe('presigned URLs', () => {
  it('give and take an object without other credentials', async () => {
    const Key = `${newKey()} ä+b`;
    const put = await getSignedUrl(s3.client, new PutObjectCommand({ Bucket, Key, ContentType: 'image/png' }));
    expect((await fetch(put, { method: 'PUT', body: 'hello', headers: { 'content-type': 'image/png' } })).status).toBe(
      200,
    );
    const get = await getSignedUrl(
      s3.client,
      new GetObjectCommand({ Bucket, Key, ResponseContentDisposition: 'attachment; filename="r.html"' }),
    );
    const response = await fetch(get, { headers: { range: 'bytes=1-3' } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="r.html"');
    expect(await response.text()).toBe('ell');
  });

  it('end when they expire, and hold for nothing but what was signed', async () => {
    const Key = newKey();
    await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const url = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    s3.setNow(Date.now() + 62_000);
    expect(await text(await fetch(url))).toMatchObject({ status: 403, body: expect.stringContaining('expired') });
    s3.setNow(null);
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url.replace(Key, `${Key}2`))).status).toBe(403);
    expect((await fetch(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'))).status).toBe(403);
    expect((await fetch(`${url}&versionId=null`)).status).toBe(403);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403);
    expect((await fetch(url, { method: 'PUT', body: 'y' })).status).toBe(403);
    expect(await read(Key)).toBe('x');
  });
});

describe('presigned POST', () => {
  const post = async (
    options: Partial<PresignedPostOptions>,
    body: string | Uint8Array,
    change: Record<string, string> = {},
  ) => {
    const signed = await createPresignedPost(s3.client, { Bucket, Key: newKey(), ...options });
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...signed.fields, ...change })) form.set(name, value);
    form.set('file', new Blob([body]), 'study.zip');
    const response = await fetch(signed.url, { method: 'POST', body: form });
    return { key: change.key ?? signed.fields.key ?? '', ...(await text(response)), headers: response.headers };
  };

  it('takes a file within its limits and tells of it', async () => {
    s3.created.length = 0;
    const answer = await post(
      {
        Fields: { 'Content-Type': 'application/zip', 'x-amz-meta-reference': '7' },
        Conditions: [
          ['content-length-range', 1, 1000],
          ['eq', '$Content-Type', 'application/zip'],
          ['eq', '$x-amz-meta-reference', '7'],
        ],
      },
      'hello',
    );
    expect(answer.status).toBe(204);
    expect(await read(answer.key)).toBe('hello');
    const head = await s3.client.send(new HeadObjectCommand({ Bucket, Key: answer.key }));
    expect(head).toMatchObject({ ContentType: 'application/zip', Metadata: { reference: '7' } });
    expect(s3.created).toMatchObject([{ key: answer.key, by: 'Post', size: 5 }]);
  });

  it('carries any bytes, also ones that look like a boundary', async () => {
    const bytes = Buffer.concat([
      Buffer.from('\r\n--'),
      Buffer.alloc(3_000_000, '\r\n------'),
      Buffer.from([0, 255, 13, 10]),
    ]);
    const { key, status } = await post({}, bytes);
    expect(status).toBe(204);
    const answer = await s3.client.send(new GetObjectCommand({ Bucket, Key: key }));
    expect(Buffer.from((await answer.Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true);
  });

  it('takes any key that starts as the policy says, and the name of the file in it', async () => {
    const Key = `in/acme/\${filename}`;
    const Conditions: PresignedPostOptions['Conditions'] = [['starts-with', '$key', 'in/acme/']];
    expect((await post({ Key, Conditions }, 'x')).status).toBe(204);
    expect(await read('in/acme/study.zip')).toBe('x');
    expect((await post({ Key, Conditions }, 'y', { key: 'in/acme/other.zip' })).status).toBe(204);
    expect((await post({ Key, Conditions }, 'y', { key: 'in/else/a.zip' })).status).toBe(403);
  });

  it.each([
    ['EntityTooLarge', { Conditions: [['content-length-range', 1, 4]] }, {}],
    ['EntityTooSmall', { Conditions: [['content-length-range', 6, 10]] }, {}],
    ['AccessDenied', {}, { key: 'in/elsewhere.zip' }],
    ['AccessDenied', {}, { 'x-amz-meta-extra': 'not signed' }],
    ['AccessDenied', {}, { 'Content-Type': 'text/html' }],
    ['SignatureDoesNotMatch', {}, { 'X-Amz-Signature': '0'.repeat(64) }],
    [
      'SignatureDoesNotMatch',
      {},
      { Policy: Buffer.from('{"expiration":"2099-01-01T00:00:00Z","conditions":[]}').toString('base64') },
    ],
  ])('answers %s beyond its limits and stores nothing', async (code, options, change) => {
    const answer = await post(options as Partial<PresignedPostOptions>, 'hello', change as Record<string, string>);
    expect(answer.body).toContain(`<Code>${code}</Code>`);
    expect((await failure(s3.client.send(new HeadObjectCommand({ Bucket, Key: answer.key })))).status).toBe(404);
  });

  it('ends when it expires', async () => {
    s3.setNow(Date.now() + 3_602_000);
    const answer = await post({ Expires: 3600 }, 'hello');
    s3.setNow(null);
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('Policy expired');
  });

  it('verifies the checksum that the policy demands', async () => {
    const sha256 = createHash('sha256').update('hello').digest('base64');
    const options = {
      Fields: { 'x-amz-checksum-algorithm': 'SHA256', 'x-amz-checksum-sha256': sha256 },
      Conditions: [{ 'x-amz-checksum-algorithm': 'SHA256' }, { 'x-amz-checksum-sha256': sha256 }],
    };
    expect((await post(options, 'hello')).status).toBe(204);
    expect((await post(options, 'hellO')).body).toContain('<Code>BadDigest</Code>');
  });

  it('answers 201 with a document when the form asks for it', async () => {
    const options = { Fields: { success_action_status: '201' }, Conditions: [{ success_action_status: '201' }] };
    const answer = await post(options, 'hello');
    expect(answer.status).toBe(201);
    expect(answer.body).toContain(`<Key>${answer.key}</Key>`);
  });

  it('refuses a body that is no form or ends early', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    for (const body of [
      '',
      '--b\r\n',
      '--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nk',
      'x'.repeat(100_000),
    ]) {
      const response = await fetch(`${s3.endpoint}/${Bucket}`, { method: 'POST', headers, body });
      expect(response.status).toBe(400);
      expect(await response.text()).toContain('<Code>MalformedPOSTRequest</Code>');
    }
  });
});
