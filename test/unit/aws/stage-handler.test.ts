import { describe, expect, test } from 'vitest';
import { createStageHandler, type StageHandlerOptions } from '../../../src/aws/stage-handler.ts';
import { TransientFault } from '../../../src/contracts/reasons.ts';
import type { LogFields } from '../../../src/pipeline/ports.ts';

const ROOT = 'Root=1-5759e988-bd862e3fe1be46a994272793';
const UUID = /^[0-9a-f-]{36}$/;

/** What one receive of a message does with the stage's work. */
async function receive({
  count = 1,
  header,
  ...options
}: Partial<StageHandlerOptions> & { count?: number; header?: string }) {
  const said: Array<[string, LogFields | undefined]> = [];
  const delays: number[] = [];
  const say = (code: string, fields?: LogFields) => void said.push([code, fields]);
  const handler = createStageHandler({
    stage: 'detect',
    log: { info: say, warn: say, error: say },
    maxReceiveCount: 5,
    delay: async (_, seconds) => void delays.push(seconds),
    work: { handle: async () => undefined, giveUp: async () => undefined },
    ...options,
  });
  const attributes = {
    ApproximateReceiveCount: String(count),
    ...(header === undefined ? {} : { AWSTraceHeader: header }),
  };
  const record = { messageId: 'm', body: '{}', attributes };
  const response = await handler({ Records: [record] } as unknown as Parameters<typeof handler>[0], {});
  return { said, delays, failed: response.batchItemFailures.length };
}

const failing = (error: Error) => ({
  handle: async () => {
    throw error;
  },
  giveUp: async () => undefined,
});

test('every message that was worked on leaves a line from which the latency by stage is counted', async () => {
  const { said } = await receive({});
  expect(said).toEqual([
    ['message.done', { traceId: expect.any(String), stage: 'detect', attempt: 1, ms: expect.any(Number) }],
  ]);
});

describe('a message that met a passing fault', () => {
  test('fails alone where its return cannot be set', async () => {
    const delay = async () => {
      throw new Error('throttled too');
    };
    const { said, failed } = await receive({ delay, work: failing(new TransientFault('throttled')) });
    expect(failed).toBe(1);
    expect(said.map(([code]) => code)).toEqual(['message.deferred', 'message.delay_failed']);
  });

  test.each([
    [1, 15],
    [2, 45],
    [3, 135],
    [4, 405],
  ])(
    'comes back after receive %i in about %i seconds, so that five receives outlast ten minutes',
    async (count, seconds) => {
      const { delays, failed } = await receive({ count, work: failing(new TransientFault('throttled')) });
      expect(failed).toBe(1);
      expect(delays).toHaveLength(1);
      expect(delays[0]).toBeGreaterThanOrEqual(seconds * 0.75);
      expect(delays[0]).toBeLessThanOrEqual(seconds * 1.25);
    },
  );

  test('waits as long as the fault asks where that is longer, and fifteen minutes at most', async () => {
    expect((await receive({ work: failing(new TransientFault('a lease is held', 300)) })).delays).toEqual([300]);
    expect((await receive({ work: failing(new TransientFault('a lease is held', 7200)) })).delays).toEqual([900]);
  });

  test('waits less where the queue says so, and is given up at its last receive', async () => {
    const work = failing(new TransientFault('busy'));
    const { delays } = await receive({ firstRetrySeconds: 1, work });
    expect(delays[0]).toBeLessThanOrEqual(1.25);
    expect((await receive({ count: 5, work })).delays).toEqual([]);
  });
});

test('a message whose end cannot be written down fails alone at its last receive', async () => {
  const work = {
    ...failing(new Error('a bug')),
    giveUp: async () => {
      throw new Error('throttled');
    },
  };
  const { said, failed } = await receive({ count: 5, work });
  expect(failed).toBe(1);
  expect(said.map(([code]) => code)).toEqual(['message.failed', 'message.give_up_failed']);
});

describe('the trace of a message', () => {
  const traced = async (header?: string, invocation?: string) => {
    let trace = '';
    const handle = async (_: string, traceId: string) => {
      trace = traceId;
    };
    const work = { handle, giveUp: async () => undefined };
    await receive({ ...(header === undefined ? {} : { header }), work, invocationTrace: () => invocation });
    return trace;
  };
  const OTHER = 'Root=1-67891234-12456789abcdef012345678a';

  test('is that of the invocation where the message brings none, and its own where it brings one', async () => {
    expect(await traced(undefined, `${OTHER};Parent=53995c3f42cd8ad8;Sampled=1`)).toBe(OTHER);
    expect(await traced(ROOT, OTHER)).toBe(ROOT);
  });

  test.each([
    ROOT,
    `${ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:0|68fd508a:5|c512fbe3:2`,
    `Self=1-67891234-12456789abcdef012345678a;${ROOT};Parent=53995c3f42cd8ad8`,
    `${ROOT};app=of a hospital`,
  ])('is the root of X-Ray and nothing else that its header says: %s', async (header) => {
    expect(await traced(header)).toBe(ROOT);
  });

  test.each([undefined, '', 'Root=1-x', 'app=of a hospital'])(
    'is our own where the header has no root: %s',
    async (header) => {
      expect(await traced(header)).toMatch(UUID);
    },
  );
});
