import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SqsPoller } from '../../src/aws/sqs-poller.ts';
import { keys, RUN_FILES } from '../../src/contracts/keys.ts';
import { REASONS } from '../../src/contracts/reasons.ts';
import { deliver, handlersOf, putUpload, type StageName } from '../support/deliver.ts';
import { phantomPng } from '../support/phantom-picture.ts';
import { MAX_RECEIVES, startTestSystem, type TestSystem } from '../support/system.ts';

/** Uploads of one batch, in the order of their messages. */
const UPLOADS = ['first', 'poison', 'last'] as const;
const POISON = 1;

let system: TestSystem;
let pictures: Buffer[];

beforeAll(async () => {
  system = await startTestSystem();
  pictures = await Promise.all(UPLOADS.map((_, index) => phantomPng(40 + index)));
});
afterAll(async () => system.close());

/** The stage's messages of the three uploads; under the poisoned one lies what no code foresees. */
async function messagesOf(stage: StageName, tenant: string): Promise<object[]> {
  const handlers = handlersOf(system);
  const events: object[] = [];
  for (const [index, name] of UPLOADS.entries()) {
    events.push(await putUpload(system, tenant, name, 'slice.png', pictures[index]!));
  }
  if (stage === 'ingest') return events;
  for (const event of events) expect(await deliver(handlers.ingest, [event])).toEqual([]);
  const detect = system.detectBox.sent.splice(0);
  expect(detect).toHaveLength(UPLOADS.length);
  const { studyKey, contentHash, runKey } = detect[POISON]!;
  if (stage === 'detect') {
    await spoil(keys.content(tenant, studyKey, contentHash, 'study.json'));
    return detect;
  }
  for (const message of detect) expect(await deliver(handlers.detect, [message])).toEqual([]);
  await spoil(keys.run(tenant, studyKey, runKey, RUN_FILES.detection));
  return system.analyzeBox.sent.splice(0);
}

async function spoil(key: string): Promise<void> {
  await system.data.put(key, Buffer.from('{"schema":'), { contentType: 'application/json' });
}

/** The system's ports; reading the poisoned upload meets a bug. */
function portsWithBug(): TestSystem['deps'] {
  const { uploads } = system.deps;
  return {
    ...system.deps,
    uploads: {
      get: async (key, options) => {
        if (key.includes('/poison/')) throw new TypeError('a bug');
        return uploads.get(key, options);
      },
      head: (...args) => uploads.head(...args),
      put: (...args) => uploads.put(...args),
      list: (...args) => uploads.list(...args),
    },
  };
}

async function waitingIn(queueUrl: string): Promise<number> {
  const { Attributes = {} } = await system.clients.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
  );
  return Number(Attributes.ApproximateNumberOfMessages);
}

describe('a poison message between two others', () => {
  it.each(['ingest', 'detect', 'analyze'] as const)(
    'of %s ends in the dead letters with its reason in the table, and its neighbours are not repeated',
    async (stage) => {
      const tenant = `poisoned-${stage}`;
      const { sqs } = system.clients;
      const { url, deadLetterUrl } = system.embedded.queues[stage];
      const bodies = (await messagesOf(stage, tenant)).map((message) => JSON.stringify(message));
      // The uploads of this test have notified the ingest queue themselves: those are other messages.
      if (stage === 'ingest') await emptied(url);
      for (const body of bodies) await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }));
      const received: string[] = [];
      const batches: number[] = [];
      const handler = handlersOf(system, portsWithBug())[stage];
      const poller = new SqsPoller({
        ...{ client: sqs, queueUrl: url, log: system.deps.log, batchSize: 10, waitSeconds: 1, retrySeconds: 0 },
        handler: async (event: SQSEvent, context) => {
          received.push(...event.Records.map(({ body }) => body));
          batches.push(event.Records.length);
          return handler(event, context);
        },
      });
      poller.start();
      while ((await waitingIn(deadLetterUrl)) === 0) await sleep(20);
      await poller.stop({ receiveGraceSeconds: 5 });
      for (const box of [system.detectBox, system.analyzeBox]) box.sent.splice(0);

      expect(batches[0]).toBe(UPLOADS.length);
      expect(bodies.map((body) => received.filter((one) => one === body).length)).toEqual([1, MAX_RECEIVES, 1]);
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: deadLetterUrl }));
      expect(Messages.map(({ Body }) => Body)).toEqual([bodies[POISON]]);

      const uploads = await Promise.all(UPLOADS.map(async (name) => (await system.runs.getUpload(tenant, name))[0]!));
      const items =
        stage === 'ingest'
          ? uploads
          : await Promise.all(uploads.map(async ({ runs }) => (await system.runs.getRun(runs[0]!))!));
      const failed = items[POISON]!;
      expect(failed.status).toBe('failed');
      expect(failed.reasons).toEqual([
        { code: 'internal', message: `${REASONS.internal.sentence} (trace ${failed.traceId})` },
      ]);
      expect(failed.announcedAt).not.toBeNull();
      const healthy = { ingest: ['expanded'], detect: ['detected'], analyze: ['done', 'needs_review'] }[stage];
      for (const neighbour of [items[0]!, items[2]!]) {
        expect(healthy).toContain(neighbour.status);
        if (neighbour.kind === 'run') for (const { attempts } of neighbour.stages) expect(attempts).toBe(1);
      }
    },
  );
});

async function emptied(queueUrl: string): Promise<void> {
  const poller = new SqsPoller({
    ...{ client: system.clients.sqs, queueUrl, log: system.deps.log, batchSize: 10, waitSeconds: 1 },
    handler: async () => undefined,
  });
  poller.start();
  while ((await waitingIn(queueUrl)) > 0) await sleep(20);
  await poller.stop({ receiveGraceSeconds: 5 });
}
