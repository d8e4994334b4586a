import { expect, test } from 'vitest';
import { makeCredentials } from '../../src/embedded/credentials.ts';
import { QUEUE_NAMES, type QueueName, type QueueSettings, startSqs } from '../../src/embedded/sqs.ts';

const listening = () => process.getActiveResourcesInfo().filter((resource) => resource === 'TCPServerWrap').length;

test('a queue that cannot be made ends the start and leaves nothing that listens', async () => {
  const before = listening();
  const settings = Object.fromEntries(
    QUEUE_NAMES.map((name): [QueueName, QueueSettings] => [name, { visibilitySeconds: -1, maxReceiveCount: 5 }]),
  ) as Record<QueueName, QueueSettings>;
  const start = startSqs({ region: 'us-east-1', credentials: makeCredentials(), settings });
  await expect(start).rejects.toThrow('SQS CreateQueue answered 400');
  await expect.poll(listening).toBe(before);
});
