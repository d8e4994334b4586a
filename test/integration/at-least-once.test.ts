import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REASONS } from '../../src/contracts/reasons.ts';
import { storedZip } from '../../src/phantom/zip.ts';
import { deliver, handlersOf, putUpload, type StageName } from '../support/deliver.ts';
import { studyOnce } from '../support/drawn-once.ts';
import { phantomPng } from '../support/phantom-picture.ts';
import { MAX_RECEIVES, snapshot, startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
let picture: Buffer;
/** Another patient's. */
let other: Buffer;
let expected: Record<string, string>;
let expectedOfOther: Record<string, string>;
let tenants = 0;
const freshTenant = () => `tenant-of-test-${++tenants}-x`;

beforeAll(async () => {
  system = await startTestSystem();
  picture = await phantomPng(3);
  other = await phantomPng(4);
  const [tenant, tenantOfOther] = [freshTenant(), freshTenant()];
  await runOnce(tenant);
  expected = await snapshot(system, tenant);
  await runOnce(tenantOfOther, other);
  expectedOfOther = await snapshot(system, tenantOfOther);
});

afterAll(async () => system.close());

/** One upload through the three stages, each message delivered once. */
async function runOnce(tenant: string, bytes = picture): Promise<void> {
  const handlers = handlersOf(system);
  const event = await putUpload(system, tenant, 'upload-1', 'slice.png', bytes);
  expect(await deliver(handlers.ingest, [event])).toEqual([]);
  expect(await deliver(handlers.detect, system.detectBox.sent.splice(0))).toEqual([]);
  expect(await deliver(handlers.analyze, system.analyzeBox.sent.splice(0))).toEqual([]);
}

async function onlyRun(tenant: string) {
  const { items } = await system.runs.listByTenant(tenant, {});
  expect(items).toHaveLength(1);
  return items[0]!;
}

describe('at least once, in any order', () => {
  it('gives one answered run and one result for one upload', async () => {
    expect(Object.keys(expected).filter((key) => key.endsWith('report.json'))).toHaveLength(1);
    const run = await onlyRun('tenant-of-test-1-x');
    expect(['done', 'needs_review']).toContain(run.status);
    expect(run.announcedAt).not.toBeNull();
  });

  it('gives the same bytes and no second run when every message comes twice and in reversed order', async () => {
    const tenant = freshTenant();
    const handlers = handlersOf(system);
    const events = [
      await putUpload(system, tenant, 'upload-1', 'slice.png', picture),
      await putUpload(system, tenant, 'upload-2', 'slice.png', other),
    ];
    const twiceReversed = async (stage: StageName, messages: readonly unknown[]) => {
      const doubled = [...messages, ...messages].reverse();
      for (const message of doubled) expect(await deliver(handlers[stage], [message])).toEqual([]);
    };
    await twiceReversed('ingest', events);
    const detect = system.detectBox.sent.splice(0);
    await twiceReversed('detect', detect);
    const analyze = system.analyzeBox.sent.splice(0);
    await twiceReversed('analyze', analyze);
    await twiceReversed('detect', detect);
    await twiceReversed('ingest', events);
    expect(system.detectBox.sent.splice(0)).toEqual([]);
    expect(system.analyzeBox.sent.splice(0)).toEqual([]);
    const { items } = await system.runs.listByTenant(tenant, {});
    expect(items).toHaveLength(2);
    for (const { stages } of items) expect(stages.map(({ attempts }) => attempts)).toEqual([1, 1]);
    expect(await snapshot(system, tenant)).toEqual({ ...expected, ...expectedOfOther });
  });

  it('leaves a message in the queue while another delivery holds the lease, and ends once', async () => {
    const tenant = freshTenant();
    const handlers = handlersOf(system);
    const twiceAtOnce = async (stage: StageName, message: unknown) => {
      const answers = await Promise.all([deliver(handlers[stage], [message]), deliver(handlers[stage], [message])]);
      expect(answers.map((failures) => failures.length).sort()).toEqual([0, 1]);
      expect(await deliver(handlers[stage], [message])).toEqual([]);
    };
    await twiceAtOnce('ingest', await putUpload(system, tenant, 'upload-1', 'slice.png', picture));
    await twiceAtOnce('detect', system.detectBox.sent.splice(0)[0]);
    await twiceAtOnce('analyze', system.analyzeBox.sent.splice(0)[0]);
    expect(await snapshot(system, tenant)).toEqual(expected);
  });

  it('returns the stored result without a second run when the same study is uploaded again', async () => {
    const tenant = freshTenant();
    await runOnce(tenant);
    const before = await onlyRun(tenant);
    const event = await putUpload(system, tenant, 'upload-2', 'again.png', picture);
    expect(await deliver(handlersOf(system).ingest, [event])).toEqual([]);
    expect(system.detectBox.sent).toEqual([]);
    expect(await onlyRun(tenant)).toEqual(before);
    expect((await system.runs.getUpload(tenant, 'upload-2'))[0]?.runs).toEqual([before.runKey]);
  });

  it('ends two uploads of one study that ingest refuses, though both come at once', async () => {
    const tenant = freshTenant();
    const { ingest } = handlersOf(system);
    const study = storedZip(
      studyOnce({ seed: 6, rows: 96, columns: 80, spacingMm: [3, 3], t1Slices: 3, t2Slices: 0 }).files,
    );
    const events = await Promise.all(
      ['upload-1', 'upload-2'].map((uploadId) => putUpload(system, tenant, uploadId, 'study.zip', study)),
    );
    expect(await Promise.all(events.map((event) => deliver(ingest, [event])))).toEqual([[], []]);
    const run = await onlyRun(tenant);
    expect([run.status, run.reasons.map(({ code }) => code)]).toEqual(['rejected', ['no_t2_series']]);
    expect(run.announcedAt).not.toBeNull();
    const told = system.announced.filter(({ subject }) => subject === run.runKey);
    expect([...new Set(told.map((announcement) => JSON.stringify(announcement)))]).toHaveLength(1);
    expect(told[0]).toMatchObject({ status: 'rejected', reasons: ['no_t2_series'] });
  });

  it('ends with the answer of analyze when its message overtakes the table write of detect', async () => {
    const tenant = freshTenant();
    const handlers = handlersOf(system);
    await deliver(handlers.ingest, [await putUpload(system, tenant, 'upload-1', 'slice.png', picture)]);
    const [message] = system.detectBox.sent.splice(0);
    const overtaken = {
      ...system.deps,
      analyzeQueue: {
        send: async (sent: unknown) => {
          expect(await deliver(handlers.analyze, [sent])).toEqual([]);
        },
      },
    };
    expect(await deliver(handlersOf(system, overtaken).detect, [message])).toEqual([]);
    expect(await snapshot(system, tenant)).toEqual(expected);
    expect((await onlyRun(tenant)).announcedAt).not.toBeNull();
  });
});

describe('a message that cannot be worked off', () => {
  it('goes back alone while its neighbours in the batch are done', async () => {
    const tenant = freshTenant();
    const handlers = handlersOf(system);
    const good = await putUpload(system, tenant, 'upload-1', 'slice.png', picture);
    expect(await deliver(handlers.ingest, ['{"Records": [', good, '[]'])).toEqual(['message-0', 'message-2']);
    const [message] = system.detectBox.sent.splice(0);
    expect(await deliver(handlers.detect, ['not json', message])).toEqual(['message-0']);
    expect(system.analyzeBox.sent.splice(0)).toHaveLength(1);
  });

  it('marks its run failed with a trace id at the last receive and stays for the dead letters', async () => {
    const tenant = freshTenant();
    const handlers = handlersOf(system);
    await deliver(handlers.ingest, [await putUpload(system, tenant, 'upload-1', 'slice.png', picture)]);
    const [message] = system.detectBox.sent.splice(0);
    const broken = {
      ...system.deps,
      engine: { ...system.deps.engine, pack: () => Promise.reject(new Error('a bug')) },
    };
    for (let receive = 1; receive <= MAX_RECEIVES; receive += 1) {
      expect(await deliver(handlersOf(system, broken).detect, [message], receive)).toEqual(['message-0']);
      expect((await onlyRun(tenant)).status).toBe(receive < MAX_RECEIVES ? 'ingested' : 'failed');
    }
    const run = await onlyRun(tenant);
    expect(run.reasons).toEqual([{ code: 'internal', message: `${REASONS.internal.sentence} (trace ${run.traceId})` }]);
    expect(run.announcedAt).not.toBeNull();
    expect(system.announced.at(-1)).toMatchObject({ subject: run.runKey, status: 'failed', reasons: ['internal'] });
  });

  it('ends model_unavailable and is acknowledged when no pack has the hash that it names', async () => {
    const tenant = freshTenant();
    const handlers = handlersOf(system, { ...system.deps, packSha256: '0'.repeat(64) });
    await deliver(handlers.ingest, [await putUpload(system, tenant, 'upload-1', 'slice.png', picture)]);
    expect(await deliver(handlers.detect, system.detectBox.sent.splice(0))).toEqual([]);
    const run = await onlyRun(tenant);
    expect(run.status).toBe('failed');
    expect(run.reasons.map(({ code }) => code)).toEqual(['model_unavailable']);
    const told = system.announced.find(({ subject }) => subject === run.runKey);
    expect(told?.status).toBe('failed');
    expect(told).not.toHaveProperty('reportKey');
  });

  it('is opened again as the next attempt when a failed study is uploaded again', async () => {
    const tenant = freshTenant();
    const handlers = handlersOf(system);
    await deliver(handlers.ingest, [await putUpload(system, tenant, 'upload-1', 'slice.png', picture)]);
    const [first] = system.detectBox.sent.splice(0);
    const broken = {
      ...system.deps,
      engine: { ...system.deps.engine, pack: () => Promise.reject(new Error('a bug')) },
    };
    await deliver(handlersOf(system, broken).detect, [first], MAX_RECEIVES);
    await deliver(handlers.ingest, [await putUpload(system, tenant, 'upload-2', 'slice.png', picture)]);
    const [second] = system.detectBox.sent.splice(0);
    expect(second?.attempt).toBe(2);
    expect(await deliver(handlers.detect, [first])).toEqual([]);
    expect(system.analyzeBox.sent).toEqual([]);
    await deliver(handlers.detect, [second]);
    await deliver(handlers.analyze, system.analyzeBox.sent.splice(0));
    expect(await snapshot(system, tenant)).toEqual(expected);
  });
});
