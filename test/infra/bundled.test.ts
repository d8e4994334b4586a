import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleSizes } from '../../bench/bundles.ts';
import { keys, RUN_FILES } from '../../src/contracts/keys.ts';
import { analyzeMessageSchema } from '../../src/contracts/messages.ts';
import { reportSchema } from '../../src/contracts/report.ts';
import { type BundledSystem, startBundled } from '../support/bundled.ts';
import { sqsEvent } from '../support/deliver.ts';
import { phantomPng } from '../support/phantom-picture.ts';

let system: BundledSystem;
const taken = { batchItemFailures: [] };

beforeAll(async () => {
  system = await startBundled();
});
afterAll(() => system?.close());

test('every function and its layers stay below 250 MiB unzipped, those without models below 3', () => {
  const sizes = bundleSizes(system);
  expect(sizes).toHaveLength(9);
  for (const { name, withLayersMiB } of sizes) {
    expect(withLayersMiB, name).toBeGreaterThan(0.1);
    expect(withLayersMiB, name).toBeLessThan(250);
    if (!['ingest', 'detect', 'analyze'].includes(name)) expect(withLayersMiB, name).toBeLessThan(3);
  }
});

test('bundles and layers, each function in a process of its own, take an upload to its report', async () => {
  const event = await system.upload('demo', 'u1', 'slice.png', await phantomPng(5));
  expect((await system.invoke('ingest', event)).result).toEqual(taken);
  const detect = await system.next('detect');
  expect((await system.invoke('detect', sqsEvent([detect]))).result).toEqual(taken);
  const analyze = await system.next('analyze');
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
  expect((await system.invoke('sweep', {})).result).toMatchObject({ failed: 0, errors: 0 });
  const listed = (await system.invoke('api', {
    routeKey: 'GET /v1/runs',
    queryStringParameters: {},
    requestContext: { authorizer: { jwt: { claims: { discflow_tenant: 'demo' } } } },
  })) as { result: { statusCode: number; body: string } };
  expect(listed.result.statusCode).toBe(200);
  expect(listed.result.body).toContain(runKey);
});
