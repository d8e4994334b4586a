import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { createClients } from '../../src/aws/clients.ts';
import { SqsAnnouncer, SqsQueue } from '../../src/aws/sqs-queue.ts';
import { type Announcement, announcementSchema, type DetectMessage } from '../../src/contracts/messages.ts';
import { TransientFault } from '../../src/contracts/reasons.ts';
import type { Announcer, Queue } from '../../src/pipeline/ports.ts';
import { MemoryAnnouncer, MemoryQueue } from '../support/memory-queue.ts';
import { useServices } from './services.ts';

const services = useServices();

/** Everything in a queue, oldest first as far as the queue keeps order. */
async function drain(url: string): Promise<unknown[]> {
  const { sqs } = services.clients;
  const bodies: unknown[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }));
    if (Messages.length === 0) return bodies;
    for (const { Body, ReceiptHandle } of Messages) {
      bodies.push(JSON.parse(Body ?? ''));
      await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }));
    }
  }
}

const message = (traceId: string): DetectMessage => ({
  schema: 'discflow.detect/1',
  tenant: 'acme',
  studyKey: `v1-${'a'.repeat(26)}`,
  contentHash: `v1-${'b'.repeat(26)}`,
  runKey: 'c'.repeat(26),
  packSha256: 'd'.repeat(64),
  tier: 'ensemble',
  attempt: 1,
  traceId,
});

interface QueueHarness {
  readonly queue: Queue<DetectMessage>;
  received(): Promise<unknown[]>;
}

describe.each<[string, () => QueueHarness]>([
  [
    'in memory',
    () => {
      const queue = new MemoryQueue<DetectMessage>();
      return { queue, received: async () => queue.messages };
    },
  ],
  [
    'SQS',
    () => {
      const { detect } = services.embedded.queueUrls;
      return { queue: new SqsQueue<DetectMessage>(services.clients.sqs, detect), received: () => drain(detect) };
    },
  ],
])('Queue %s', (_name, create) => {
  it('delivers each message as it was sent', async () => {
    const { queue, received } = create();
    const sent = Array.from({ length: 25 }, (_, index) => message(`trace-${index}`));
    await Promise.all(sent.map((one) => queue.send(one)));
    const got = (await received()) as DetectMessage[];
    expect(got.sort((a, b) => a.traceId.localeCompare(b.traceId))).toEqual(
      sent.sort((a, b) => a.traceId.localeCompare(b.traceId)),
    );
  });
});

interface AnnouncerHarness {
  readonly announcer: Announcer;
  received(): Promise<unknown[]>;
}

describe.each<[string, () => AnnouncerHarness]>([
  [
    'in memory',
    () => {
      const announcer = new MemoryAnnouncer();
      return { announcer, received: async () => announcer.announcements };
    },
  ],
  [
    'SQS',
    () => {
      const { announcements } = services.embedded.queueUrls;
      const announcer = new SqsAnnouncer(services.clients.sqs, announcements);
      return { announcer, received: () => drain(announcements) };
    },
  ],
])('Announcer %s', (_name, create) => {
  it('carries announcements that follow their schema, repeats too', async () => {
    const { announcer, received } = create();
    const announcement: Announcement = {
      schema: 'discflow.announcement/1',
      kind: 'run',
      tenant: 'acme',
      subject: 'c'.repeat(26),
      attempt: 2,
      status: 'needs_review',
      reasons: ['level_uncertain'],
      clientReference: 'order 7 / ü',
    };
    await announcer.announce(announcement);
    await announcer.announce(announcement);
    const got = await received();
    expect(got.map((one) => announcementSchema.parse(one))).toEqual([announcement, announcement]);
  });
});

describe('SqsQueue', () => {
  it('turns a service that cannot be reached into a TransientFault', async () => {
    const { credentials, region, queueUrls } = services.embedded;
    const clients = createClients({ credentials, region, endpoints: { sqs: 'http://127.0.0.1:9' } });
    const queue = new SqsQueue<DetectMessage>(clients.sqs, queueUrls.detect);
    await expect(queue.send(message('t'))).rejects.toBeInstanceOf(TransientFault);
    clients.close();
  });
});
