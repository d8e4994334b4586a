import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { forgetEndedUploads, SourceUnreadable, submitUpload } from '../../src/cli/uploads.ts';
import { LEASE_MS, newUpload } from '../contract/new-items.ts';
import { useServices } from '../contract/services.ts';

const services = useServices();
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'discflow-uploads-'));
});
afterEach(async () => rm(root, { recursive: true, force: true }));

async function keysLeft(store: S3ObjectStore): Promise<string[]> {
  const found: string[] = [];
  for await (const key of store.list('')) found.push(key);
  return found;
}

it('leaves no part of an upload behind whose file is gone, and says so', async () => {
  const store = new S3ObjectStore(services.clients.s3, services.embedded.buckets.uploads);
  const files = Array.from({ length: 12 }, (_, index) => join(root, `${index}.dcm`));
  for (const file of files.slice(0, 10)) await writeFile(file, 'a part');
  const upload = { name: 'study', source: root, files, extension: null };
  await expect(submitUpload(store, 'local', upload)).rejects.toThrow(SourceUnreadable);
  expect(await keysLeft(store)).toEqual([]);
  await submitUpload(store, 'local', { ...upload, files: files.slice(0, 10) });
  expect(await keysLeft(store)).toHaveLength(11);
});

it('deletes what a killed process put and no ingest began to read, and keeps what was begun', async () => {
  const { embedded, clients } = services;
  const store = new S3ObjectStore(clients.s3, embedded.buckets.uploads);
  const runs = new DynamoRuns(clients.documents, embedded.table);
  for (const key of await keysLeft(store)) await store.delete([key]);
  const put = (key: string) => store.put(key, Buffer.from('a name'), { contentType: 'application/dicom' });
  for (const key of ['parts/local/half/00000.dcm', 'in/local/whole/upload.zip', 'in/local/begun/upload.zip'])
    await put(key);
  await runs.claimUpload(newUpload({ tenant: 'local', uploadId: 'begun' }), LEASE_MS, Date.now());
  await forgetEndedUploads(store, runs);
  expect(await keysLeft(store)).toEqual(['in/local/begun/upload.zip']);
});
