import { S3Client } from '@aws-sdk/client-s3';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { describe, expect, test } from 'vitest';
import { type ApiRequest, handleRequest } from '../../functions/api/api.ts';
import { type TenantStore, tenantStore } from '../../functions/api/store.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { API_ROUTES } from '../../src/contracts/api.ts';
import { claimed, LEASE_MS, newRun, T0 } from '../contract/new-items.ts';
import { MemoryRuns } from '../support/memory-runs.ts';

const UPLOAD = { uploadId: 'u1', name: 'study.zip', sizeBytes: 1234, sha256Base64: `${'A'.repeat(43)}=` };

/** What the API answers to a caller of `north` whose store gives one run. */
async function ask(request: Pick<ApiRequest, 'routeKey'> & Partial<ApiRequest>, tenant = 'north') {
  const runs = new MemoryRuns();
  const { item } = await runs.createRun(newRun({ tenant }), T0);
  const held = claimed(await runs.claimRun(item.runKey, 1, 'analyze', LEASE_MS, T0));
  await runs.advanceRun(held, { status: 'done', reasons: [], stage: 'analyze' }, T0);
  const run = await runs.getRun(item.runKey);
  const expiries: number[] = [];
  const store = {
    presignUpload: async (_, seconds) => {
      expiries.push(seconds);
      return { url: 'https://uploads', fields: {} };
    },
    run: async () => run,
    hasResult: async () => true,
    presignResult: async (_, name, seconds) => {
      expiries.push(seconds);
      return `https://data/${name}`;
    },
  } satisfies Partial<TenantStore>;
  const answer = await handleRequest(
    {
      log: createLogger({ service: 'test', level: 'SILENT' }),
      rules: { authKind: 'jwt', account: '', tenantClaim: 'tenant', callers: {}, tenants: ['north'] },
      storeOf: async () => store as unknown as TenantStore,
      nowMs: () => T0,
      uploadMaxBytes: 1234,
      uploadExpirySeconds: 600,
    },
    {
      query: {},
      body: null,
      ...request,
      parameters: { runKey: item.runKey, ...request.parameters },
      caller: { claims: { tenant: 'north' } },
    },
  );
  return { answer, expiries };
}

describe('an answer', () => {
  test('that gives a file leads to an address of five minutes, and is stored nowhere', async () => {
    const file = { routeKey: 'GET /v1/runs/{runKey}/files/{name}', parameters: { name: 'overlay.png' } };
    const { answer, expiries } = await ask(file);
    expect(answer).toMatchObject({ status: 302, headers: { location: 'https://data/overlay.png' } });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(expiries).toEqual([300]);
  });

  test('that lets an upload in says until when', async () => {
    const { answer, expiries } = await ask({ routeKey: 'POST /v1/uploads', body: JSON.stringify(UPLOAD) });
    expect([answer.status, expiries]).toEqual([201, [600]]);
    expect(JSON.parse(answer.body)).toMatchObject({ expiresAt: new Date(T0 + 600_000).toISOString() });
  });

  test('that shows a run tells with which pack and tier, and follows its schema', async () => {
    const { answer } = await ask({ routeKey: 'GET /v1/runs/{runKey}' });
    const run = API_ROUTES.getRun.answers[200].parse(JSON.parse(answer.body));
    expect(run).toMatchObject({ packSha256: newRun().packSha256, tier: 'ensemble' });
  });

  test.each(['GET /v1/runs/{runKey}', 'GET /v1/runs/{runKey}/files/{name}'])(
    'gives nothing of another tenant, whatever its store finds: %s',
    async (routeKey) => {
      const { answer, expiries } = await ask({ routeKey, parameters: { name: 'overlay.png' } }, 'south');
      expect([answer.status, expiries]).toEqual([404, []]);
    },
  );
});

test('a presigned upload admits one object of that key, size and checksum, for as long as was asked', async () => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const clients = {
    s3: new S3Client({ region: 'eu-central-1', credentials }),
    documents: {} as DynamoDBDocumentClient,
  };
  const store = tenantStore('north', clients, { uploadsBucket: 'uploads', dataBucket: 'data', table: 'studies' });
  const { fields } = await store.presignUpload({ ...UPLOAD, clientReference: 'ref-1' }, 600);
  const { conditions, expiration } = JSON.parse(Buffer.from(fields.Policy!, 'base64').toString('utf8')) as {
    conditions: unknown[];
    expiration: string;
  };
  expect(conditions).toEqual(
    expect.arrayContaining([
      ['content-length-range', 1234, 1234],
      { key: 'in/north/u1/study.zip' },
      { bucket: 'uploads' },
      { 'x-amz-checksum-sha256': UPLOAD.sha256Base64 },
      { 'x-amz-checksum-algorithm': 'SHA256' },
      { 'x-amz-meta-client-reference': 'ref-1' },
    ]),
  );
  const signedAt = fields['X-Amz-Date']!.replace(/^(....)(..)(.....)(..)(..)/, '$1-$2-$3:$4:$5');
  expect(Math.floor((Date.parse(expiration) - Date.parse(signedAt)) / 1000)).toBe(600);
});
