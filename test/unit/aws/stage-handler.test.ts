import { expect, test } from 'vitest';
import { createStageHandler } from '../../../src/aws/stage-handler.ts';
import type { LogFields } from '../../../src/pipeline/ports.ts';

test('every message that was worked on leaves a line from which the latency by stage is counted', async () => {
  const said: Array<[string, LogFields | undefined]> = [];
  const say = (code: string, fields?: LogFields) => void said.push([code, fields]);
  const handler = createStageHandler({
    stage: 'detect',
    log: { info: say, warn: say, error: say },
    maxReceiveCount: 5,
    delay: async () => undefined,
    work: { handle: async () => undefined, giveUp: async () => undefined },
  });
  const record = { messageId: 'm', body: '{}', attributes: { ApproximateReceiveCount: '1' } };
  await handler({ Records: [record] } as unknown as Parameters<typeof handler>[0], {});
  expect(said).toEqual([
    ['message.done', { traceId: expect.any(String), stage: 'detect', attempt: 1, ms: expect.any(Number) }],
  ]);
});
