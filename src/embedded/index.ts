import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EnvNames } from '../contracts/env.ts';
import { makeCredentials } from './credentials.ts';
import { DataFolderError, makeFolder } from './data-folder.ts';
import { type DynamoDbServer, startDynamoDb } from './dynamodb.ts';
import { eventRecord } from './s3/events.ts';
import { type S3Server, startS3Server } from './s3/server.ts';
import { type ObjectCreated, S3Store } from './s3/store.ts';
import { QUEUE_NAMES, type QueueName, type QueueSettings, type SqsServer, startSqs } from './sqs.ts';
import { type EmbeddedState, findRunning, removeState, writeState } from './state-file.ts';

export { DataFolderError, makeFolder } from './data-folder.ts';
export { ForeignTableError } from './dynamodb.ts';
export { type EmbeddedState, findRunning } from './state-file.ts';

export interface EmbeddedOptions {
  /** Shared by every command; null takes a temporary folder that ends with `close`. */
  readonly dataDir: string | null;
  readonly region?: string;
  readonly maxReceiveCount?: number;
  readonly visibilitySeconds?: Partial<Record<QueueName, number>>;
  /** Faults inside the services, which clients see as errors of the server. */
  readonly onFault?: (error: unknown) => void;
}

export interface Embedded extends Omit<EmbeddedState, 'schema' | 'instance' | 'startedAt'> {
  /** `owner` runs the services in this process; `client` uses those of the process `pid`. */
  readonly role: 'owner' | 'client';
  readonly queueUrls: Readonly<Record<QueueName, string>>;
  /** What a child process or a handler needs to reach the services. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Sends the notifications of the objects under `in/` again for which `wanted` says so: notifications live in memory
   * and end with a killed process. Only the owner has objects to send; returns how many were sent.
   */
  replayUploads(wanted: (key: string) => Promise<boolean>): Promise<number>;
  close(): Promise<void>;
}

const REGION = 'us-east-1';
const BUCKETS = { uploads: 'discflow-uploads', data: 'discflow-data' } as const;
const TABLE = 'studies';
const UPLOADS_PREFIX = 'in/';
const VISIBILITY_SECONDS = 60;
const MAX_RECEIVE_COUNT = 5;
const WAIT_FOR_OWNER_MS = 15_000;
const WAIT_STEP_MS = 50;

/** Another process holds the data folder and does not answer. */
class DataFolderBusyError extends DataFolderError {
  override readonly name = 'DataFolderBusyError';
}

/**
 * S3, SQS and DynamoDB on loopback over one folder. Where a process already serves the folder, connects to it as a
 * client. The operating system's lock on the S3 index decides who owns the folder, so a killed owner leaves no lock.
 * @throws DataFolderError where the folder cannot be made, is damaged, of another version, or held by a process that does not answer.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const folder = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'discflow-')));
  await makeFolder(folder, 0o700).catch((error: Error) => {
    throw new DataFolderError(`the data folder ${folder} cannot be made: ${error.message}`, { cause: error });
  });
  const until = Date.now() + WAIT_FOR_OWNER_MS;
  for (;;) {
    const owner = await Owner.start(folder, options);
    if (owner !== null) return owner;
    const running = await findRunning(folder);
    if (running !== null) return connect(running);
    if (Date.now() > until) throw new DataFolderBusyError('Another process holds the data folder and does not answer.');
    await new Promise((resolve) => setTimeout(resolve, WAIT_STEP_MS));
  }
}

function connect(state: EmbeddedState): Embedded {
  return {
    ...view(state),
    role: 'client',
    replayUploads: async () => 0,
    close: async () => undefined,
  };
}

function view(state: EmbeddedState) {
  const { pid, region, credentials, endpoints, buckets, table, queues } = state;
  const urls = QUEUE_NAMES.map((name) => [name, queues[name].url]);
  return {
    ...{ pid, region, credentials, endpoints, buckets, table, queues },
    queueUrls: Object.fromEntries(urls) as Record<QueueName, string>,
    env: {
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL_S3: endpoints.s3,
      AWS_ENDPOINT_URL_SQS: endpoints.sqs,
      AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
      [EnvNames.uploadsBucket]: buckets.uploads,
      [EnvNames.dataBucket]: buckets.data,
      [EnvNames.table]: table,
      [EnvNames.ingestQueueUrl]: queues.ingest.url,
      [EnvNames.detectQueueUrl]: queues.detect.url,
      [EnvNames.analyzeQueueUrl]: queues.analyze.url,
    },
  };
}

interface Services {
  readonly store: S3Store;
  readonly s3: S3Server;
  readonly sqs: SqsServer;
  readonly dynamodb: DynamoDbServer;
}

const Owner = {
  /** Null where another process holds the folder. */
  async start(folder: string, options: EmbeddedOptions): Promise<Embedded | null> {
    const region = options.region ?? REGION;
    const credentials = makeCredentials();
    const instance = randomUUID();
    const notices = { send: async (_event: ObjectCreated): Promise<void> => undefined };
    const store = await S3Store.open({
      folder: join(folder, 's3'),
      buckets: Object.values(BUCKETS),
      onCreated: (event) => notices.send(event),
    });
    if (store === null) return null;
    const started: Array<() => Promise<void>> = [() => store.close()];
    try {
      const sqs = await startSqs({ region, credentials, settings: queueSettings(options) });
      started.unshift(() => sqs.close());
      notices.send = async (event) => {
        if (event.bucket !== BUCKETS.uploads || !event.key.startsWith(UPLOADS_PREFIX)) return;
        await sqs.send(sqs.queues.ingest.url, JSON.stringify({ Records: [eventRecord(event, region)] }));
      };
      const onFault = options.onFault ?? warnOfFault;
      const s3 = await startS3Server({ store, credentials, region, instance, onFault });
      started.unshift(() => s3.close());
      const dynamoFolder = options.dataDir === null ? null : join(folder, 'dynamodb');
      const dynamodb = await startDynamoDb({ folder: dynamoFolder, region, credentials, table: TABLE });
      started.unshift(() => dynamodb.close());
      const state = stateOf({ store, s3, sqs, dynamodb }, { region, credentials, instance });
      await writeState(folder, state);
      started.unshift(() => removeState(folder));
      return {
        ...view(state),
        role: 'owner',
        replayUploads: (wanted) => replayUploads(store, notices.send, wanted),
        async close() {
          await closeAll(started);
          if (options.dataDir === null) await rm(folder, { recursive: true, force: true });
        },
      };
    } catch (error) {
      await closeAll(started);
      throw error;
    }
  },
};

/** What becomes of a service's fault that no caller asked for. */
export function warnOfFault(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error('unknown fault'), { code: 'DISCFLOW_EMBEDDED' });
}

async function closeAll(closers: Array<() => Promise<void>>): Promise<void> {
  for (const close of closers.splice(0)) await close();
}

function stateOf(
  services: Services,
  identity: Pick<EmbeddedState, 'region' | 'credentials' | 'instance'>,
): EmbeddedState {
  const at = (port: number): string => `http://127.0.0.1:${port}`;
  return {
    schema: 'discflow.embedded/1',
    pid: process.pid,
    startedAt: new Date().toISOString(),
    ...identity,
    endpoints: { s3: at(services.s3.port), sqs: at(services.sqs.port), dynamodb: at(services.dynamodb.port) },
    buckets: BUCKETS,
    table: TABLE,
    queues: services.sqs.queues,
  };
}

function queueSettings(options: EmbeddedOptions): Record<QueueName, QueueSettings> {
  const maxReceiveCount = options.maxReceiveCount ?? MAX_RECEIVE_COUNT;
  const settings = QUEUE_NAMES.map((name) => [
    name,
    { maxReceiveCount, visibilitySeconds: options.visibilitySeconds?.[name] ?? VISIBILITY_SECONDS },
  ]);
  return Object.fromEntries(settings) as Record<QueueName, QueueSettings>;
}

async function replayUploads(
  store: S3Store,
  send: (event: ObjectCreated) => Promise<void>,
  wanted: (key: string) => Promise<boolean>,
): Promise<number> {
  let sent = 0;
  for await (const { key, record } of store.index.walk(BUCKETS.uploads, UPLOADS_PREFIX, '')) {
    if (!(await wanted(key))) continue;
    const { size, eTag, sequencer, modifiedMs } = record;
    await send({ bucket: BUCKETS.uploads, key, size, eTag, sequencer, by: 'Put', atMs: modifiedMs });
    sent += 1;
  }
  return sent;
}
