import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import dynalite from 'dynalite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { type Embedded, ForeignTableError, findRunning, startEmbedded } from '../../src/embedded/index.ts';
import { bundledSource } from '../support/bundled-source.ts';

interface Announced {
  readonly role: 'owner' | 'client';
  readonly pid: number;
  readonly endpoints: Record<string, string>;
}

let dataDir: string;
const started: Embedded[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'discflow-data-'));
});
afterEach(async () => {
  for (const embedded of started.splice(0).reverse()) await embedded.close();
  await Promise.all(children.splice(0).map(kill));
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<Embedded> {
  const embedded = await startEmbedded({ dataDir });
  started.push(embedded);
  return embedded;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Starts the child and waits for its line. */
async function spawnChild(mode: 'hold' | 'write' | 'put'): Promise<{ child: ChildProcess; announced: Announced }> {
  const script = fileURLToPath(new URL('./embedded-child.ts', import.meta.url));
  const child = spawn(process.execPath, [bundledSource(script), mode, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  return { child, announced: JSON.parse(line) as Announced };
}

describe('a data folder', () => {
  it('is served by its first user; the second becomes a client of the first', async () => {
    const owner = await start();
    const client = await start();
    expect([owner.role, client.role]).toEqual(['owner', 'client']);
    expect(client.endpoints).toEqual(owner.endpoints);
    expect(client.env).toEqual(owner.env);
    const [mine, theirs] = [createClients(owner), createClients(client)];
    await new S3ObjectStore(mine.s3, owner.buckets.data).put('a', Buffer.from('x'), { contentType: 'a/b' });
    expect((await new S3ObjectStore(theirs.s3, client.buckets.data).get('a'))?.toString()).toBe('x');
    await client.close();
    expect((await new S3ObjectStore(mine.s3, owner.buckets.data).get('a'))?.toString()).toBe('x');
    mine.close();
    theirs.close();
  });

  it('tells who serves it while it is served, to the owner of the file alone', async () => {
    expect(await findRunning(dataDir)).toBeNull();
    expect(await findRunning(join(dataDir, 'nowhere'))).toBeNull();
    const owner = await startEmbedded({ dataDir });
    expect(await findRunning(dataDir)).toMatchObject({ pid: process.pid, endpoints: owner.endpoints });
    const modeOf = async (name: string) => (await stat(join(dataDir, name))).mode & 0o777;
    expect([await modeOf('embedded.json'), await modeOf('s3'), await modeOf('dynamodb')]).toEqual([
      0o600, 0o700, 0o700,
    ]);
    await owner.close();
    expect(await findRunning(dataDir)).toBeNull();
  });

  it('keeps objects and runs of a killed owner for the next', async () => {
    const { child, announced } = await spawnChild('hold');
    expect(announced.role).toBe('owner');
    expect(await findRunning(dataDir)).toMatchObject({ pid: child.pid });
    const client = await startEmbedded({ dataDir });
    expect(client.role).toBe('client');
    await kill(child);
    expect(await readFile(join(dataDir, 'embedded.json'), 'utf8')).toContain(`"pid":${child.pid}`);
    expect(await findRunning(dataDir)).toBeNull();
    const next = await start();
    expect(next.role).toBe('owner');
    const clients = createClients(next);
    const uploads = new S3ObjectStore(clients.s3, next.buckets.uploads);
    expect((await uploads.get('in/acme/u1/study.zip'))?.toString()).toBe('study');
    const runs = new DynamoRuns(clients.documents, next.table);
    const stuck = await runs.listStuck(Number.MAX_SAFE_INTEGER, 10);
    expect(stuck).toMatchObject([{ kind: 'run', tenant: 'held', status: 'ingested', fence: 1 }]);
    clients.close();
  });

  it('has one owner where two processes come at once', async () => {
    const both = await Promise.all([spawnChild('hold'), spawnChild('hold')]);
    expect(both.map(({ announced }) => announced.role).sort()).toEqual(['client', 'owner']);
    expect(both[0]!.announced.endpoints).toEqual(both[1]!.announced.endpoints);
  });

  it('is not taken for served when another program has the port and the process number', async () => {
    const owner = await startEmbedded({ dataDir });
    const state = JSON.parse(await readFile(join(dataDir, 'embedded.json'), 'utf8')) as { endpoints: { s3: string } };
    await owner.close();
    const stranger = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    state.endpoints.s3 = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    await writeFile(join(dataDir, 'embedded.json'), JSON.stringify(state));
    expect(await findRunning(dataDir)).toBeNull();
    await writeFile(join(dataDir, 'embedded.json'), '{"half": ');
    expect(await findRunning(dataDir)).toBeNull();
    stranger.close();
    expect((await start()).role).toBe('owner');
  });

  /** A table in the folder as another process made it. */
  const makeTable = async (createTableMs: number) => {
    const server = dynalite({ path: join(dataDir, 'dynamodb'), createTableMs }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials });
    await client.send(
      new CreateTableCommand({
        TableName: 'studies',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
    if (createTableMs === 0)
      await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 1 }, { TableName: 'studies' });
    client.destroy();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };

  it('is refused when its table is of another version', async () => {
    await makeTable(0);
    await expect(startEmbedded({ dataDir })).rejects.toBeInstanceOf(ForeignTableError);
    expect(await findRunning(dataDir)).toBeNull();
  });

  it('is taken over from a process that was killed while it made the table', async () => {
    await makeTable(600_000);
    const clients = createClients(await start());
    expect(await new DynamoRuns(clients.documents, 'studies').getRun('a'.repeat(26))).toBeNull();
    clients.close();
  });
});

describe('a process that is killed while it writes runs', () => {
  it('leaves every index in step with the table', async () => {
    for (let round = 0; round < 4; round++) {
      const { child } = await spawnChild('write');
      await new Promise((resolve) => setTimeout(resolve, 700 + round * 217));
      await kill(child);
    }
    const embedded = await start();
    const clients = createClients(embedded);
    const rows: Array<Record<string, unknown>> = [];
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const page = await clients.documents.send(new ScanCommand({ TableName: embedded.table, ExclusiveStartKey }));
      rows.push(...(page.Items ?? []));
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey !== undefined);
    expect(rows.length).toBeGreaterThan(20);
    const runs = new DynamoRuns(clients.documents, embedded.table);
    const open = rows.filter((row) => row.open !== undefined).map((row) => row.runKey);
    const stuck = await runs.listStuck(Number.MAX_SAFE_INTEGER, 100_000);
    expect(stuck.map((item) => item.kind === 'run' && item.runKey).sort()).toEqual(open.sort());
    for (const status of ['ingested', 'detected', 'done'] as const) {
      const { items } = await runs.listByTenant('killed', { status, limit: 1000 });
      const wanted = rows.filter((row) => row.status === status).map((row) => row.runKey);
      if (wanted.length < 1000) expect(items.map(({ runKey }) => runKey).sort()).toEqual(wanted.sort());
    }
    clients.close();
  });
});

describe('a process that is killed while it writes objects', () => {
  it('leaves every object that is listed whole', async () => {
    for (let round = 0; round < 3; round++) {
      const { child } = await spawnChild('put');
      await new Promise((resolve) => setTimeout(resolve, 500 + round * 171));
      await kill(child);
    }
    const embedded = await start();
    const clients = createClients(embedded);
    const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
    const damaged: string[] = [];
    let count = 0;
    for await (const key of data.list('killed/')) {
      count += 1;
      const [head, body] = [await data.head(key), await data.get(key)];
      const md5 = createHash('md5')
        .update(body ?? '')
        .digest('hex');
      if (head?.size !== body?.length || head?.eTag !== md5) damaged.push(key);
    }
    expect(count).toBeGreaterThan(4);
    expect(damaged).toEqual([]);
    expect(await readdir(join(dataDir, 's3', 'incoming'))).toEqual([]);
    clients.close();
  });
});

describe('a blob that a killed process kept before a key led to it', () => {
  it('is removed by the next start; those of objects stay', async () => {
    const { child } = await spawnChild('hold');
    await kill(child);
    const blobs = join(dataDir, 's3', 'blobs');
    await writeFile(join(blobs, 'ab', `ab${'0'.repeat(30)}`), 'a name');
    const next = await start();
    expect(await readdir(join(blobs, 'ab'))).not.toContain(`ab${'0'.repeat(30)}`);
    const clients = createClients(next);
    const uploads = new S3ObjectStore(clients.s3, next.buckets.uploads);
    expect((await uploads.get('in/acme/u1/study.zip'))?.toString()).toBe('study');
    clients.close();
  });
});

describe('the services', () => {
  it('answer nobody who does not know the access key of the folder', async () => {
    const embedded = await start();
    const credentials = { accessKeyId: 'AKIAOTHER', secretAccessKey: 'x' };
    const strange = createClients({ region: embedded.region, endpoints: embedded.endpoints, credentials });
    const nameOf = (call: Promise<unknown>) => call.then(() => 'answered').catch((error: Error) => error.name);
    expect(await nameOf(new S3ObjectStore(strange.s3, embedded.buckets.data).get('a'))).toBe('InvalidAccessKeyId');
    expect(await nameOf(strange.sqs.send(new ListQueuesCommand({})))).toBe('InvalidClientTokenId');
    expect(await nameOf(new DynamoRuns(strange.documents, embedded.table).getRun('a'))).toBe(
      'UnrecognizedClientException',
    );
    for (const endpoint of Object.values(embedded.endpoints)) {
      const response = await fetch(endpoint);
      expect(response.status).toBeGreaterThanOrEqual(400);
    }
    strange.close();
  });
});
