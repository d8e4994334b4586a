import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET as Bucket, newKey, type S3Fixture, startS3 } from './embedded-s3-fixture.ts';

let s3: S3Fixture;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(async () => s3.close());

describe('a folder that takes no body, as on a full disc', () => {
  it('tells the fault and goes on serving', async () => {
    const large = randomBytes(3 << 20);
    const put = (Key: string) => s3.client.send(new PutObjectCommand({ Bucket, Key, Body: large }));
    const incoming = join(s3.folder, 'incoming');
    await rename(incoming, `${incoming}-away`);
    await expect(put(newKey())).rejects.toThrow();
    await rename(`${incoming}-away`, incoming);
    expect(s3.faults).toMatchObject([{ code: 'ENOENT' }]);
    const Key = newKey();
    await put(Key);
    const { Body } = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(large)).toBe(true);
  });
});
