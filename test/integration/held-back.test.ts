import { afterAll, beforeAll, expect, test } from 'vitest';
import { storedZip } from '../../src/phantom/zip.ts';
import { deliver, handlersOf, putUpload } from '../support/deliver.ts';
import { filesOf, override } from '../support/prepared.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(async () => system.close());

/** Ends of the names of what ingest stores of a study, and the status of its run. */
async function ingested(uploadId: string, BurnedInAnnotation: 'YES' | 'NO') {
  const zip = storedZip(filesOf(override({ BurnedInAnnotation, PatientID: uploadId })));
  await deliver(handlersOf(system).ingest, [await putUpload(system, 'clinic', uploadId, 'study.zip', zip)]);
  const [item] = await system.runs.getUpload('clinic', uploadId);
  const run = await system.runs.getRun(item!.runs[0]!);
  const stored: string[] = [];
  for await (const key of system.data.list(`clinic/studies/${run!.studyKey}/content/${run!.contentHash}/`))
    stored.push(key.split('/').slice(5).join('/'));
  return { status: run!.status, stored: stored.sort() };
}

test('a study that is held back for burned-in text leaves no pixels, one that goes on its slices', async () => {
  expect(await ingested('held', 'YES')).toEqual({ status: 'quarantined', stored: ['study.json'] });
  const { status, stored } = await ingested('sound', 'NO');
  expect(status).toBe('ingested');
  expect(stored).toEqual([
    'slices/0.raw',
    'slices/1.raw',
    'slices/2.raw',
    'slices/3.raw',
    'slices/4.raw',
    'study.json',
  ]);
});
