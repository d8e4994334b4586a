import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createAnalyzeHandler } from '../../functions/analyze/compose.ts';
import { createDetectHandler } from '../../functions/detect/compose.ts';
import { createIngestHandler } from '../../functions/ingest/compose.ts';
import { type AwsClients, createClients } from '../aws/clients.ts';
import { DynamoRuns } from '../aws/dynamo-runs.ts';
import { createLogger } from '../aws/logger.ts';
import { FolderTenantKeys, HmacPseudonyms, TenantKeyError, type TenantKeys } from '../aws/pseudonyms.ts';
import { S3ObjectStore } from '../aws/s3-object-store.ts';
import { type BatchHandler, SqsPoller } from '../aws/sqs-poller.ts';
import { SqsAnnouncer, SqsQueue } from '../aws/sqs-queue.ts';
import type { RunItem, UploadItem } from '../contracts/items.ts';
import type { Tier } from '../contracts/keys.ts';
import { type AnalyzeMessage, announcementSchema, type DetectMessage, isTerminal } from '../contracts/messages.ts';
import { type Embedded, startEmbedded, warnOfFault } from '../embedded/index.ts';
import { createEngine } from '../inference/engine.ts';
import { hostFacts } from '../inference/host.ts';
import { createPixelDecoder } from '../pictures/decoder.ts';
import { createPictureEncoder } from '../pictures/encoder.ts';
import type { Engine, Runs } from '../pipeline/ports.ts';
import { DEFAULT_LIMITS } from '../pipeline/prepare-files.ts';

import { type PlannedUpload, UsageError } from './plan.ts';
import { endEarly, failure } from './process-end.ts';
import { detectMessage, recover } from './recover.ts';
import { soundPack } from './sound-pack.ts';
import { forgetEndedUploads, forgetUpload, submitUpload } from './uploads.ts';
import { Waiters } from './waiters.ts';

export interface LocalOptions {
  readonly data: string;
  readonly pack: string;
  readonly tier: Tier;
  readonly tenant: string;
  /** Threads that networks run in, each with sessions of its own; absent: one a core. */
  readonly inferenceWorkers?: number;
}

/** The whole pipeline in this process: embedded services, the three handlers and their pollers. */
export interface LocalSystem {
  readonly data: S3ObjectStore;
  readonly runs: Runs;
  /** Opens the next attempt of a failed run; false where it is unknown or alive. */
  redrive(runKey: string): Promise<boolean>;
  /** Puts an upload under a fresh id; returns the id. */
  submit(upload: PlannedUpload): Promise<string>;
  /** Waits for the upload's end, then deletes its objects. */
  untilUploadEnded(uploadId: string, signal: AbortSignal): Promise<UploadItem>;
  untilRunEnded(runKey: string, signal: AbortSignal): Promise<RunItem>;
  close(): Promise<void>;
}

const MAX_RECEIVE_COUNT = 5;
const LEASE_MS = 300_000;
const RETRY_SECONDS = 1;
/** The services are in this process: what passes, passes soon. */
const FIRST_RETRY_SECONDS = 1;

/**
 * @throws UsageError where the pack is none or broken, the tenant's key is damaged or lost, or another process serves the data
 * folder.
 */
export async function startLocal(options: LocalOptions): Promise<LocalSystem> {
  const packSha256 = await soundPack(options.pack);
  const embedded = await startEmbedded({ dataDir: options.data, maxReceiveCount: MAX_RECEIVE_COUNT, onFault });
  if (embedded.role === 'client') {
    await embedded.close();
    throw new UsageError(`another discflow (process ${embedded.pid}) uses ${options.data}: wait, or give --data`);
  }
  const tenantKeys = new FolderTenantKeys(join(options.data, 'keys'));
  const clients = createClients(embedded);
  try {
    await checkKey(tenantKeys, new DynamoRuns(clients.documents, embedded.table), options);
  } catch (error) {
    clients.close();
    await embedded.close();
    throw error;
  }
  const { inferenceWorkers: workers } = options;
  const engine = createEngine({ packDirs: [options.pack], ...(workers === undefined ? {} : { workers }) });
  const stages = composeStages(embedded, clients, engine, { ...options, packSha256, tenantKeys });
  const waiters = new Waiters();
  const pollers = startPollers(embedded, clients, stages.handlers, waiters);
  const { runs, data } = stages;
  const halt = () => Promise.all(pollers.map((poller) => poller.stop({ graceSeconds: 10 })));
  const shut = async () => {
    await stages.decoder.close();
    await engine.close();
    clients.close();
    await embedded.close();
  };
  try {
    await recover(embedded, stages);
    await forgetEndedUploads(stages.uploads, runs);
  } catch (error) {
    await halt();
    await shut();
    throw error;
  }
  return {
    data,
    runs,
    redrive: async (runKey) => {
      const item = await runs.reopenRun(runKey, stages.clock.nowMs());
      if (item !== null) await stages.detectQueue.send(detectMessage(item));
      return item !== null;
    },
    submit: (upload) => submitUpload(stages.uploads, options.tenant, upload),
    async untilUploadEnded(uploadId, signal) {
      const ended = await waiters.until(uploadId, signal, async () => {
        const item = (await runs.getUpload(options.tenant, uploadId))[0];
        return item !== undefined && item.status !== 'received' ? item : null;
      });
      await forgetUpload(stages.uploads, options.tenant, uploadId);
      return ended;
    },
    untilRunEnded: (runKey, signal) =>
      waiters.until(runKey, signal, async () => {
        const item = await runs.getRun(runKey);
        return item !== null && isTerminal(item.status) ? item : null;
      }),
    async close() {
      await halt();
      // Nobody waits for those of an earlier process that were taken up again. What fails here, the next start does.
      if (failure() === null) await forgetEndedUploads(stages.uploads, runs).catch(() => undefined);
      await shut();
    },
  };
}

/**
 * A damaged key would be met by every study, each of which would end as failed; under a new one in place of a lost one the
 * same studies would get other names beside those that they have.
 */
async function checkKey(
  keys: FolderTenantKeys,
  runs: Pick<Runs, 'listByTenant'>,
  { tenant, data }: LocalOptions,
): Promise<void> {
  const path = join(data, 'keys');
  const isLost = !(await keys.has(tenant)) && (await runs.listByTenant(tenant, { limit: 1 })).items.length > 0;
  if (isLost)
    throw new UsageError(`the key of tenant ${tenant} in ${path} is gone: put a copy of it back, or give --data`);
  try {
    await keys.current(tenant);
  } catch (error) {
    if (!(error instanceof TenantKeyError)) throw error;
    throw new UsageError(`the key of tenant ${tenant} in ${path} is damaged: put a copy of it back`, { cause: error });
  }
}

/** What the disc refuses or has lost would be tried again until every study had failed. */
const onFault = (error: unknown): void => {
  if (!endEarly(error)) warnOfFault(error);
};

type Handlers = Readonly<Record<'ingest' | 'detect' | 'analyze', (delay: SqsPoller['delay']) => BatchHandler>>;

function composeStages(
  embedded: Embedded,
  clients: AwsClients,
  engine: Engine,
  options: LocalOptions & { packSha256: string; tenantKeys: TenantKeys },
) {
  const { queueUrls, buckets } = embedded;
  const data = new S3ObjectStore(clients.s3, buckets.data);
  const uploads = new S3ObjectStore(clients.s3, buckets.uploads);
  const decoder = createPixelDecoder();
  const shared = {
    data,
    engine,
    runs: new DynamoRuns(clients.documents, embedded.table),
    announcer: new SqsAnnouncer(clients.sqs, queueUrls.announcements),
    pictures: createPictureEncoder(),
    clock: { nowMs: () => Date.now() },
    log: createLogger({ service: 'discflow', toStandardError: true, level: 'ERROR' }),
    leaseMs: LEASE_MS,
  };
  const detectQueue = new SqsQueue<DetectMessage>(clients.sqs, queueUrls.detect);
  const analyzeQueue = new SqsQueue<AnalyzeMessage>(clients.sqs, queueUrls.analyze);
  const ingest = {
    ...shared,
    uploads,
    detectQueue,
    decoder,
    pseudonyms: new HmacPseudonyms(options.tenantKeys),
    limits: DEFAULT_LIMITS,
    packSha256: options.packSha256,
    tier: options.tier,
  };
  const redelivery = { maxReceiveCount: MAX_RECEIVE_COUNT, firstRetrySeconds: FIRST_RETRY_SECONDS };
  const handlers: Handlers = {
    ingest: (delay) => createIngestHandler({ deps: ingest, uploadsBucket: buckets.uploads, ...redelivery, delay }),
    detect: (delay) => createDetectHandler({ deps: { ...shared, analyzeQueue }, ...redelivery, delay }),
    analyze: (delay) => createAnalyzeHandler({ deps: { ...shared, host: hostFacts() }, ...redelivery, delay }),
  };
  return { ...shared, uploads, decoder, detectQueue, analyzeQueue, handlers };
}

function startPollers(embedded: Embedded, clients: AwsClients, handlers: Handlers, waiters: Waiters): SqsPoller[] {
  const log = createLogger({ service: 'discflow', toStandardError: true, level: 'ERROR' });
  const poll = (
    queue: 'ingest' | 'detect' | 'analyze' | 'announcements',
    concurrency: number,
    make: (delay: SqsPoller['delay']) => BatchHandler,
  ) => {
    const poller: SqsPoller = new SqsPoller({
      client: clients.sqs,
      queueUrl: embedded.queueUrls[queue],
      handler: (event, context) => handler(event, context),
      log,
      concurrency,
      retrySeconds: RETRY_SECONDS,
      functionName: queue,
    });
    const handler = make((record, seconds) => poller.delay(record, seconds));
    poller.start();
    return poller;
  };
  const wake: BatchHandler = async (event) => {
    for (const { body } of event.Records) waiters.wake(announcementSchema.parse(JSON.parse(body)).subject);
    return undefined;
  };
  const width = Math.max(2, availableParallelism());
  return [
    poll('ingest', width, handlers.ingest),
    poll('detect', width, handlers.detect),
    poll('analyze', width, handlers.analyze),
    poll('announcements', 1, () => wake),
  ];
}
