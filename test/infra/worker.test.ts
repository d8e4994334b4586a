import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchingEngine } from '../../functions/analyze/batching-engine.ts';
import { createAnalyzeServer } from '../../functions/analyze/server.ts';
import { AnalyzeWorker } from '../../functions/analyze/worker.ts';
import { layOutWorker } from '../../infra/bundling/image.ts';
import { type AwsClients, clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { createLogger } from '../../src/aws/logger.ts';
import type { PackManifest } from '../../src/contracts/pack.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';
import type { Engine, Tensor } from '../../src/pipeline/ports.ts';
import { type DrainBench, drainBench } from '../support/drain.ts';

const log = createLogger({ service: 'test', level: 'SILENT' });
let embedded: Embedded;
let clients: AwsClients;
let queueUrl: string;

beforeAll(async () => {
  embedded = await startEmbedded({ dataDir: null });
  clients = createClients(clientOptionsFrom(embedded.env));
  queueUrl = embedded.queueUrls.analyze;
});
afterAll(async () => {
  clients?.close();
  await embedded?.close();
});

const send = (MessageBody: string, QueueUrl = queueUrl) =>
  clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));

describe('the worker of the image, told to stop in the middle of a job', () => {
  const app = mkdtempSync(join(tmpdir(), 'discflow-worker-'));
  let bench: DrainBench;
  beforeAll(async () => {
    layOutWorker(app);
    bench = await drainBench(app);
  });
  afterAll(async () => {
    await bench?.close();
    rmSync(app, { recursive: true });
  });

  test('ends the job where the time is enough for it', async () => {
    expect(await bench.stopInMidJob({ drainSeconds: 60, afterMs: 0 })).toMatchObject({ end: 'finished' });
  });

  test('makes its message visible where it is not, and the next worker ends the run', async () => {
    expect(await bench.stopInMidJob({ drainSeconds: 0, afterMs: 0 })).toMatchObject({ end: 'visible again' });
  });
});

describe('backfill', () => {
  test('is taken up only while no upload is in hand', async () => {
    const seen: string[] = [];
    const backfillQueueUrl = embedded.queueUrls.detect;
    const worker = new AnalyzeWorker({
      client: clients.sqs,
      queueUrl,
      backfillQueueUrl,
      log,
      concurrency: 1,
      visibilitySeconds: 30,
      drainSeconds: 1,
      waitSeconds: 1,
      idleBeforeBackfillMs: 1200,
      makeHandler: () => async (event) => {
        seen.push(event.Records[0]?.body ?? '');
        await new Promise((resolve) => setTimeout(resolve, 400));
        return { batchItemFailures: [] };
      },
    });
    await send('backfill', backfillQueueUrl);
    await Promise.all(['upload', 'upload', 'upload'].map((body) => send(body)));
    worker.start();
    await expect.poll(() => seen.length, { timeout: 8000, interval: 100 }).toBe(4);
    await worker.stop();
    expect(seen).toEqual(['upload', 'upload', 'upload', 'backfill']);
    const { Messages = [] } = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: backfillQueueUrl }));
    expect(Messages).toEqual([]);
  });
});

describe('the server that SageMaker calls', () => {
  let server: Server = createServer();
  afterAll(() => server.close());

  async function start(fail: (attempt: number) => boolean, ready = true): Promise<string> {
    server.close();
    server = createAnalyzeServer({
      log,
      ready: () => ready,
      maxReceiveCount: 3,
      concurrency: 1,
      makeHandler: (delay) => async (event) => {
        const [record] = event.Records;
        if (record === undefined) throw new Error('no record');
        if (record.body.includes('slow')) await new Promise((resolve) => setTimeout(resolve, 300));
        if (!fail(Number(record.attributes.ApproximateReceiveCount))) return { batchItemFailures: [] };
        await delay(record, 0);
        return { batchItemFailures: [{ itemIdentifier: record.messageId }] };
      },
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const invoke = async (url: string, body = '{}') =>
    (await fetch(`${url}/invocations`, { method: 'POST', body })).status;

  test('answers /ping, and 503 until it can work', async () => {
    expect((await fetch(`${await start(() => false)}/ping`)).status).toBe(200);
    expect((await fetch(`${await start(() => false, false)}/ping`)).status).toBe(503);
  });

  test('answers 200 for a run that ended, on a later try too', async () => {
    expect(await invoke(await start((attempt) => attempt < 3))).toBe(200);
  });

  test('answers 500 for one that was given up at the last try', async () => {
    expect(await invoke(await start(() => true))).toBe(500);
  });

  test.each(['', 'no json', '[]', 'null', `{"a":"${'x'.repeat(70_000)}"}`])(
    'answers 400 to a body that is no message',
    async (body) => {
      expect(await invoke(await start(() => false), body)).toBe(400);
    },
  );

  test('answers 503 above its concurrency and 404 elsewhere', async () => {
    const url = await start(() => false);
    const first = invoke(url, '{"slow":1}');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await invoke(url)).toBe(503);
    expect(await first).toBe(200);
    expect((await fetch(`${url}/other`)).status).toBe(404);
  });
});

describe('batching over messages', () => {
  const manifest = { members: [] } as unknown as PackManifest;
  const runs: number[][] = [];
  const engine: Engine = {
    async pack(sha256) {
      return {
        manifest,
        sha256,
        provider: 'cpu',
        takesBatches: (id) => id !== 'fixed',
        async run(_, input) {
          runs.push([...input.dims]);
          if (input.data[0] === 666) throw new Error('the network failed');
          return {
            output: { dims: [input.dims[0] ?? 0, 1], data: input.data.filter((__, index) => index % 2 === 0) },
            ms: 10,
          };
        },
      };
    },
    close: async () => undefined,
  };
  const of = (...values: number[]): Tensor => ({
    dims: [values.length, 2],
    data: new Float32Array(values.flatMap((value) => [value, 0])),
  });

  test('joins what comes within the wait, gives each caller its own rows and its share of the time', async () => {
    runs.length = 0;
    const pack = await batchingEngine(engine, { waitMs: 20, maxRows: 8 }).pack('a');
    const [a, b] = await Promise.all([pack.run('classifier', of(1, 2, 3)), pack.run('classifier', of(4))]);
    expect(runs).toEqual([[4, 2]]);
    expect([...a.output.data, ...b.output.data]).toEqual([1, 2, 3, 4]);
    expect([a.output.dims, b.output.dims, a.ms, b.ms]).toEqual([[3, 1], [1, 1], 7.5, 2.5]);
  });

  test('runs at the limit without waiting, never above it, and other shapes apart', async () => {
    runs.length = 0;
    const pack = await batchingEngine(engine, { waitMs: 10_000, maxRows: 4 }).pack('a');
    await Promise.all([pack.run('classifier', of(1, 2, 3)), pack.run('classifier', of(1, 2, 3, 4))]);
    expect(runs).toEqual([
      [3, 2],
      [4, 2],
    ]);
  });

  test.each([
    ['segmenter', 'joins lumbar crops of two messages', [[2, 2]]],
    [
      'fixed',
      'runs networks of a fixed batch size one by one',
      [
        [1, 2],
        [1, 2],
      ],
    ],
  ])('%s: %s', async (member, _, expected) => {
    runs.length = 0;
    const pack = await batchingEngine(engine, { waitMs: 20, maxRows: 8 }).pack('a');
    await Promise.all([pack.run(member, of(1)), pack.run(member, of(2))]);
    expect(runs).toEqual(expected);
  });

  test('a failure reaches every caller of the run', async () => {
    const pack = await batchingEngine(engine, { waitMs: 10, maxRows: 8 }).pack('a');
    const both = await Promise.allSettled([pack.run('classifier', of(666)), pack.run('classifier', of(1))]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
