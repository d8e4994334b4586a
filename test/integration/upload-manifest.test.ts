import { afterAll, beforeAll, expect, it } from 'vitest';
import { keys, UPLOAD_MANIFEST_NAME } from '../../src/contracts/keys.ts';
import { deliver, handlersOf, putUpload } from '../support/deliver.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(async () => system.close());

it.each([
  ['more parts than an upload may have', 5001, 'archive_limit'],
  ['no part', 0, 'malformed'],
])('an upload manifest that lists %s ends the upload', async (_, count, code) => {
  const uploadId = `upload-${count}`;
  const parts = Array.from({ length: count }, (_part, index) => ({
    key: keys.part('archive', uploadId, `${index}.dcm`),
    size: 1,
    sha256: '0'.repeat(64),
  }));
  const manifest = Buffer.from(JSON.stringify({ schema: 'discflow.upload/1', parts }));
  const event = await putUpload(system, 'archive', uploadId, UPLOAD_MANIFEST_NAME, manifest);
  expect(await deliver(handlersOf(system).ingest, [event])).toEqual([]);
  const [upload] = await system.runs.getUpload('archive', uploadId);
  expect(upload).toMatchObject({ status: 'rejected', reasons: [{ code }] });
});
