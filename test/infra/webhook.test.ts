import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isPublicAddress, PrivateAddressError, postPublicly } from '../../functions/sweep/public-post.ts';
import { createWebhookHandler, verifySignature } from '../../functions/sweep/webhook.ts';
import { createLogger } from '../../src/aws/logger.ts';
import type { Announcement } from '../../src/contracts/messages.ts';

const log = createLogger({ service: 'test', level: 'SILENT' });

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
    expect(verifySignature(signature, String(body), 'key of north', now - 3600)).toBe(false);
    expect(verifySignature(signature.replace('t=1700000000', 't=1700000050'), String(body), 'key of north', now)).toBe(
      false,
    );
    const signed = createHmac('sha256', 'key of north').update(`1700000000.${body}`).digest('hex');
    expect(signature).toBe(`t=1700000000,v1=${signed}`);
    const padded = signature.replace('t=1700000000', 't=01700000000');
    expect(verifySignature(padded, String(body), 'key of north', now)).toBe(false);
    expect(verifySignature('nonsense', String(body), 'key of north', now)).toBe(false);
  });

  test.each([302, 404, 500])('is sent again after an answer of %i', async (status) => {
    expect((await deliverTo(status)).failures).toEqual([{ itemIdentifier: 'm' }]);
  });

  test.each([
    [new PrivateAddressError(), []],
    [new Error('refused'), [300]],
  ])('that met %s comes again after %j seconds', async (fault, seconds) => {
    const delays: number[] = [];
    const post = async () => {
      throw fault;
    };
    const urls = new Map([['north', 'https://north.example.org/hook']]);
    const handler = createWebhookHandler(
      { log, urls, signingKey: async () => 'key', nowMs: () => 0, post },
      { maxReceiveCount: 3, delay: async (_, delay) => void delays.push(delay) },
    );
    const body = JSON.stringify({ id: 'event-1', detail: announcement });
    const record = { messageId: 'm', body, attributes: { ApproximateReceiveCount: '1' } };
    const { batchItemFailures } = await handler({ Records: [record] } as unknown as Parameters<typeof handler>[0], {});
    expect(batchItemFailures).toEqual([{ itemIdentifier: 'm' }]);
    expect(delays).toEqual(seconds);
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
