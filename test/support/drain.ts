import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { environmentOf } from '../../src/contracts/env.ts';
import type { RunItem } from '../../src/contracts/items.ts';
import { type AnalyzeMessage, isTerminal } from '../../src/contracts/messages.ts';
import { startAwsStub } from './aws-stub.ts';
import { deliver, handlersOf, putUpload } from './deliver.ts';
import { phantomPng } from './phantom-picture.ts';
import { DEFAULT_PACK, startTestSystem, type TestSystem } from './system.ts';

/**
 * How a job that was stopped in its middle ended, and when its message was finished or visible, from SIGTERM on;
 * `ended before` where the job was over when the signal was due.
 */
export interface Drained {
  readonly end: 'finished' | 'visible again' | 'lost' | 'ended before';
  readonly settledAfterMs: number;
}

export interface DrainBench {
  readonly system: TestSystem;
  /** One message to a fresh worker, SIGTERM in the middle of its job, a second worker for what was handed back. */
  stopInMidJob(options: { drainSeconds: number; afterMs: number }): Promise<Drained>;
  close(): Promise<void>;
}

const LEASE_SECONDS = 2;
const LONGEST_JOB_MS = 60_000;

/** The worker of the image, in processes of its own, over embedded services; `app` is where the image's files lie. */
export async function drainBench(app: string): Promise<DrainBench> {
  const system = await startTestSystem();
  const stub = await startAwsStub(system.embedded.credentials);
  const handlers = handlersOf(system);
  await deliver(handlers.ingest, [await putUpload(system, 'demo', 'drain', 'slice.png', await phantomPng(3))]);
  await deliver(handlers.detect, system.detectBox.sent);
  const [first] = system.analyzeBox.sent;
  if (first === undefined) throw new Error('the phantom led to no analyze message');
  const message: AnalyzeMessage = first;
  const { embedded, runs, clients } = system;
  const QueueUrl = embedded.queueUrls.analyze;

  const startWorker = (drainSeconds: number) => {
    const env = environmentOf('analyzeWorker', {
      stage: 'test',
      dataBucket: embedded.buckets.data,
      table: embedded.table,
      eventBus: 'bus',
      analyzeQueueUrl: QueueUrl,
      leaseSeconds: String(LEASE_SECONDS),
      maxReceiveCount: '100',
      drainSeconds: String(drainSeconds),
      packFolder: DEFAULT_PACK,
      provider: 'cuda',
    });
    const child = spawn(process.execPath, ['main.js', 'worker'], {
      cwd: app,
      env: { PATH: process.env.PATH, ...embedded.env, ...stub.env, ...env },
      stdio: 'ignore',
    });
    const left = once(child, 'exit').then(([code, signal]) => String(code ?? signal));
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      const status = await left;
      if (status !== '0') throw new Error(`the worker left with ${status}`);
    };
    return { stop };
  };
  const run = async (): Promise<RunItem> => {
    const item = await runs.getRun(message.runKey);
    if (item === null) throw new Error('the run is gone');
    return item;
  };
  const until = async (holds: (item: RunItem) => boolean | Promise<boolean>): Promise<boolean> => {
    for (const end = Date.now() + LONGEST_JOB_MS; Date.now() < end; await sleep(20))
      if (await holds(await run())) return true;
    return false;
  };
  const inQueue = async () => {
    const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
    const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...names] });
    const { Attributes = {} } = await clients.sqs.send(command);
    return { visible: Number(Attributes[names[0]]), hidden: Number(Attributes[names[1]]) };
  };
  const depth = async (): Promise<number> => {
    const { visible, hidden } = await inQueue();
    return visible + hidden;
  };
  return {
    system,
    async stopInMidJob({ drainSeconds, afterMs }) {
      const opened = await runs.reopenRun(message.runKey, Date.now());
      const { attempt, fence } = opened ?? (await run());
      const worker = startWorker(drainSeconds);
      await clients.sqs.send(
        new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ ...message, attempt }) }),
      );
      if (!(await until((item) => item.fence > fence))) throw new Error('no worker took the message');
      await sleep(afterMs);
      const inHand = (await inQueue()).hidden > 0;
      const toldAt = Date.now();
      const left = worker.stop();
      while ((await inQueue()).hidden > 0 && Date.now() - toldAt < LONGEST_JOB_MS) await sleep(20);
      const settledAfterMs = Date.now() - toldAt;
      await left;
      const { visible, hidden } = await inQueue();
      if (isTerminal((await run()).status) && visible + hidden === 0)
        return { end: inHand ? 'finished' : 'ended before', settledAfterMs };
      if (visible !== 1 || hidden !== 0) return { end: 'lost', settledAfterMs };
      const successor = startWorker(4);
      const ended = await until(async ({ status }) => isTerminal(status) && (await depth()) === 0);
      await successor.stop();
      return { end: ended ? 'visible again' : 'lost', settledAfterMs };
    },
    async close() {
      await system.close();
      await stub.close();
    },
  };
}
