import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AwsClients, createClients } from '../../src/aws/clients.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { type BatchHandler, SqsPoller, type SqsPollerOptions } from '../../src/aws/sqs-poller.ts';
import { s3RecordSchema } from '../../src/contracts/messages.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';
import type { Logger } from '../../src/pipeline/ports.ts';

let embedded: Embedded;
let clients: AwsClients;
const pollers: SqsPoller[] = [];
const logged: string[] = [];
const note: Logger['info'] = (code) => void logged.push(code);
const log: Logger = { info: note, warn: note, error: note };

beforeAll(async () => {
  embedded = await startEmbedded({ dataDir: null, maxReceiveCount: 3 });
  clients = createClients(embedded);
});
afterAll(async () => {
  clients.close();
  await embedded.close();
});
beforeEach(async () => {
  for (const { url, deadLetterUrl } of Object.values(embedded.queues)) {
    await clients.sqs.send(new PurgeQueueCommand({ QueueUrl: url }));
    await clients.sqs.send(new PurgeQueueCommand({ QueueUrl: deadLetterUrl }));
  }
});
afterEach(async () => {
  await Promise.all(pollers.splice(0).map((poller) => poller.stop({ graceSeconds: 5, receiveGraceSeconds: 2 })));
});

const url = () => embedded.queueUrls.detect;
const send = (body: string) => clients.sqs.send(new SendMessageCommand({ QueueUrl: url(), MessageBody: body }));

function poll(handler: BatchHandler, options: Partial<SqsPollerOptions> = {}): SqsPoller {
  const poller = new SqsPoller({ client: clients.sqs, queueUrl: url(), log, handler, waitSeconds: 1, ...options });
  pollers.push(poller);
  poller.start();
  return poller;
}

async function counts(queueUrl = url()) {
  const { Attributes = {} } = await clients.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
  );
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages),
    hidden: Number(Attributes.ApproximateNumberOfMessagesNotVisible),
  };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}

const bodiesOf = (event: SQSEvent) => event.Records.map(({ body }) => body);
const fail = (event: SQSEvent, bad: string) => ({
  batchItemFailures: event.Records.filter(({ body }) => body === bad).map(({ messageId }) => ({
    itemIdentifier: messageId,
  })),
});

describe('SqsPoller', () => {
  it('gives messages to the handler in the shape of a Lambda event and deletes them', async () => {
    const events: SQSEvent[] = [];
    poll(async (event, context) => {
      events.push(event);
      expect(context.getRemainingTimeInMillis()).toBeGreaterThan(1000);
      return undefined;
    });
    await send('{"a":"ü"}');
    await until(() => events.length === 1);
    expect(events[0]?.Records).toMatchObject([
      { body: '{"a":"ü"}', eventSource: 'aws:sqs', attributes: { ApproximateReceiveCount: '1' } },
    ]);
    expect(events[0]?.Records[0]?.messageId).toMatch(/^[0-9a-f-]{36}$/);
    await until(async () => (await counts()).hidden === 0);
    expect(await counts()).toEqual({ visible: 0, hidden: 0 });
  });

  it('repeats the failed message of a batch alone, and moves it to the dead letters in the end', async () => {
    const seen: string[] = [];
    for (const body of ['a', 'bad', 'c']) await send(body);
    poll(
      async (event) => {
        seen.push(...bodiesOf(event));
        return fail(event, 'bad');
      },
      { batchSize: 10, retrySeconds: 0 },
    );
    await until(async () => (await counts(embedded.queues.detect.deadLetterUrl)).visible === 1);
    expect(seen.sort()).toEqual(['a', 'bad', 'bad', 'bad', 'c']);
    expect(await counts()).toEqual({ visible: 0, hidden: 0 });
  });

  it('takes a handler that throws for a failure of its whole batch', async () => {
    let calls = 0;
    await send('a');
    poll(
      async () => {
        calls += 1;
        if (calls === 1) throw new Error('bug');
        return undefined;
      },
      { retrySeconds: 0 },
    );
    await until(() => calls === 2);
    await until(async () => (await counts()).hidden === 0);
    expect(logged).toContain('poller.handler_failed');
  });

  it('leaves a failed message hidden as long as the handler asked for', async () => {
    const seen: string[] = [];
    const poller = poll(
      async (event) => {
        seen.push(...bodiesOf(event));
        await poller.delay(event.Records[0]!, 600);
        return fail(event, 'later');
      },
      { retrySeconds: 0 },
    );
    await send('later');
    await until(() => seen.length === 1);
    await send('marker');
    await until(() => seen.includes('marker'));
    await until(async () => (await counts()).hidden === 1);
    await sleep(300);
    expect(seen).toEqual(['later', 'marker']);
    expect(await counts()).toEqual({ visible: 0, hidden: 1 });
  });

  it('keeps a message hidden while its handler works longer than the visibility time', async () => {
    const seen: string[] = [];
    await send('long');
    poll(
      async (event) => {
        seen.push(...bodiesOf(event));
        await sleep(2600);
        return undefined;
      },
      { visibilitySeconds: 1, concurrency: 2 },
    );
    await until(() => seen.length === 1);
    await until(async () => (await counts()).hidden === 0);
    expect(seen).toEqual(['long']);
  });

  it('finishes work in hand when it is stopped, and receives no more', async () => {
    const [begun, ended]: [string[], string[]] = [[], []];
    const poller = poll(async (event) => {
      begun.push(...bodiesOf(event));
      await sleep(100);
      ended.push(...bodiesOf(event));
      return undefined;
    });
    await send('a');
    await send('b');
    await until(() => begun.length === 1);
    await poller.stop({ graceSeconds: 10, receiveGraceSeconds: 2 });
    expect(ended).toEqual(begun);
    expect(await counts()).toEqual({ visible: 1, hidden: 0 });
  });

  it('makes unfinished work visible again at the end of its grace, and lets its late end go', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = false;
    await send('a');
    const poller = poll(async () => {
      begun = true;
      await held;
      return undefined;
    });
    await until(() => begun);
    await poller.stop({ graceSeconds: 0.05 });
    expect(await counts()).toEqual({ visible: 1, hidden: 0 });
    release();
    await sleep(100);
    const { Messages } = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: url() }));
    expect(Messages).toMatchObject([{ Body: 'a' }]);
  });

  it('loses none of its messages when it is stopped twenty times in the middle of work', async () => {
    const done = new Set<string>();
    const bodies = Array.from({ length: 300 }, (_, index) => `m-${index}`);
    await Promise.all(bodies.map(send));
    const finish = (ms: number) => async (event: SQSEvent) => {
      await sleep(ms);
      for (const body of bodiesOf(event)) done.add(body);
      return undefined;
    };
    for (let round = 0; round < 20; round++) {
      const poller = poll(finish(Math.random() * 20), { concurrency: 2, batchSize: 2 });
      await sleep(Math.random() * 30);
      await poller.stop({ graceSeconds: Math.random() * 0.02, receiveGraceSeconds: 3 });
    }
    poll(finish(0), { batchSize: 10 });
    await until(() => done.size === bodies.length);
    // A message whose receipt was given back may still be visible here, and go through the poller once more.
    await until(async () => {
      const { visible, hidden } = await counts();
      return visible + hidden === 0;
    });
    expect(await counts(embedded.queues.detect.deadLetterUrl)).toEqual({ visible: 0, hidden: 0 });
  }, 240_000);

  it('comes back after the service was away', async () => {
    const broken = createClients({ ...embedded, endpoints: { sqs: 'http://127.0.0.1:9' } });
    const poller = poll(async () => undefined, { client: broken.sqs });
    await until(() => logged.includes('poller.failed'));
    await poller.stop({ graceSeconds: 1 });
    broken.close();
  });
});

describe('embedded queues', () => {
  it('carry a notification for an upload, and none for its parts or for results', async () => {
    const uploads = new S3ObjectStore(clients.s3, embedded.buckets.uploads);
    const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
    const contentType = 'application/octet-stream';
    await uploads.put('parts/acme/u1/1.dcm', Buffer.from('x'), { contentType });
    await data.put('in/acme/u1/a.zip', Buffer.from('x'), { contentType });
    await uploads.put('in/acme/u 1/ä.zip', Buffer.from('abc'), { contentType });
    const bodies: string[] = [];
    poll(
      async (event) => {
        bodies.push(...bodiesOf(event));
        return undefined;
      },
      { queueUrl: embedded.queueUrls.ingest },
    );
    await until(() => bodies.length > 0);
    expect(await embedded.replayUploads(async (key) => key.startsWith('in/acme/'))).toBe(1);
    expect(await embedded.replayUploads(async () => false)).toBe(0);
    await until(() => bodies.length > 1);
    const records = bodies.map((body) => s3RecordSchema.parse((JSON.parse(body) as { Records: unknown[] }).Records[0]));
    expect(records).toHaveLength(2);
    expect(records[0]).toMatchObject({
      eventName: 'ObjectCreated:Put',
      s3: { bucket: { name: embedded.buckets.uploads }, object: { key: 'in/acme/u+1/%C3%A4.zip', size: 3 } },
    });
    expect(records[1]?.s3.object).toEqual(records[0]?.s3.object);
  });

  it('give messages of a reader that went away to the next', async () => {
    const gone = new AbortController();
    const waiting = clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: url(), WaitTimeSeconds: 20 }), {
      abortSignal: gone.signal,
    });
    await sleep(100);
    gone.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await sleep(50);
    await send('a');
    const seen: string[] = [];
    poll(async (event) => {
      seen.push(...bodiesOf(event));
      return undefined;
    });
    await until(() => seen.length === 1);
    expect(seen).toEqual(['a']);
  });
});
