import { createHash, generateKeyPairSync } from 'node:crypto';
import type { Server } from 'node:http';
import { S3ServiceException } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tenantStore, type UploadTicket } from '../../functions/api/store.ts';
import { tenantOf } from '../../functions/api/tenant.ts';
import { type AwsClients, clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { API_ROUTES, errorSchema, REFUSALS } from '../../src/contracts/api.ts';
import { keys, RUN_FILES } from '../../src/contracts/keys.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';
import { type Session, startGateway, token } from './gateway.ts';
import { signedHeaders } from './sigv4.ts';

const TENANTS = ['north', 'south'] as const;
type Tenant = (typeof TENANTS)[number];

let embedded: Embedded;
let clients: AwsClients;
const KINDS = ['jwt', 'iam'] as const;
type Kind = (typeof KINDS)[number];
const gateways = {} as Record<Kind, { url: string; server: Server }>;
const ACCOUNT = '000000000000';
const roleArn = (name: string, account = ACCOUNT) => `arn:aws:sts::${account}:assumed-role/${name}/session`;
const sessionOf = (name: string): Session => ({
  accessKeyId: `AKIA${name}`,
  secretAccessKey: `secret of ${name}`,
  userArn: roleArn(`site-${name}`),
});
const seeded = {} as Record<Tenant, { runKey: string; uploadId: string }>;

/** A run that has ended. */
async function open(runs: DynamoRuns, tenant: Tenant, letter: string, status: 'done' | 'failed') {
  const run = {
    tenant,
    runKey: letter.repeat(26),
    studyKey: `v1-${letter.repeat(26)}`,
    contentHash: `v1-${letter.repeat(26)}`,
    packSha256: '0'.repeat(64),
    tier: 'single' as const,
    clientReference: null,
    traceId: 'trace-1',
  };
  await runs.createRun(run, 1000);
  const claim = await runs.claimRun(run.runKey, 1, 'analyze', 60_000, 2000);
  if (claim.outcome !== 'claimed') throw new Error('the run could not be claimed');
  await runs.advanceRun(claim.item, { status, reasons: [], stage: 'analyze' }, 3000);
  return run;
}

async function seed(tenant: Tenant, letter: string): Promise<void> {
  const runs = new DynamoRuns(clients.documents, embedded.table);
  const run = await open(runs, tenant, letter, 'done');
  const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
  const report = Buffer.from(JSON.stringify({ of: tenant }));
  await data.put(keys.run(tenant, run.studyKey, run.runKey, RUN_FILES.report), report, {
    contentType: 'application/json',
  });
  const uploadId = `upload-of-${tenant}`;
  const upload = {
    tenant,
    uploadId,
    objectRef: `v1-${letter.repeat(26)}`,
    versionId: null,
    sequencer: '1',
    traceId: 'trace-1',
  };
  await runs.claimUpload(upload, 60_000, 1000);
  seeded[tenant] = { runKey: run.runKey, uploadId };
}

beforeAll(async () => {
  embedded = await startEmbedded({ dataDir: null });
  clients = createClients(clientOptionsFrom(embedded.env));
  const { uploads: uploadsBucket, data: dataBucket } = embedded.buckets;
  await seed('north', 'a');
  await seed('south', 'b');
  const callers = { 'site-north': 'north', 'site-south': 'south' };
  for (const authKind of KINDS)
    gateways[authKind] = await startGateway(
      {
        log: createLogger({ service: 'api', level: 'SILENT' }),
        rules: { authKind, account: ACCOUNT, tenantClaim: 'discflow_tenant', callers, tenants: TENANTS },
        storeOf: async (tenant) => tenantStore(tenant, clients, { uploadsBucket, dataBucket, table: embedded.table }),
        nowMs: Date.now,
        uploadMaxBytes: 10_000,
        uploadExpirySeconds: 60,
      },
      [...TENANTS, 'west'].map(sessionOf),
    );
});

afterAll(async () => {
  for (const { server } of Object.values(gateways)) server.close();
  clients?.close();
  await embedded?.close();
});

/** One request of a tenant, with its own signed token or under its own signing keys. */
const callAs =
  (kind: Kind) =>
  (tenant: string, path: string, init: { method?: string; body?: string } = {}) => {
    const url = new URL(`${gateways[kind].url}${path}`);
    const { method = 'GET', body = '' } = init;
    const headers =
      kind === 'jwt'
        ? { authorization: `Bearer ${token({ discflow_tenant: tenant })}` }
        : signedHeaders(url, method, body, sessionOf(tenant));
    return fetch(url, { ...init, redirect: 'manual', headers });
  };
const call = callAs('jwt');

const file = Buffer.from('not a study, but bytes enough');
const asked = {
  uploadId: 'u1',
  name: 'study.zip',
  sizeBytes: file.length,
  sha256Base64: createHash('sha256').update(file).digest('base64'),
};
const ask = (tenant: string, body: object = asked) =>
  call(tenant, '/v1/uploads', { method: 'POST', body: JSON.stringify(body) });

const post = (ticket: UploadTicket, body: Buffer, change: Record<string, string> = {}) => {
  const form = new FormData();
  for (const [field, value] of Object.entries({ ...ticket.fields, ...change })) form.append(field, value);
  form.append('file', new Blob([new Uint8Array(body)]));
  return fetch(ticket.url, { method: 'POST', body: form });
};

describe.each([
  ['jwt', 'north', 'south'],
  ['jwt', 'south', 'north'],
  ['iam', 'north', 'south'],
  ['iam', 'south', 'north'],
] as const)('%s: %s with its own credentials', (kind, own, other) => {
  const call = callAs(kind);
  const pathsOf = (tenant: Tenant): string[] => {
    const { runKey, uploadId } = seeded[tenant];
    return [
      `/v1/uploads/${uploadId}`,
      `/v1/runs/${runKey}`,
      `/v1/runs/${runKey}/report`,
      `/v1/runs/${runKey}/files/report.json`,
    ];
  };

  test('reads its own upload, run, report and files', async () => {
    const statuses = await Promise.all(pathsOf(own).map(async (path) => (await call(own, path)).status));
    expect(statuses).toEqual([200, 200, 200, 302]);
    expect(await (await call(own, `/v1/runs/${seeded[own].runKey}/report`)).json()).toEqual({ of: own });
  });

  test(`is answered 404 for every one of ${other}`, async () => {
    const statuses = await Promise.all(pathsOf(other).map(async (path) => (await call(own, path)).status));
    expect(statuses).toEqual([404, 404, 404, 404]);
  });

  test('lists its own runs alone, by status too, and with a cursor of the other one', async () => {
    const keysOf = async (query: string) =>
      ((await (await call(own, `/v1/runs${query}`)).json()) as { runs: Array<{ runKey: string }> }).runs.map(
        ({ runKey }) => runKey,
      );
    expect(await keysOf('')).toEqual([seeded[own].runKey]);
    expect(await keysOf('?status=done')).toEqual([seeded[own].runKey]);
    const cursor = Buffer.from(JSON.stringify([seeded[other].runKey, '1970-01-01T00:00:09.000Z'])).toString(
      'base64url',
    );
    expect(await keysOf(`?cursor=${cursor}`)).not.toContain(seeded[other].runKey);
  });

  test('uploads below its own prefix alone: another key, size or content is refused', async () => {
    const asking = { method: 'POST', body: JSON.stringify(asked) };
    const ticket = (await (await call(own, '/v1/uploads', asking)).json()) as UploadTicket;
    expect(ticket.fields.key).toBe(`in/${own}/u1/study.zip`);
    expect((await post(ticket, file, { key: `in/${other}/u1/study.zip` })).status).toBe(403);
    expect((await post(ticket, Buffer.concat([file, file]))).status).toBe(400);
    expect((await post(ticket, Buffer.from(file).reverse())).status).toBe(400);
    expect((await post(ticket, file)).status).toBeLessThan(300);
  });
});

test('a run that failed has no result: its report and files are answered 404, with the reason why', async () => {
  const runs = new DynamoRuns(clients.documents, embedded.table);
  const { runKey } = await open(runs, 'north', 'c', 'failed');
  for (const path of ['report', 'files/report.json']) {
    const answer = await call('north', `/v1/runs/${runKey}/${path}`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: { code: 'no_result' } });
  }
});

test('a file that a run has not is answered 404, also where S3 calls it forbidden', async () => {
  const answer = await call('north', `/v1/runs/${seeded.north.runKey}/files/mask.png`);
  expect([answer.status, await answer.json()]).toMatchObject([404, { error: { code: 'no_file' } }]);
  const forbidden = new S3ServiceException({
    ...{ name: 'Forbidden', $fault: 'client', $metadata: { httpStatusCode: 403 } },
  });
  const s3 = { send: () => Promise.reject(forbidden) } as unknown as AwsClients['s3'];
  const names = { uploadsBucket: 'uploads', dataBucket: 'data', table: embedded.table };
  const run = (await new DynamoRuns(clients.documents, embedded.table).getRun(seeded.north.runKey))!;
  expect(await tenantStore('north', { ...clients, s3 }, names).hasResult(run, 'mask.png')).toBe(false);
});

test.each([
  ['/v1/runs/ABC', 400, /^runKey: /],
  [`/v1/runs/${'a'.repeat(26)}/files/secrets`, 400, /^name: /],
  ['/v1/runs?colour=red', 400, /^Unrecognized key/],
  ['/v1/uploads/never-put', 404, /./],
])('%s is refused with words that name the fault', async (path, status, words) => {
  const answer = await call('north', path);
  expect(answer.status).toBe(status);
  const { error } = errorSchema.parse(await answer.json());
  expect(error.message).toMatch(words);
});

test('every route of the API was crossed', () => {
  expect(Object.keys(API_ROUTES).sort()).toEqual([
    'createUpload',
    'getReport',
    'getResult',
    'getRun',
    'getUpload',
    'listRuns',
  ]);
});

test('an upload carries the reference that was asked for, and is refused with another', async () => {
  const body = { ...asked, uploadId: 'u3', clientReference: 'order 17/b' };
  const ticket = (await (await ask('north', body)).json()) as UploadTicket;
  expect((await post(ticket, file, { 'x-amz-meta-client-reference': 'order 18' })).status).toBe(403);
  expect((await post(ticket, file)).status).toBeLessThan(300);
  const head = await new S3ObjectStore(clients.s3, embedded.buckets.uploads).head(ticket.fields.key!);
  expect(head?.metadata).toEqual({ 'client-reference': 'order 17/b' });
});

describe('no answer', () => {
  const { privateKey: foreign } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  test.each([
    ['without a token', () => '', 401],
    ['with a token that another key signed', () => token({ discflow_tenant: 'north' }, foreign), 401],
    ['with an expired token', () => token({ discflow_tenant: 'north', exp: 1 }), 401],
    ['with a token for another audience', () => token({ discflow_tenant: 'north', aud: 'other' }), 401],
    [
      'with an unsigned token',
      () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token({}).split('.')[1]}.`,
      401,
    ],
    ['with a token that names no tenant', () => token({}), 403],
    ['with a token of a tenant that is not known here', () => token({ discflow_tenant: 'west' }), 403],
    ['with two tenants in one claim', () => token({ discflow_tenant: ['north', 'south'] }), 403],
  ])('%s', async (_, bearer, status) => {
    for (const path of ['/v1/runs', `/v1/runs/${seeded.north.runKey}`, `/v1/uploads/${seeded.north.uploadId}`]) {
      const answer = await fetch(`${gateways.jwt.url}${path}`, { headers: { authorization: `Bearer ${bearer()}` } });
      expect(answer.status).toBe(status);
      expect(REFUSALS[status]?.schema.safeParse(await answer.json()).error).toBeUndefined();
    }
  });

  test.each([
    [{ ...asked, name: '../x.zip' }],
    [{ ...asked, name: '_upload.json' }],
    [{ ...asked, uploadId: 'a/b' }],
    [{ ...asked, tenant: 'south' }],
    [{ ...asked, sizeBytes: 0 }],
    [{ ...asked, clientReference: ' order 17' }],
    [{ ...asked, clientReference: 'Auftrag für 17' }],
  ])('to a wrong upload %j', async (body) => {
    expect((await ask('north', body)).status).toBe(400);
  });

  test('to an upload above the limit', async () => {
    expect((await ask('north', { ...asked, sizeBytes: 10_001 })).status).toBe(413);
  });
});

describe('a caller who signs with SigV4', () => {
  const rules = {
    authKind: 'iam' as const,
    account: ACCOUNT,
    tenantClaim: 'x',
    callers: { 'site-north': 'north', ghost: 'west' },
    tenants: TENANTS,
  };
  const path = '/v1/runs';

  test('with a wrong secret, an unknown key, a body changed on the way or a role of no tenant is refused', async () => {
    const url = new URL(`${gateways.iam.url}${path}`);
    const statusOf = async (method: string, headers: Record<string, string>, at = url, body?: string) =>
      (await fetch(at, { method, headers, ...(body === undefined ? {} : { body }) })).status;
    const north = sessionOf('north');
    expect(await statusOf('GET', signedHeaders(url, 'GET', '', { ...north, secretAccessKey: 'guess' }))).toBe(403);
    expect(await statusOf('GET', signedHeaders(url, 'GET', '', { ...north, accessKeyId: 'AKIAother' }))).toBe(403);
    const uploads = new URL(`${gateways.iam.url}/v1/uploads`);
    const signed = signedHeaders(uploads, 'POST', JSON.stringify(asked), north);
    expect(await statusOf('POST', signed, uploads, JSON.stringify({ ...asked, uploadId: 'u2' }))).toBe(403);
    expect((await callAs('iam')('west', path)).status).toBe(403);
    expect(await statusOf('GET', { authorization: `Bearer ${token({ discflow_tenant: 'north' })}` })).toBe(403);
  });

  test.each([
    [roleArn('site-north'), 'north'],
    [roleArn('site-south'), null],
    [roleArn('ghost'), null],
    [roleArn('site-north', '111111111111'), null],
    [roleArn('constructor'), null],
    ['arn:aws:iam::000000000000:user/site-north', null],
    [undefined, null],
  ])('%s stands for %s', (userArn, tenant) => {
    expect(tenantOf({ userArn, claims: { x: 'south' } }, rules)).toBe(tenant);
  });
});
