import { parseEnv } from '../../src/contracts/env.ts';
import { ModelUnavailable } from '../../src/contracts/reasons.ts';
import { packHash } from '../../src/inference/pack-source.ts';
import type { Engine } from '../../src/pipeline/ports.ts';
import { batchingEngine } from './batching-engine.ts';
import { composeAnalyze } from './cloud.ts';
import { createAnalyzeHandler } from './compose.ts';
import { createAnalyzeServer } from './server.ts';
import { AnalyzeWorker, type Delay } from './worker.ts';

const joined = (env: { batchWaitMs: number; maxBatch: number }) => (engine: Engine) =>
  batchingEngine(engine, { waitMs: env.batchWaitMs, maxRows: env.maxBatch });

/** Without its models a worker would end every run that it takes as `model_unavailable`: it leaves instead. */
async function loadModels({ packFolder }: { packFolder: string }, engine: Engine): Promise<void> {
  const sha256 = await packHash(packFolder);
  if (sha256 === null) throw new ModelUnavailable(`${packFolder} holds no model pack: see DISCFLOW_PACK_FOLDER`);
  await engine.pack(sha256);
}

/** Resolves at SIGTERM (a stop, a spot notice, a scale-in) or SIGINT. */
const stopSignal = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });

async function work(): Promise<void> {
  const env = parseEnv('analyzeWorker', process.env);
  const stopped = stopSignal();
  const { deps, clients, close } = composeAnalyze(env, { wrap: joined(env) });
  await loadModels(env, deps.engine);
  const { maxReceiveCount } = env;
  const worker = new AnalyzeWorker({
    client: clients.sqs,
    queueUrl: env.analyzeQueueUrl,
    backfillQueueUrl: env.backfillAnalyzeQueueUrl,
    makeHandler: (delay: Delay) => createAnalyzeHandler({ deps, maxReceiveCount, delay }),
    log: deps.log,
    concurrency: env.workerConcurrency,
    visibilitySeconds: env.visibilitySeconds,
    drainSeconds: env.drainSeconds,
    abandon: () => deps.engine.close(),
  });
  worker.start();
  deps.log.info('worker.started');
  await stopped;
  await worker.stop();
  deps.log.info('worker.stopped');
  await close();
}

async function serve(): Promise<void> {
  const env = parseEnv('analyzeServer', process.env);
  const stopped = stopSignal();
  const { deps, close } = composeAnalyze(env, { wrap: joined(env) });
  const { maxReceiveCount } = env;
  let ready = false;
  const server = createAnalyzeServer({
    makeHandler: (delay) => createAnalyzeHandler({ deps, maxReceiveCount, delay }),
    log: deps.log,
    ready: () => ready,
    maxReceiveCount,
    concurrency: env.workerConcurrency,
  });
  await new Promise<void>((resolve) => server.listen(env.port, resolve));
  await loadModels(env, deps.engine);
  ready = true;
  deps.log.info('server.started');
  await stopped;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await close();
}

const modes: Record<string, () => Promise<void>> = { worker: work, serve };
const mode = modes[process.argv[2] ?? ''];
if (mode === undefined) {
  process.stderr.write('usage: node main.js worker | serve\n');
  process.exitCode = 1;
} else {
  const failure = await mode().catch((error: unknown) => error ?? 'unknown');
  if (failure !== undefined)
    process.stderr.write(`${failure instanceof Error ? failure.message : 'the worker failed'}\n`);
  process.exit(failure === undefined ? 0 : 1);
}
