import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failAttempt } from '../../functions/analyze/fail-run.ts';
import { notified } from '../../functions/analyze/notified.ts';
import { inferenceIdOf, submitRun } from '../../functions/analyze/submit.ts';
import { isPublicAddress, postPublicly } from '../../functions/sweep/public-post.ts';
import { SweepIncompleteError, sweep } from '../../functions/sweep/sweep.ts';
import { createWebhookHandler, verifySignature } from '../../functions/sweep/webhook.ts';
import { type AwsClients, clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import type { AnalyzeMessage, Announcement } from '../../src/contracts/messages.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';
import type { Runs } from '../../src/pipeline/ports.ts';

const log = createLogger({ service: 'test', level: 'SILENT' });
const HOUR = 3_600_000;

let embedded: Embedded;
let clients: AwsClients;
let runs: DynamoRuns;
let told: Announcement[] = [];
const announcer = { announce: async (announcement: Announcement) => void told.push(announcement) };

beforeAll(async () => {
  embedded = await startEmbedded({ dataDir: null });
  clients = createClients(clientOptionsFrom(embedded.env));
  runs = new DynamoRuns(clients.documents, embedded.table);
});
afterAll(async () => {
  clients?.close();
  await embedded?.close();
});

const open = async (letter: string, nowMs: number) => {
  const run = {
    tenant: 'north',
    runKey: letter.repeat(26),
    studyKey: `v1-${letter.repeat(26)}`,
    contentHash: `v1-${letter.repeat(26)}`,
    packSha256: '0'.repeat(64),
    tier: 'single' as const,
    clientReference: null,
    traceId: 'trace-1',
  };
  await runs.createRun(run, nowMs);
  return run;
};
/** The table's runs, of which a sweep finds those that the test says. */
const listing = (listStuck: Runs['listStuck']): Runs =>
  new Proxy<Runs>(runs, {
    get(target, name) {
      if (name === 'listStuck') return listStuck;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
const at = (nowMs: number) => ({
  runs,
  announcer,
  log,
  clock: { nowMs: () => nowMs },
  stuckAfterMs: 2 * HOUR,
  limit: 100,
});

describe('the sweep', () => {
  test('fails a run whose worker died, announces what was not announced, and leaves what waits in a queue', async () => {
    told = [];
    const start = 1_000_000;
    const [dead, waiting, ended] = [await open('c', start), await open('d', start), await open('e', start)];
    await runs.claimRun(dead.runKey, 1, 'detect', 60_000, start);
    const claim = await runs.claimRun(ended.runKey, 1, 'analyze', 60_000, start);
    if (claim.outcome !== 'claimed') throw new Error('not claimed');
    await runs.advanceRun(claim.item, { status: 'done', reasons: [], stage: 'analyze' }, start);

    expect(await sweep(at(start + HOUR))).toEqual({ failed: 0, announced: 0 });
    expect(await sweep(at(start + 3 * HOUR))).toEqual({ failed: 1, announced: 1 });
    expect(told.map(({ subject, status }) => [subject[0], status]).sort()).toEqual([
      ['c', 'failed'],
      ['e', 'done'],
    ]);
    expect((await runs.getRun(waiting.runKey))?.status).toBe('ingested');
    expect((await sweep(at(start + 4 * HOUR))).failed).toBe(0);
    expect((await sweep(at(start + 16 * 24 * HOUR))).failed).toBe(1);
  });

  test('that cannot announce one of two says so by failing, after it has announced the other', async () => {
    told = [];
    const start = 18 * 24 * HOUR;
    for (const letter of ['2', '3']) {
      const { runKey } = await open(letter, start);
      const claim = await runs.claimRun(runKey, 1, 'analyze', 60_000, start);
      if (claim.outcome !== 'claimed') throw new Error('not claimed');
      await runs.advanceRun(claim.item, { status: 'done', reasons: [], stage: 'analyze' }, start);
    }
    const refusing = {
      announce: async (announcement: Announcement) => {
        if (announcement.subject.startsWith('2')) throw new Error('AccessDenied');
        await announcer.announce(announcement);
      },
    };
    await expect(sweep({ ...at(start + 3 * HOUR), announcer: refusing })).rejects.toThrow(SweepIncompleteError);
    expect(told.map(({ subject }) => subject[0])).toEqual(['3']);
    expect(await sweep(at(start + 3 * HOUR))).toEqual({ failed: 0, announced: 1 });
  });

  test('runs that wait in a queue, however many, do not keep a dead one from being found', async () => {
    const start = 20 * 24 * HOUR;
    for (const letter of ['m', 'n', 'o', 'p']) await open(letter, start);
    const dead = await open('q', start + 1000);
    await runs.claimRun(dead.runKey, 1, 'detect', 60_000, start + 1000);
    expect(await sweep({ ...at(start + 4 * HOUR), limit: 2 })).toMatchObject({ failed: 1 });
    expect((await runs.getRun(dead.runKey))?.status).toBe('failed');
  });

  test('a holder that came back in between keeps its run', async () => {
    const run = await open('f', 1000);
    await runs.claimRun(run.runKey, 1, 'detect', 1000, 1000);
    const [stuck] = (await runs.listStuck(10 * HOUR, 10)).filter(
      (item) => item.kind === 'run' && item.runKey === run.runKey,
    );
    await runs.claimRun(run.runKey, 1, 'detect', 60_000, 5 * HOUR);
    const report = await sweep({ ...at(9 * HOUR), runs: listing(async () => (stuck === undefined ? [] : [stuck])) });
    expect(report).toMatchObject({ failed: 1 });
    expect((await runs.getRun(run.runKey))?.status).toBe('ingested');
  });
});

describe('an asynchronous endpoint', () => {
  const message = async (letter: string): Promise<AnalyzeMessage> => {
    const { clientReference: _, ...reference } = await open(letter, 1000);
    return { schema: 'discflow.analyze/1', ...reference, attempt: 1 };
  };
  const deps = { runs, announcer, log, clock: { nowMs: () => 2000 }, leaseMs: 1000 };

  test('is asked with the run and attempt as id, after its request was written', async () => {
    const sent = await message('g');
    const invoked: string[][] = [];
    const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
    const invoke = async (...asked: string[]) => void invoked.push(asked);
    await submitRun({ ...deps, runs, data, invocationsPrefix: 'invocations', endpointName: 'e', invoke }, sent);
    const key = `invocations/e/requests/${sent.runKey}-1.json`;
    expect(invoked).toEqual([['e', key, inferenceIdOf(sent)]]);
    expect(JSON.parse((await data.get(key))?.toString() ?? '')).toEqual(sent);
  });

  test('is asked nothing for a run that has ended, and again for one whose request was refused', async () => {
    const sent = await message('k');
    const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
    let refusals = 1;
    let asked = 0;
    const invoke = async () => {
      asked += 1;
      if (refusals-- > 0) throw new Error('refused');
    };
    const submit = { ...deps, runs, data, invocationsPrefix: 'invocations', endpointName: 'e', invoke };
    await expect(submitRun(submit, sent)).rejects.toThrow('refused');
    await submitRun(submit, sent);
    expect(asked).toBe(2);
    await failAttempt({ ...deps, runs }, sent.runKey, 1);
    await submitRun(submit, sent);
    expect(asked).toBe(2);
  });

  test('of which neither topic tells is closed by the sweep, long before a message could be lost', async () => {
    const sent = await message('l');
    const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
    const invoke = async () => undefined;
    await submitRun({ ...deps, runs, data, invocationsPrefix: 'invocations', endpointName: 'e', invoke }, sent);
    const stuck: Runs['listStuck'] = async (...asked) =>
      (await runs.listStuck(...asked)).filter((item) => item.kind === 'run' && item.runKey === sent.runKey);
    const of = (nowMs: number, requestLostAfterMs?: number) =>
      sweep({ ...at(nowMs), runs: listing(stuck), requestLostAfterMs });
    expect((await of(9 * HOUR)).failed).toBe(0);
    expect((await of(7 * HOUR, 8 * HOUR)).failed).toBe(0);
    expect((await of(9 * HOUR, 8 * HOUR)).failed).toBe(1);
    expect((await runs.getRun(sent.runKey))?.status).toBe('failed');
  });

  test('that reports a failure ends the run, once, and never a later attempt', async () => {
    told = [];
    const sent = await message('h');
    const failure = JSON.stringify({ invocationStatus: 'Failed', inferenceId: inferenceIdOf(sent) });
    expect(await notified({ ...deps, runs }, failure)).toBe('failed');
    expect(await notified({ ...deps, runs }, failure)).toBe('settled');
    expect((await runs.getRun(sent.runKey))?.status).toBe('failed');
    expect(told).toHaveLength(1);
    await runs.reopenRun(sent.runKey, 3000);
    expect(await notified({ ...deps, runs }, failure)).toBe('settled');
    expect((await runs.getRun(sent.runKey))?.status).toBe('ingested');
  });

  test('that reports a failure while a worker holds the run comes again later', async () => {
    const sent = await message('i');
    await runs.claimRun(sent.runKey, 1, 'analyze', 60_000, 1500);
    await expect(failAttempt({ ...deps, runs }, sent.runKey, 1)).rejects.toMatchObject({ name: 'TransientFault' });
  });

  test('that reports completion of a run without an end leaves it to the sweep', async () => {
    const sent = await message('j');
    expect(
      await notified(
        { ...deps, runs },
        JSON.stringify({ invocationStatus: 'Completed', inferenceId: inferenceIdOf(sent) }),
      ),
    ).toBe('open');
  });
});

describe('a webhook', () => {
  const announcement: Announcement = {
    schema: 'discflow.announcement/1',
    kind: 'run',
    tenant: 'north',
    subject: 'a'.repeat(26),
    attempt: 1,
    status: 'done',
    reasons: [],
  };
  const deliverTo = async (status: number, tenant = 'north') => {
    const requests: Array<Parameters<typeof postPublicly>[1]> = [];
    const post: typeof postPublicly = async (_url, request) => {
      requests.push(request);
      return status;
    };
    const urls = new Map([['north', 'https://north.example.org/hook']]);
    const handler = createWebhookHandler(
      { log, urls, signingKey: async (of) => `key of ${of}`, nowMs: () => 1_700_000_000_000, post },
      { maxReceiveCount: 3, delay: async () => undefined },
    );
    const body = JSON.stringify({ id: 'event-1', detail: { ...announcement, tenant } });
    const record = { messageId: 'm', body, attributes: { ApproximateReceiveCount: '1' } };
    const result = await handler({ Records: [record] } as unknown as Parameters<typeof handler>[0], {});
    return { requests, failures: result.batchItemFailures };
  };

  test('is signed so that its tenant, and nobody else, can check it', async () => {
    const { requests, failures } = await deliverTo(204);
    expect(failures).toEqual([]);
    const { headers, body } = requests[0] ?? {};
    const signature = headers?.['discflow-signature'] ?? '';
    const now = 1_700_000_100;
    expect(verifySignature(signature, String(body), 'key of north', now)).toBe(true);
    expect(verifySignature(signature, `${body} `, 'key of north', now)).toBe(false);
    expect(verifySignature(signature, String(body), 'key of south', now)).toBe(false);
    expect(verifySignature(signature, String(body), 'key of north', now + 3600)).toBe(false);
    expect(verifySignature('nonsense', String(body), 'key of north', now)).toBe(false);
  });

  test.each([302, 404, 500])('is sent again after an answer of %i', async (status) => {
    expect((await deliverTo(status)).failures).toEqual([{ itemIdentifier: 'm' }]);
  });

  test.each(['https://127.0.0.1:1/', 'https://[::1]:1/', 'https://[::ffff:10.0.0.1]:1/', 'https://localhost:1/'])(
    'never calls %s, an address outside the internet',
    async (url) => {
      const call = postPublicly(url, { headers: {}, body: '{}', timeoutMs: 10_000 });
      await expect(call).rejects.toMatchObject({ name: 'PrivateAddressError' });
    },
  );

  test('calls addresses of the internet alone', () => {
    const inside = ['10.1.2.3', '169.254.169.254', '172.31.0.1', '192.168.0.1', '100.64.0.1', '0.0.0.0', '224.0.0.1'];
    const inside6 = [
      '::',
      '::1',
      'fd00::1',
      'fe80::1',
      'fd00:ec2::254',
      '64:ff9b::a00:1',
      '2002:a00:1::',
      '2001:db8::1',
    ];
    for (const address of [...inside, ...inside6, '::ffff:169.254.169.254', 'name'])
      expect(isPublicAddress(address), address).toBe(false);
    for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111'])
      expect(isPublicAddress(address), address).toBe(true);
  });

  test('of a tenant without one is not sent', async () => {
    expect((await deliverTo(500, 'south')).requests).toEqual([]);
  });
});
