import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { startS3Server } from '../../src/embedded/s3/server.ts';
import { type ObjectCreated, S3Store } from '../../src/embedded/s3/store.ts';

export const CREDENTIALS = { accessKeyId: 'DISCFLOWTEST', secretAccessKey: 'secret/of+the=test' };
export const REGION = 'eu-central-1';
export const BUCKET = 'uploads';

export interface S3Fixture {
  readonly folder: string;
  readonly endpoint: string;
  readonly store: S3Store;
  readonly client: S3Client;
  readonly created: ObjectCreated[];
  readonly faults: unknown[];
  /** Moves the server's clock. */
  setNow(ms: number | null): void;
  anotherClient(change: Partial<ConstructorParameters<typeof S3Client>[0]>): S3Client;
  close(): Promise<void>;
}

/** The S3 server on a folder of its own, or on one that is given. */
export async function startS3(folder?: string): Promise<S3Fixture> {
  const place = folder ?? (await mkdtemp(join(tmpdir(), 'discflow-s3-')));
  const created: ObjectCreated[] = [];
  const faults: unknown[] = [];
  let now: number | null = null;
  const store = await S3Store.open({
    folder: place,
    buckets: [BUCKET, 'other'],
    onCreated: async (event) => {
      created.push(event);
    },
  });
  if (store === null) throw new Error('the folder is locked');
  const server = await startS3Server({
    store,
    credentials: CREDENTIALS,
    region: REGION,
    nowMs: () => now ?? Date.now(),
    onFault: (error) => faults.push(error),
  });
  const endpoint = `http://127.0.0.1:${server.port}`;
  const clients: S3Client[] = [];
  const anotherClient: S3Fixture['anotherClient'] = (change) => {
    const client = new S3Client({
      endpoint,
      region: REGION,
      credentials: CREDENTIALS,
      forcePathStyle: true,
      maxAttempts: 1,
      ...change,
    });
    clients.push(client);
    return client;
  };
  return {
    ...{ folder: place, endpoint, store, created, faults, anotherClient },
    client: anotherClient({}),
    setNow: (ms) => {
      now = ms;
    },
    async close() {
      for (const client of clients) client.destroy();
      await server.close();
      await store.close();
      if (folder === undefined) await rm(place, { recursive: true, force: true });
    },
  };
}

export const newKey = (): string => `k/${randomUUID()}`;

export const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

/** What a call failed with: the S3 error code and the HTTP status. */
export async function failure(call: Promise<unknown>): Promise<{ code: string; status: number }> {
  try {
    await call;
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    return { code: name, status: $metadata?.httpStatusCode ?? 0 };
  }
  return { code: 'none', status: 200 };
}
