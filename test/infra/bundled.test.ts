import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleSizes } from '../../bench/bundles.ts';
import { FUNCTIONS } from '../../infra/bundling/code.ts';
import { STAGE_LIMITS } from '../../infra/stages.ts';
import { keys, RUN_FILES } from '../../src/contracts/keys.ts';
import { analyzeMessageSchema } from '../../src/contracts/messages.ts';
import { reportSchema } from '../../src/contracts/report.ts';
import { type BundledSystem, startBundled, TRACE_ROOT } from '../support/bundled.ts';
import { sqsEvent } from '../support/deliver.ts';
import { phantomPng } from '../support/phantom-picture.ts';

let system: BundledSystem;
const taken = { batchItemFailures: [] };

beforeAll(async () => {
  system = await startBundled();
}, 300_000);
afterAll(() => system?.close());

test('every function has an asset of its own, and with its layers stays below 250 MiB unzipped', () => {
  const { functions } = system;
  expect([...functions.keys()].sort()).toEqual(
    [...Object.keys(FUNCTIONS), 'backfill-ingest', 'backfill-detect'].sort(),
  );
  const handlers = [...functions.values()].map(({ task }) => readFileSync(join(task, 'handler.js'), 'utf8'));
  expect(new Set(handlers).size).toBe(Object.keys(FUNCTIONS).length);
  for (const { name, withLayersMiB } of bundleSizes(system)) {
    expect(withLayersMiB, name).toBeGreaterThan(0.1);
    expect(withLayersMiB, name).toBeLessThan(250);
    if (!/ingest|detect|analyze/.test(name)) expect(withLayersMiB, name).toBeLessThan(3);
  }
});

test('native add-ons are of the architecture of their function', () => {
  const addons = (folder: string) =>
    (readdirSync(folder, { recursive: true }) as string[]).filter((path) => /\.node$|\.so(\.\d+)*$/.test(path));
  for (const { name, architecture, task, opt } of system.functions.values()) {
    const found = [...addons(task), ...addons(opt)];
    expect(
      found.filter((path) => !/linux[-/]x64/.test(path)),
      name,
    ).toEqual([]);
    if (found.length > 0) expect(architecture, name).toBe('x86_64');
  }
});

test('functions of the templates, each in a process of its own, take an upload to its report', async () => {
  const event = await system.upload('demo', 'u1', 'slice.png', await phantomPng(5));
  expect((await system.invoke('ingest', event)).result).toEqual(taken);
  const detect = await system.next('detect');
  expect((await system.invoke('detect', sqsEvent([detect]))).result).toEqual(taken);
  const analyze = await system.next('analyze');
  // A notification of S3 brings no trace: the runbook leads from the run's to the one that X-Ray has of its ingest.
  expect(analyzeMessageSchema.parse(JSON.parse(analyze)).traceId).toBe(TRACE_ROOT);
  expect((await system.invoke('submit', sqsEvent([analyze]))).result).toEqual(taken);
  expect(system.stub.asked).toContain('InvokeEndpointAsync');
  expect((await system.invoke('analyze', sqsEvent([analyze]))).result).toEqual(taken);
  const { runKey, studyKey, attempt } = analyzeMessageSchema.parse(JSON.parse(analyze));
  const run = await system.runs.getRun(runKey);
  expect(['done', 'needs_review']).toContain(run?.status);
  expect(run?.announcedAt).not.toBeNull();
  const report = await system.data.get(keys.run('demo', studyKey, runKey, RUN_FILES.report));
  expect(reportSchema.parse(JSON.parse(report?.toString() ?? '')).discs.length).toBeGreaterThanOrEqual(5);

  const told = JSON.stringify({ invocationStatus: 'Completed', inferenceId: `${runKey}-${attempt}` });
  expect((await system.invoke('notified', { Records: [{ Sns: { Message: told } }] })).result).toBeNull();
  expect((await system.invoke('sweep', {})).result).toEqual({ failed: 0, announced: 0 });
  const listed = (await system.invoke('api', {
    routeKey: 'GET /v1/runs',
    queryStringParameters: {},
    requestContext: { authorizer: { jwt: { claims: { discflow_tenant: 'demo' } } } },
  })) as { result: { statusCode: number; body: string } };
  expect(listed.result.statusCode).toBe(200);
  expect(listed.result.body).toContain(runKey);
});

test('the backfill lane and the webhook start from their templates, and ask for secrets that a template makes', async () => {
  const lane = await system.upload('demo', 'u2', 'slice.png', await phantomPng(6));
  expect((await system.invoke('backfill-ingest', lane)).result).toEqual(taken);
  expect((await system.invoke('backfill-detect', sqsEvent([await system.next('detect')]))).result).toEqual(taken);
  const job = { jobId: 'job', tenant: 'demo', source: { kind: 'prefix', bucket: 'archive', key: '' } };
  const open = { action: 'open', job: { ...job, studiesPerMinute: 1, budgetUsd: 1 } };
  expect((await system.invoke('backfill', open)).result).toMatchObject({ jobId: 'job' });
  const { runKey, attempt } = analyzeMessageSchema.parse(JSON.parse(await system.next('analyze')));
  const announcement = { schema: 'discflow.announcement/1', kind: 'run', tenant: 'demo', subject: runKey };
  const detail = { ...announcement, attempt, status: 'done', reasons: [] };
  // Its receiver has no address: this is the last receive, after which the message goes to the dead letters.
  const told = sqsEvent([JSON.stringify({ id: 'event', detail })], STAGE_LIMITS.webhook.maxReceiveCount);
  expect((await system.invoke('webhook', told)).result).toEqual({
    batchItemFailures: [{ itemIdentifier: 'message-0' }],
  });
  const made = system.synthesised.flatMap(({ templates }) =>
    Object.values(templates).flatMap(({ Resources = {} }) =>
      Object.values(Resources).map(({ Properties }) => Properties?.Name),
    ),
  );
  expect(new Set(system.stub.secrets).size).toBe(2);
  expect(made).toEqual(expect.arrayContaining(system.stub.secrets));
});
