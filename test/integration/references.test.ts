import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sweep } from '../../functions/sweep/sweep.ts';
import { keys, UPLOAD_MANIFEST_NAME } from '../../src/contracts/keys.ts';
import { type Announcement, CLIENT_REFERENCE_METADATA, type UploadManifest } from '../../src/contracts/messages.ts';
import { storedZip } from '../../src/phantom/zip.ts';
import { deliver, handlersOf, putUpload, s3Event } from '../support/deliver.ts';
import { studyOnce } from '../support/drawn-once.ts';
import { phantomPng } from '../support/phantom-picture.ts';
import { MAX_RECEIVES, startTestSystem, type TestSystem } from '../support/system.ts';

const TENANT = 'platform';
let system: TestSystem;
/** Ends in ingest: it has no T2 series. */
const { files } = studyOnce({ seed: 5, rows: 96, columns: 80, spacingMm: [3, 3], t1Slices: 3, t2Slices: 0 });

beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(async () => system.close());

/** What is told while one upload of the study is ingested, its notification delivered twice. */
async function toldOf(uploadId: string, clientReference: string): Promise<Announcement[]> {
  const parts: UploadManifest['parts'] = [];
  for (const { name, bytes } of files) {
    const key = keys.part(TENANT, uploadId, name);
    await system.uploads.put(key, bytes, { contentType: 'application/dicom' });
    parts.push({ key, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  }
  const manifest = Buffer.from(JSON.stringify({ schema: 'discflow.upload/1', clientReference, parts }));
  const event = await putUpload(system, TENANT, uploadId, UPLOAD_MANIFEST_NAME, manifest);
  for (const receive of [1, 2]) expect(await deliver(handlersOf(system).ingest, [event], receive)).toEqual([]);
  return system.announced.splice(0);
}

it.each([
  ['of the contract', 'order-17', 'order-17'],
  ['too long for it, leaving it out', 'x'.repeat(129), undefined],
])('tells the end of a whole upload with the reference in its metadata: one %s', async (_, reference, told) => {
  const body = storedZip(files);
  const key = keys.upload('clinic', `upload-of-${reference.length}`, 'study.zip');
  const metadata = { [CLIENT_REFERENCE_METADATA]: reference };
  await system.uploads.put(key, body, { contentType: 'application/zip', metadata });
  const event = s3Event(system, key, body.length);
  expect(await deliver(handlersOf(system).ingest, [event])).toEqual([]);
  const upload = system.announced.splice(0).find(({ kind }) => kind === 'upload');
  expect(upload).toMatchObject({ status: 'expanded' });
  expect(upload?.clientReference).toBe(told);
});

it('tells the end of content that was analysed before under the reference of the upload that sent it again', async () => {
  const [first, firstUpload] = await toldOf('upload-1', 'order-1');
  const [again, secondUpload, ...more] = await toldOf('upload-2', 'order-2');
  expect(first).toMatchObject({ kind: 'run', status: 'rejected', clientReference: 'order-1' });
  expect(again).toEqual({ ...first, clientReference: 'order-2' });
  const upload = { kind: 'upload', status: 'expanded', runs: [first!.subject] };
  expect(firstUpload).toMatchObject({ ...upload, subject: 'upload-1', clientReference: 'order-1' });
  expect(secondUpload).toMatchObject({ ...upload, subject: 'upload-2', clientReference: 'order-2' });
  expect(more).toEqual([]);
});

it('tells each end of a failed study that is sent again under the reference of the upload that sent it', async () => {
  const { deps } = system;
  const stopped = handlersOf(system, {
    ...deps,
    engine: { ...deps.engine, pack: () => Promise.reject(new TypeError('a bug')) },
  });
  const sent = async (order: string): Promise<unknown[]> => {
    const body = await phantomPng(3);
    const key = keys.upload('clinic', `sent-for-${order}`, 'slice.png');
    const metadata = { [CLIENT_REFERENCE_METADATA]: order };
    await system.uploads.put(key, body, { contentType: 'image/png', metadata });
    expect(await deliver(handlersOf(system).ingest, [s3Event(system, key, body.length)])).toEqual([]);
    return system.detectBox.sent.splice(0);
  };
  for (const order of ['order-1', 'order-2']) await deliver(stopped.detect, await sent(order), MAX_RECEIVES);
  await deliver(handlersOf(system).detect, await sent('order-3'));
  await deliver(handlersOf(system).analyze, system.analyzeBox.sent.splice(0));
  const told = system.announced.splice(0).filter(({ kind }) => kind === 'run');
  expect(told.map(({ attempt, status, clientReference }) => [attempt, status, clientReference])).toEqual([
    [1, 'failed', 'order-1'],
    [2, 'failed', 'order-2'],
    [3, 'done', 'order-3'],
  ]);
});

it('tells an upload that a bug stops, and one whose ingest died, as failed under its reference', async () => {
  const { deps } = system;
  const uploads: typeof deps.uploads = {
    get: async () => Promise.reject(new TypeError('a bug')),
    head: (...args) => deps.uploads.head(...args),
    put: (...args) => deps.uploads.put(...args),
    list: (...args) => deps.uploads.list(...args),
  };
  const handler = handlersOf(system, { ...deps, uploads }).ingest;
  const put = async (uploadId: string): Promise<object> => {
    const key = keys.upload('clinic', uploadId, 'study.zip');
    const metadata = { [CLIENT_REFERENCE_METADATA]: `order-of-${uploadId}` };
    await system.uploads.put(key, Buffer.from('x'), { contentType: 'application/zip', metadata });
    return s3Event(system, key, 1);
  };
  expect(await deliver(handler, [await put('stopped')], MAX_RECEIVES)).toEqual(['message-0']);
  expect(await deliver(handler, [await put('dead')], 1)).toEqual(['message-0']);
  system.clock.advance(20 * 86_400_000);
  await sweep({ ...deps, stuckAfterMs: 1, limit: 10 });
  const told = system.announced
    .splice(0)
    .map(({ subject, status, clientReference }) => [subject, status, clientReference]);
  expect(told).toEqual([
    ['stopped', 'failed', 'order-of-stopped'],
    ['dead', 'failed', 'order-of-dead'],
  ]);
});

it.each([
  [
    'lists a part of another upload',
    { parts: [{ key: 'parts/platform/other/a', size: 1, sha256: 'a'.repeat(64) }] },
    'invalid_key',
  ],
  ['breaks the contract', { parts: 'none' }, 'malformed'],
])('refuses a manifest that %s under its reference', async (_, content, code) => {
  const uploadId = `refused-${code}`;
  const manifest = Buffer.from(JSON.stringify({ schema: 'discflow.upload/1', clientReference: 'order-9', ...content }));
  const event = await putUpload(system, TENANT, uploadId, UPLOAD_MANIFEST_NAME, manifest);
  expect(await deliver(handlersOf(system).ingest, [event])).toEqual([]);
  expect(system.announced.splice(0)).toMatchObject([
    { subject: uploadId, status: 'rejected', reasons: [code], clientReference: 'order-9' },
  ]);
});

it('refuses an object of another kind, and one that is too large, under its reference', async () => {
  for (const [name, limits, code] of [
    ['study.exe', system.deps.limits, 'content_type'],
    ['study.zip', { ...system.deps.limits, maxUploadBytes: 1 }, 'too_large'],
  ] as const) {
    const key = keys.upload('clinic', `refused-${code}`, name);
    const metadata = { [CLIENT_REFERENCE_METADATA]: 'order-10' };
    await system.uploads.put(key, Buffer.from('much'), { contentType: 'application/zip', metadata });
    const { ingest } = handlersOf(system, { ...system.deps, limits });
    expect(await deliver(ingest, [s3Event(system, key, 4)])).toEqual([]);
    expect(system.announced.splice(0)).toMatchObject([{ reasons: [code], clientReference: 'order-10' }]);
  }
});
