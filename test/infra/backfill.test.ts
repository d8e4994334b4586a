import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackfillDeps } from '../../functions/backfill/backfill.ts';
import { handleBackfill, uploadIdOf } from '../../functions/backfill/backfill.ts';
import { composeBackfill } from '../../functions/backfill/handler.ts';
import { type AwsClients, clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { TransientFault } from '../../src/contracts/reasons.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';

const DAY_MS = 86_400_000;
/** A task has five events in the history of its workflow, a choice and a wait two each. */
const EVENTS_A_COUNT = 9;

const log = createLogger({ service: 'test', level: 'SILENT' });

let embedded: Embedded;
let clients: AwsClients;
let runs: DynamoRuns;

beforeAll(async () => {
  embedded = await startEmbedded({ dataDir: null });
  clients = createClients(clientOptionsFrom(embedded.env));
  runs = new DynamoRuns(clients.documents, embedded.table);
});
afterAll(async () => {
  clients?.close();
  await embedded?.close();
});

describe('a backfill', () => {
  let notes: string[] = [];
  let nowMs = 60_000_000;
  const environment = () => ({
    stage: 'test',
    uploadsBucket: embedded.buckets.data,
    table: embedded.table,
    tenants: ['north'],
    backfillQueueUrl: embedded.queueUrls.ingest,
    detectQueueUrl: embedded.queueUrls.detect,
    analyzeQueueUrl: embedded.queueUrls.analyze,
    costPerStudyUsd: 0.01,
  });
  const deps = (change: Partial<BackfillDeps> = {}): BackfillDeps => {
    const copy = async () => undefined;
    const notify = async (body: string) => void notes.push(body);
    return {
      ...composeBackfill(environment(), clients),
      clock: { nowMs: () => nowMs },
      log,
      copy,
      notify,
      backlog: async () => 0,
      ...change,
    };
  };
  const start = (jobId: string, studiesPerMinute = 3, budgetUsd = 0.05) =>
    handleBackfill(deps(), {
      action: 'open',
      job: {
        jobId,
        tenant: 'north',
        source: { kind: 'prefix', bucket: 'archive', key: '' },
        studiesPerMinute,
        budgetUsd,
      },
    });
  const admit = (jobId: string, keys: string[], change: Partial<BackfillDeps> = {}) =>
    handleBackfill(deps(change), {
      action: 'admit',
      batch: { Items: keys.map((Key) => ({ Key })), BatchInput: { jobId, bucket: 'archive' } },
    });

  const show = (jobId: string) => handleBackfill(deps(), { action: 'show', jobId });
  const idOf = async (jobId: string, key: string) => uploadIdOf(await deps().jobs.get(jobId), key);
  const count = (jobId: string) => handleBackfill(deps(), { action: 'count', jobId });
  /** Ingest's end of one study of a job. */
  const end = async (jobId: string, key: string, status: 'expanded' | 'rejected') => {
    const upload = {
      tenant: 'north',
      uploadId: await idOf(jobId, key),
      objectRef: `v1-${'a'.repeat(26)}`,
      versionId: null,
      sequencer: '1',
      traceId: 't',
    };
    const claim = await runs.claimUpload(upload, 1000, nowMs);
    if (claim.outcome !== 'claimed') throw new Error('not claimed');
    await runs.settleUpload(claim.item, { status, runs: [], reasons: [], clientReference: null }, nowMs);
  };

  test('for a tenant that the deployment has not is refused before anything is admitted', async () => {
    const source = { kind: 'prefix', bucket: 'archive', key: '' } as const;
    const job = { jobId: 'misspelt', tenant: 'nrth', source, studiesPerMinute: 3, budgetUsd: 1 };
    await expect(handleBackfill(deps(), { action: 'open', job })).rejects.toMatchObject({
      name: 'JobRefusedError',
      message: 'nrth is no tenant of this deployment',
    });
    await expect(show('misspelt')).rejects.toThrow();
  });

  test('keeps to its rate and budget, and passes over what is no study', async () => {
    notes = [];
    await start('job1');
    expect(await admit('job1', ['a.zip', 'notes.txt', 'b.dcm'])).toEqual({ outcome: 'admitted' });
    expect(await admit('job1', ['c.zip', 'd.zip'])).toEqual({ outcome: 'wait', waitSeconds: 40 });
    nowMs += 40_000;
    expect(await admit('job1', ['c.zip', 'd.zip'])).toEqual({ outcome: 'admitted' });
    nowMs += 60_000;
    expect(await admit('job1', ['e.zip', 'f.zip'])).toEqual({ outcome: 'over' });
    expect(notes).toHaveLength(4);
    expect(notes[0]).toContain(`in/north/${await idOf('job1', 'a.zip')}/study.zip`);
    expect(notes.join()).not.toContain('archive');
  });

  test('names no upload by what can be tried out: another job gives the same key another id, and tells its secret to nobody', async () => {
    const opened = [await start('job20'), await start('job21')];
    const secrets = await Promise.all(['job20', 'job21'].map(async (jobId) => (await deps().jobs.get(jobId)).secret));
    const [one, other] = secrets.map((secret) => uploadIdOf({ jobId: 'job', secret }, 'DOE_JANE.zip'));
    expect(one).not.toBe(other);
    const set = await handleBackfill(deps(), { action: 'set', jobId: 'job20', state: 'paused' });
    const answers = JSON.stringify([...opened, set, await show('job20'), await count('job20')]);
    expect(answers).toContain('job20');
    expect(answers).not.toContain(secrets[0]);
  });

  test('waits while paused or while its lane is full, goes on when resumed, ends when cancelled', async () => {
    await start('job2', 100, 10);
    const set = (state: 'paused' | 'running' | 'cancelled') =>
      handleBackfill(deps(), { action: 'set', jobId: 'job2', state });
    await set('paused');
    expect(await admit('job2', ['a.zip'])).toEqual({ outcome: 'wait', waitSeconds: 900 });
    await set('running');
    expect(await admit('job2', ['a.zip'], { backlog: async () => 5000 })).toEqual({
      outcome: 'wait',
      waitSeconds: 60,
    });
    expect(await admit('job2', ['a.zip'])).toEqual({ outcome: 'admitted' });
    await set('cancelled');
    expect(await admit('job2', ['b.zip'])).toEqual({ outcome: 'over' });
    await expect(set('running')).rejects.toThrow('cancelled');
  });

  test('of batches that come at once one is admitted; a large batch delays the next one by all it took', async () => {
    notes = [];
    await start('job3', 5, 10);
    await Promise.all(Array.from({ length: 10 }, (_, index) => admit('job3', [`${index}.zip`, `${index}.dcm`])));
    expect(notes).toHaveLength(2);
    nowMs += 24_000;
    const twenty = Array.from({ length: 20 }, (_, index) => `large-${index}.zip`);
    expect(await admit('job3', twenty)).toEqual({ outcome: 'admitted' });
    nowMs += 239_000;
    expect(await admit('job3', ['next.zip'])).toEqual({ outcome: 'wait', waitSeconds: 5 });
    nowMs += 1000;
    expect(await admit('job3', ['next.zip'])).toEqual({ outcome: 'admitted' });
  });

  test('an object that cannot be copied is counted as skipped and holds nobody up', async () => {
    notes = [];
    await start('job5', 100, 10);
    const copy = async ({ key }: { key: string }) => {
      if (key === 'gone.zip') throw new Error('gone');
    };
    expect(await admit('job5', ['gone.zip', 'there.zip'], { copy })).toEqual({ outcome: 'admitted' });
    expect(notes).toHaveLength(1);
    expect(await show('job5')).toMatchObject({ admitted: 1, skipped: 1 });
  });

  test('a job that is started again books and stages nothing twice, and ends when its studies have', async () => {
    notes = [];
    await start('job6', 6000, 0.03);
    await admit('job6', ['a.zip', 'b.zip']);
    nowMs += 60_000;
    await start('job6', 6000, 0.03);
    expect(await admit('job6', ['a.zip', 'b.zip'])).toEqual({ outcome: 'admitted' });
    expect(await admit('job6', ['b.zip', 'c.zip', 'c.zip'])).toEqual({ outcome: 'admitted' });
    expect(notes).toHaveLength(3);
    expect(await show('job6')).toMatchObject({ admitted: 3, booked: [] });
    for (const key of ['a.zip', 'b.zip', 'c.zip']) await end('job6', key, 'expanded');
    expect(await count('job6')).toMatchObject({ state: 'ended', admitted: 3 });
  });

  test('a passing fault is thrown to be tried again, which stages what is missing and books nothing anew', async () => {
    notes = [];
    await start('job7', 6000, 0.02);
    const uploadId = await idOf('job7', 'b.zip');
    const notify = async (body: string) => {
      if (body.includes(uploadId)) throw new TransientFault('SendMessage failed for now');
      notes.push(body);
    };
    await expect(admit('job7', ['a.zip', 'b.zip'], { notify })).rejects.toBeInstanceOf(TransientFault);
    expect(await show('job7')).toMatchObject({ admitted: 2, skipped: 0, booked: [uploadId] });
    expect(await admit('job7', ['a.zip', 'b.zip'])).toEqual({ outcome: 'admitted' });
    expect(notes.map((note) => note.includes(uploadId))).toEqual([false, true]);
    expect(await show('job7')).toMatchObject({ admitted: 2, skipped: 0, booked: [] });
  });

  test('what a batch that was given up had booked keeps the job from no end, and is told', async () => {
    await start('job8', 6000, 1);
    const notify = async () => {
      throw new TransientFault('SendMessage failed for now');
    };
    await expect(admit('job8', ['a.zip'], { notify })).rejects.toThrow();
    expect(await count('job8')).toMatchObject({ state: 'ended', admitted: 1, unstaged: 1 });
  });

  test('an object that was skipped is tried again by the next start, and counts once whatever becomes of it', async () => {
    await start('job9', 6000, 1);
    const copy = async () => {
      throw new Error('forbidden');
    };
    for (const change of [{ copy }, { copy }]) {
      await admit('job9', ['a.zip', 'b.zip'], change);
      nowMs += 60_000;
      expect(await show('job9')).toMatchObject({ admitted: 0, skipped: 2 });
    }
    await admit('job9', ['a.zip']);
    expect(await show('job9')).toMatchObject({ admitted: 1, skipped: 1 });
  });

  test('of two batches that hold the same object at once one books it', async () => {
    await start('job10', 6000, 1);
    await Promise.all(Array.from({ length: 6 }, () => admit('job10', ['a.zip'])));
    expect(await show('job10')).toMatchObject({ admitted: 1, booked: [] });
  });

  test('counts in ever longer steps, so that a workflow outlasts a lane of sixty days', async () => {
    await start('job11', 6000, 1);
    await admit('job11', ['a.zip']);
    const startedMs = nowMs;
    let counts = 0;
    while (nowMs < startedMs + 60 * DAY_MS) {
      const ageMs = nowMs - startedMs;
      const { waitSeconds } = (await count('job11')) as { waitSeconds: number };
      expect(waitSeconds).toBeLessThanOrEqual(Math.max(300, ageMs / 1000));
      // As if the waits of several counts were all like the first of them: more counts than there will be.
      const steps = ageMs < DAY_MS / 4 ? 4 : 24;
      counts += steps;
      nowMs += steps * waitSeconds * 1000;
    }
    expect(counts * EVENTS_A_COUNT).toBeLessThan(25_000);
  });

  test('copies the study alone: metadata, which may name a patient, stays in the archive', async () => {
    const archive = embedded.buckets.uploads;
    const Metadata = { patient: 'DOE^JANE' };
    await clients.s3.send(new PutObjectCommand({ Bucket: archive, Key: 'a b/1.zip', Body: 'study', Metadata }));
    const { copy } = composeBackfill(environment(), clients);
    await copy({ bucket: archive, key: 'a b/1.zip' }, 'in/north/u1/study.zip');
    const copied = new GetObjectCommand({ Bucket: embedded.buckets.data, Key: 'in/north/u1/study.zip' });
    const { Body, Metadata: kept } = await clients.s3.send(copied);
    expect(await Body?.transformToString()).toBe('study');
    expect(kept).toEqual({});
  });

  test('a job that one call cannot count is counted by further ones, each from where all before has ended', async () => {
    const { startedAt } = (await start('job12', 6000, 1)) as { startedAt: string };
    const [hour, statuses] = [3_600_000, ['expanded', 'expanded', 'rejected', 'received', 'failed', 'expanded']];
    const job = await deps().jobs.get('job12');
    const opened = (index: number) => new Date(Date.parse(startedAt) + Math.ceil(index / 2)).toISOString();
    const uploads = statuses.flatMap((status, index) => [
      { uploadId: uploadIdOf(job, `${index}.zip`), status, createdAt: opened(index) },
      { uploadId: `live-${index}`, status: 'expanded', createdAt: opened(index) },
    ]);
    const asked: string[] = [];
    nowMs += hour;
    const endedUploads: BackfillDeps['endedUploads'] = async (_tenant, since, cursor) => {
      if (cursor === null) asked.push(since);
      nowMs += 20_000;
      const left = uploads.filter(({ createdAt }) => createdAt >= since);
      const from = Number(cursor ?? 0);
      return { uploads: left.slice(from, from + 2), cursor: left.length > from + 2 ? String(from + 2) : null };
    };
    const countSlowly = () => handleBackfill(deps({ endedUploads }), { action: 'count', jobId: 'job12' });
    expect(await countSlowly()).toMatchObject({ state: 'counting', counts: { expanded: 2, rejected: 1 } });
    expect(await countSlowly()).toMatchObject({ state: 'running' });
    uploads.find(({ status }) => status === 'received')!.status = 'expanded';
    while (((await countSlowly()) as { state: string }).state === 'counting');
    expect(await countSlowly()).toMatchObject({ counts: { expanded: 4, rejected: 1, failed: 1 } });
    expect(asked).toEqual([...asked].sort());
    expect(new Set(asked).size).toBeGreaterThan(2);
  });

  test('the keys of an inventory are taken as its CSV encodes them, or as they stand where no such object is', async () => {
    const copied: string[] = [];
    const copy = async ({ key }: { key: string }) => {
      if (!['2019/Doe, J/1+2 é.zip', 'plain%20.zip'].includes(key)) throw new Error('no such key');
      copied.push(key);
    };
    await start('job13', 6000, 1);
    const Items = ['2019/Doe%2C+J/1%2B2+%C3%A9.zip', 'plain%20.zip'].map((Key) => ({ Key }));
    const batch = { Items, BatchInput: { jobId: 'job13', bucket: 'archive', kind: 'inventory' } };
    await handleBackfill(deps({ copy }), { action: 'admit', batch });
    expect(copied).toEqual(['2019/Doe, J/1+2 é.zip', 'plain%20.zip']);
    expect(await show('job13')).toMatchObject({ admitted: 2, skipped: 0 });
  });

  test('its backlog is what waits before any of its stages', async () => {
    const { backlog } = composeBackfill(environment(), clients);
    const { ingest, detect, analyze } = embedded.queueUrls;
    for (const QueueUrl of [ingest, detect, analyze, analyze])
      await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'waits' }));
    expect(await backlog()).toBe(4);
  });

  test('counts what became of its studies from the table', async () => {
    await start('job4', 100, 10);
    await admit('job4', ['a.zip', 'b.zip']);
    expect(await count('job4')).toMatchObject({ state: 'running', admitted: 2 });
    await end('job4', 'a.zip', 'expanded');
    await end('job4', 'b.zip', 'rejected');
    expect(await count('job4')).toMatchObject({ state: 'ended', counts: { expanded: 1, rejected: 1 } });
  });
});
