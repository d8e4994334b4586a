import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failAttempt } from '../../functions/analyze/fail-run.ts';
import { notified } from '../../functions/analyze/notified.ts';
import { inferenceIdOf, submitRun } from '../../functions/analyze/submit.ts';
import { SweepIncompleteError, sweep } from '../../functions/sweep/sweep.ts';
import { type AwsClients, clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import type { AnalyzeMessage, Announcement } from '../../src/contracts/messages.ts';
import { reasonOf } from '../../src/contracts/reasons.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';
import type { Runs } from '../../src/pipeline/ports.ts';
import { claimed, newUpload } from '../contract/new-items.ts';

const log = createLogger({ service: 'test', level: 'SILENT' });
const HOUR = 3_600_000;

let embedded: Embedded;
let clients: AwsClients;
let runs: DynamoRuns;
let told: Announcement[] = [];
const announcer = { announce: async (announcement: Announcement) => void told.push(announcement) };

beforeAll(async () => {
  embedded = await startEmbedded({ dataDir: null });
  clients = createClients(clientOptionsFrom(embedded.env));
  runs = new DynamoRuns(clients.documents, embedded.table);
});
afterAll(async () => {
  clients?.close();
  await embedded?.close();
});

const open = async (letter: string, nowMs: number) => {
  const run = {
    tenant: 'north',
    runKey: letter.repeat(26),
    studyKey: `v1-${letter.repeat(26)}`,
    contentHash: `v1-${letter.repeat(26)}`,
    packSha256: '0'.repeat(64),
    tier: 'single' as const,
    clientReference: null,
    traceId: 'trace-1',
  };
  await runs.createRun(run, nowMs);
  return run;
};
/** The table's runs, of which a sweep finds those that the test says. */
const listing = (listStuck: Runs['listStuck']): Runs =>
  new Proxy<Runs>(runs, {
    get(target, name) {
      if (name === 'listStuck') return listStuck;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
const at = (nowMs: number) => ({
  runs,
  announcer,
  log,
  clock: { nowMs: () => nowMs },
  stuckAfterMs: 2 * HOUR,
  limit: 100,
});

describe('the sweep', () => {
  test('fails a run whose worker died, announces what was not announced, and leaves what waits in a queue', async () => {
    told = [];
    const start = 1_000_000;
    const [dead, waiting, ended] = [await open('c', start), await open('d', start), await open('e', start)];
    await runs.claimRun(dead.runKey, 1, 'detect', 60_000, start);
    const claim = await runs.claimRun(ended.runKey, 1, 'analyze', 60_000, start);
    if (claim.outcome !== 'claimed') throw new Error('not claimed');
    await runs.advanceRun(claim.item, { status: 'done', reasons: [], stage: 'analyze' }, start);

    expect(await sweep(at(start + HOUR))).toEqual({ failed: 0, announced: 0 });
    expect(await sweep(at(start + 3 * HOUR))).toEqual({ failed: 1, announced: 1 });
    expect(told.map(({ subject, status }) => [subject[0], status]).sort()).toEqual([
      ['c', 'failed'],
      ['e', 'done'],
    ]);
    expect((await runs.getRun(waiting.runKey))?.status).toBe('ingested');
    expect((await sweep(at(start + 4 * HOUR))).failed).toBe(0);
    expect((await sweep(at(start + 14 * 24 * HOUR))).failed).toBe(0);
    expect((await sweep(at(start + 16 * 24 * HOUR))).failed).toBe(1);
  });

  test('that cannot announce one of two says so by failing, after it has announced the other', async () => {
    told = [];
    const start = 18 * 24 * HOUR;
    for (const letter of ['2', '3']) {
      const { runKey } = await open(letter, start);
      const claim = await runs.claimRun(runKey, 1, 'analyze', 60_000, start);
      if (claim.outcome !== 'claimed') throw new Error('not claimed');
      await runs.advanceRun(claim.item, { status: 'done', reasons: [], stage: 'analyze' }, start);
    }
    const refusing = {
      announce: async (announcement: Announcement) => {
        if (announcement.subject.startsWith('2')) throw new Error('AccessDenied');
        await announcer.announce(announcement);
      },
    };
    await expect(sweep({ ...at(start + 3 * HOUR), announcer: refusing })).rejects.toThrow(SweepIncompleteError);
    expect(told.map(({ subject }) => subject[0])).toEqual(['3']);
    expect(await sweep(at(start + 3 * HOUR))).toEqual({ failed: 0, announced: 1 });
  });

  test('runs that wait in a queue, however many, do not keep a dead one from being found', async () => {
    const start = 20 * 24 * HOUR;
    for (const letter of ['m', 'n', 'o', 'p']) await open(letter, start);
    const dead = await open('q', start + 1000);
    await runs.claimRun(dead.runKey, 1, 'detect', 60_000, start + 1000);
    expect(await sweep({ ...at(start + 4 * HOUR), limit: 2 })).toMatchObject({ failed: 1 });
    expect((await runs.getRun(dead.runKey))?.status).toBe('failed');
  });

  test('fails an upload whose holder died, and announces one that ended as it ended', async () => {
    told = [];
    const [dead, ended] = [newUpload({ tenant: 'north' }), newUpload({ tenant: 'north' })];
    await runs.claimUpload(dead, 60_000, 1000);
    const held = claimed(await runs.claimUpload(ended, 60_000, 1000));
    const end = { status: 'rejected' as const, runs: [], reasons: [reasonOf('empty')], clientReference: null };
    await runs.settleUpload(held, end, 2000);
    const ids = [dead.uploadId, ended.uploadId];
    const stuck: Runs['listStuck'] = async (...asked) =>
      (await runs.listStuck(...asked)).filter((item) => item.kind === 'upload' && ids.includes(item.uploadId));
    const report = await sweep({ ...at(3 * HOUR), runs: listing(stuck) });
    expect(report).toEqual({ failed: 1, announced: 1 });
    expect(told.map(({ subject, status, reasons }) => [ids.indexOf(subject), status, reasons]).sort()).toEqual([
      [0, 'failed', ['internal']],
      [1, 'rejected', ['empty']],
    ]);
    expect(await runs.getUpload('north', ended.uploadId)).toMatchObject([{ status: 'rejected' }]);
    expect(await sweep({ ...at(6 * HOUR), runs: listing(stuck) })).toEqual({ failed: 0, announced: 0 });
  });

  test('an upload that another delivery ends in between is announced by that one alone', async () => {
    told = [];
    const upload = newUpload({ tenant: 'north' });
    const dead = claimed(await runs.claimUpload(upload, 1000, 1000));
    await runs.claimUpload(upload, 60_000, 5 * HOUR);
    await sweep({ ...at(9 * HOUR), runs: listing(async () => [dead]) });
    expect(told).toEqual([]);
    expect(await runs.getUpload('north', upload.uploadId)).toMatchObject([{ status: 'received' }]);
  });

  test('one item that cannot be swept does not keep the others', async () => {
    const [first, second] = [newUpload({ tenant: 'north' }), newUpload({ tenant: 'north' })];
    const items = [await runs.claimUpload(first, 1000, 1000), await runs.claimUpload(second, 1000, 1000)].map(claimed);
    let refusals = 1;
    const announce = async () => {
      if (refusals-- > 0) throw new Error('throttled');
    };
    const swept = sweep({ ...at(9 * HOUR), runs: listing(async () => items), announcer: { announce } });
    await expect(swept).rejects.toThrow('1 of 2 could not be swept');
    expect(await runs.getUpload('north', second.uploadId)).toMatchObject([{ status: 'failed' }]);
  });

  test('a holder that came back in between keeps its run', async () => {
    const run = await open('f', 1000);
    await runs.claimRun(run.runKey, 1, 'detect', 1000, 1000);
    const [stuck] = (await runs.listStuck(10 * HOUR, 10)).filter(
      (item) => item.kind === 'run' && item.runKey === run.runKey,
    );
    await runs.claimRun(run.runKey, 1, 'detect', 60_000, 5 * HOUR);
    const report = await sweep({ ...at(9 * HOUR), runs: listing(async () => (stuck === undefined ? [] : [stuck])) });
    expect(report).toMatchObject({ failed: 1 });
    expect((await runs.getRun(run.runKey))?.status).toBe('ingested');
  });
});

describe('an asynchronous endpoint', () => {
  const message = async (letter: string): Promise<AnalyzeMessage> => {
    const { clientReference: _, ...reference } = await open(letter, 1000);
    return { schema: 'discflow.analyze/1', ...reference, attempt: 1 };
  };
  const deps = { runs, announcer, log, clock: { nowMs: () => 2000 }, leaseMs: 1000 };

  test('is asked with the run and attempt as id, after its request was written', async () => {
    const sent = await message('g');
    const invoked: string[][] = [];
    const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
    const invoke = async (...asked: string[]) => void invoked.push(asked);
    await submitRun({ ...deps, runs, data, invocationsPrefix: 'invocations', endpointName: 'e', invoke }, sent);
    const key = `invocations/e/requests/${sent.runKey}-1.json`;
    expect(invoked).toEqual([['e', key, inferenceIdOf(sent)]]);
    expect(JSON.parse((await data.get(key))?.toString() ?? '')).toEqual(sent);
  });

  test('is asked nothing for a run that has ended, and again for one whose request was refused', async () => {
    const sent = await message('k');
    const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
    let refusals = 1;
    let asked = 0;
    const invoke = async () => {
      asked += 1;
      if (refusals-- > 0) throw new Error('refused');
    };
    const submit = { ...deps, runs, data, invocationsPrefix: 'invocations', endpointName: 'e', invoke };
    await expect(submitRun(submit, sent)).rejects.toThrow('refused');
    await submitRun(submit, sent);
    expect(asked).toBe(2);
    await failAttempt({ ...deps, runs }, sent.runKey, 1);
    await submitRun(submit, sent);
    expect(asked).toBe(2);
  });

  test('of which neither topic tells is closed by the sweep, long before a message could be lost', async () => {
    const sent = await message('l');
    const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
    const invoke = async () => undefined;
    await submitRun({ ...deps, runs, data, invocationsPrefix: 'invocations', endpointName: 'e', invoke }, sent);
    const stuck: Runs['listStuck'] = async (...asked) =>
      (await runs.listStuck(...asked)).filter((item) => item.kind === 'run' && item.runKey === sent.runKey);
    const of = (nowMs: number, requestLostAfterMs?: number) =>
      sweep({ ...at(nowMs), runs: listing(stuck), requestLostAfterMs });
    expect((await of(9 * HOUR)).failed).toBe(0);
    expect((await of(7 * HOUR, 8 * HOUR)).failed).toBe(0);
    expect((await of(9 * HOUR, 8 * HOUR)).failed).toBe(1);
    expect((await runs.getRun(sent.runKey))?.status).toBe('failed');
  });

  test('that reports a failure ends the run, once, and never a later attempt', async () => {
    told = [];
    const sent = await message('h');
    const failure = JSON.stringify({ invocationStatus: 'Failed', inferenceId: inferenceIdOf(sent) });
    expect(await notified({ ...deps, runs }, failure)).toBe('failed');
    expect(await notified({ ...deps, runs }, failure)).toBe('settled');
    expect((await runs.getRun(sent.runKey))?.status).toBe('failed');
    expect(told).toHaveLength(1);
    await runs.reopenRun(sent.runKey, 3000);
    expect(await notified({ ...deps, runs }, failure)).toBe('settled');
    expect((await runs.getRun(sent.runKey))?.status).toBe('ingested');
  });

  test('that reports a failure while a worker holds the run comes again later', async () => {
    const sent = await message('i');
    await runs.claimRun(sent.runKey, 1, 'analyze', 60_000, 1500);
    await expect(failAttempt({ ...deps, runs }, sent.runKey, 1)).rejects.toMatchObject({ name: 'TransientFault' });
  });

  test('that reports completion of a run without an end leaves it to the sweep', async () => {
    const sent = await message('j');
    expect(
      await notified(
        { ...deps, runs },
        JSON.stringify({ invocationStatus: 'Completed', inferenceId: inferenceIdOf(sent) }),
      ),
    ).toBe('open');
  });
});
