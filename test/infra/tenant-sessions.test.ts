import type { STSClient } from '@aws-sdk/client-sts';
import { beforeEach, describe, expect, test } from 'vitest';
import { TenantSessions } from '../../functions/api/credentials.ts';

const MINUTE = 60_000;
let nowMs = 0;
let asked: Array<Record<string, unknown>> = [];
let refusals = 0;

const sts = {
  async send({ input }: { input: Record<string, unknown> }) {
    asked.push(input);
    if (refusals-- > 0) throw new Error('refused');
    return { Credentials: { AccessKeyId: 'a', SecretAccessKey: 'b', SessionToken: `session ${asked.length}` } };
  },
} as unknown as STSClient;
const sessions = () => new TenantSessions(sts, 'arn:aws:iam::123456789012:role/tenant', () => nowMs);

beforeEach(() => {
  [nowMs, asked, refusals] = [0, [], 0];
});

describe('the session of a tenant', () => {
  test('is tagged with that tenant, and no other gets it', async () => {
    const held = sessions();
    const [north, south] = [await held.clientsOf('north'), await held.clientsOf('south')];
    expect(asked).toMatchObject([
      { RoleArn: 'arn:aws:iam::123456789012:role/tenant', Tags: [{ Key: 'tenant', Value: 'north' }] },
      { Tags: [{ Key: 'tenant', Value: 'south' }] },
    ]);
    expect(await north.s3.config.credentials()).toMatchObject({ sessionToken: 'session 1' });
    expect(await south.s3.config.credentials()).toMatchObject({ sessionToken: 'session 2' });
  });

  test('is kept for 25 minutes of its hour, and renewed while it still lives', async () => {
    const held = sessions();
    const first = await held.clientsOf('north');
    nowMs = 25 * MINUTE - 1;
    expect(await held.clientsOf('north')).toBe(first);
    nowMs = 25 * MINUTE;
    expect(await held.clientsOf('north')).not.toBe(first);
    expect(asked).toHaveLength(2);
    expect(asked[0]).toMatchObject({ DurationSeconds: 3600 });
  });

  test('that was refused is asked for again', async () => {
    refusals = 1;
    const held = sessions();
    await expect(held.clientsOf('north')).rejects.toThrow('refused');
    await held.clientsOf('north');
    expect(asked).toHaveLength(2);
  });
});
