import { z } from 'zod';
import { INVOCATIONS_PREFIX, tierSchema } from './keys.ts';
import { MAX_UPLOAD_BYTES } from './limits.ts';

/**
 * Every environment variable that a function reads: the one catalogue. Infrastructure code sets them by these names,
 * composition roots read them through `parseEnv`; nothing else touches `process.env`.
 */
export const EnvNames = {
  stage: 'DISCFLOW_STAGE',
  uploadsBucket: 'DISCFLOW_UPLOADS_BUCKET',
  dataBucket: 'DISCFLOW_DATA_BUCKET',
  table: 'DISCFLOW_TABLE',
  ingestQueueUrl: 'DISCFLOW_INGEST_QUEUE_URL',
  detectQueueUrl: 'DISCFLOW_DETECT_QUEUE_URL',
  analyzeQueueUrl: 'DISCFLOW_ANALYZE_QUEUE_URL',
  backfillAnalyzeQueueUrl: 'DISCFLOW_BACKFILL_ANALYZE_QUEUE_URL',
  backfillQueueUrl: 'DISCFLOW_BACKFILL_QUEUE_URL',
  maxReceiveCount: 'DISCFLOW_MAX_RECEIVE_COUNT',
  leaseSeconds: 'DISCFLOW_LEASE_SECONDS',
  visibilitySeconds: 'DISCFLOW_VISIBILITY_SECONDS',
  eventBus: 'DISCFLOW_EVENT_BUS',
  tenantKeysSecretPrefix: 'DISCFLOW_TENANT_KEYS_SECRET_PREFIX',
  webhookSecretPrefix: 'DISCFLOW_WEBHOOK_SECRET_PREFIX',
  packFolder: 'DISCFLOW_PACK_FOLDER',
  tier: 'DISCFLOW_TIER',
  provider: 'DISCFLOW_PROVIDER',
  threads: 'DISCFLOW_THREADS',
  workerConcurrency: 'DISCFLOW_WORKER_CONCURRENCY',
  batchWaitMs: 'DISCFLOW_BATCH_WAIT_MS',
  maxBatch: 'DISCFLOW_MAX_BATCH',
  drainSeconds: 'DISCFLOW_DRAIN_SECONDS',
  port: 'DISCFLOW_PORT',
  stuckAfterSeconds: 'DISCFLOW_STUCK_AFTER_SECONDS',
  sweepLimit: 'DISCFLOW_SWEEP_LIMIT',
  tenantRoleArn: 'DISCFLOW_TENANT_ROLE_ARN',
  tenants: 'DISCFLOW_TENANTS',
  authKind: 'DISCFLOW_AUTH_KIND',
  tenantClaim: 'DISCFLOW_TENANT_CLAIM',
  callers: 'DISCFLOW_CALLERS',
  uploadMaxBytes: 'DISCFLOW_UPLOAD_MAX_BYTES',
  uploadExpirySeconds: 'DISCFLOW_UPLOAD_EXPIRY_SECONDS',
  endpointName: 'DISCFLOW_ENDPOINT_NAME',
  backfillEndpointName: 'DISCFLOW_BACKFILL_ENDPOINT_NAME',
  backfillQueueArn: 'DISCFLOW_BACKFILL_QUEUE_ARN',
  invocationsPrefix: 'DISCFLOW_INVOCATIONS_PREFIX',
  webhooks: 'DISCFLOW_WEBHOOKS',
  costPerStudyUsd: 'DISCFLOW_COST_PER_STUDY_USD',
  requestTtlSeconds: 'DISCFLOW_REQUEST_TTL_SECONDS',
  requestLostAfterSeconds: 'DISCFLOW_REQUEST_LOST_AFTER_SECONDS',
} as const;

type EnvKey = keyof typeof EnvNames;

const text = z.string().min(1);
const whole = (low: number, high: number) => z.coerce.number().pipe(z.int().min(low).max(high));
const list = z.string().transform((value) => value.split(',').filter((item) => item !== ''));

const store = { stage: text, dataBucket: text, table: text, eventBus: text };
const delivery = {
  /** Receives before a message moves to its dead-letter queue: the last one writes `failed` first. */
  maxReceiveCount: whole(1, 1000).default(5),
  /** How long a claim holds a run before another worker may take it. */
  leaseSeconds: whole(1, 43_200).default(900),
};
const models = {
  packFolder: text.default('/opt/models'),
  /** The provider that is tried first; the one that ran is recorded in `run.json`. */
  provider: z.enum(['cpu', 'cuda']).default('cpu'),
  /** Threads of one network run; 0 lets ONNX Runtime choose. */
  threads: whole(0, 64).default(0),
};

/** One limit for who accepts an upload and who reads it: what ingest's memory can hold. */
const uploadMaxBytes = whole(1, MAX_UPLOAD_BYTES);

/** What each function needs; keys are those of `EnvNames`. */
export const ENVIRONMENTS = {
  ingest: z.object({
    ...store,
    ...delivery,
    uploadsBucket: text,
    tenantKeysSecretPrefix: text,
    /** Whose uploads are read: those whose pseudonym keys the function may read. */
    tenants: list,
    detectQueueUrl: text,
    uploadMaxBytes,
    packFolder: models.packFolder,
    tier: tierSchema.default('ensemble'),
  }),
  detect: z.object({
    ...store,
    ...delivery,
    ...models,
    analyzeQueueUrl: text,
  }),
  analyze: z.object({ ...store, ...delivery, ...models }),
  analyzeWorker: z.object({
    ...store,
    ...delivery,
    ...models,
    analyzeQueueUrl: text,
    /** Read only while the analyze queue is empty. */
    backfillAnalyzeQueueUrl: text.optional(),
    visibilitySeconds: whole(2, 43_200).default(60),
    /** Messages worked on at once. */
    workerConcurrency: whole(1, 64).default(4),
    batchWaitMs: whole(0, 1000).default(15),
    maxBatch: whole(1, 256).default(32),
    /** After SIGTERM: how long work in hand may still end before its messages are made visible again. */
    drainSeconds: whole(0, 110).default(2),
  }),
  analyzeServer: z.object({
    ...store,
    ...delivery,
    ...models,
    port: whole(0, 65_535).default(8080),
    workerConcurrency: whole(1, 64).default(4),
    batchWaitMs: whole(0, 1000).default(15),
    maxBatch: whole(1, 256).default(32),
  }),
  submit: z.object({
    ...store,
    ...delivery,
    endpointName: text,
    /** A message from this queue goes to the backfill's endpoint. */
    backfillQueueArn: text,
    backfillEndpointName: text,
    invocationsPrefix: text.default(INVOCATIONS_PREFIX),
    /** How long a request may wait at the endpoint before SageMaker gives it up and says so. */
    requestTtlSeconds: whole(60, 21_600).default(21_600),
  }),
  notified: z.object({ ...store }),
  sweep: z.object({
    stage: text,
    table: text,
    eventBus: text,
    /** A run whose lease ended this long ago is given up. */
    stuckAfterSeconds: whole(60, 604_800).default(7200),
    sweepLimit: whole(1, 20_000).default(5000),
    /** Asynchronous endpoints alone: a request of which neither topic told by then is lost. */
    requestLostAfterSeconds: whole(60, 1_209_600).optional(),
  }),
  api: z.object({
    stage: text,
    uploadsBucket: text,
    dataBucket: text,
    table: text,
    /** Assumed with the session tag `tenant`; every statement of it names the caller's prefix or key. */
    tenantRoleArn: text,
    tenants: list,
    authKind: z.enum(['jwt', 'iam']),
    tenantClaim: text.default('discflow_tenant'),
    /** IAM callers: the tenant of each role, by the role's name, as a JSON object. */
    callers: z.string().default('{}'),
    uploadMaxBytes,
    uploadExpirySeconds: whole(60, 3600).default(900),
  }),
  webhook: z.object({
    stage: text,
    webhookSecretPrefix: text,
    webhooks: z.string(),
    maxReceiveCount: delivery.maxReceiveCount,
  }),
  backfill: z.object({
    stage: text,
    /** Where admitted studies are staged for the lane's own ingest. */
    uploadsBucket: text,
    table: text,
    /** Whose studies a job may bring. */
    tenants: list,
    backfillQueueUrl: text,
    /** The lane's further queues: what waits in them counts as well. */
    detectQueueUrl: text,
    analyzeQueueUrl: text,
    /** What one study is reckoned at when a job's budget is counted. */
    costPerStudyUsd: z.coerce.number().positive(),
  }),
} as const;

export type FunctionName = keyof typeof ENVIRONMENTS;
export type Env<Name extends FunctionName> = z.infer<(typeof ENVIRONMENTS)[Name]>;

/** Thrown at the start of a function whose environment is incomplete or wrong: names the variables, never values. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * The typed environment of one function. Call it in the composition root, never at import. An empty variable counts as
 * absent. Throws `EnvironmentError` naming every variable that is missing or wrong.
 */
export function parseEnv<Name extends FunctionName>(name: Name, source: Record<string, string | undefined>): Env<Name> {
  const schema = ENVIRONMENTS[name];
  const fields = Object.keys(schema.shape) as EnvKey[];
  const values = fields.flatMap((key) => {
    const value = source[EnvNames[key]];
    return value === undefined || value === '' ? [] : [[key, value] as const];
  });
  const parsed = schema.safeParse(Object.fromEntries(values));
  if (parsed.success) return parsed.data as Env<Name>;
  const faults = parsed.error.issues.map((issue) => {
    const key = issue.path[0] as EnvKey | undefined;
    return `${key === undefined ? name : EnvNames[key]}: ${issue.message}`;
  });
  throw new EnvironmentError(`The environment of ${name} is wrong. ${faults.join('; ')}`);
}

/** The variables of one function as its environment block: what the infrastructure sets, checked against the schema. */
export function environmentOf<Name extends FunctionName>(
  name: Name,
  values: Partial<Record<EnvKey, string>>,
): Record<string, string> {
  const known = new Set(Object.keys(ENVIRONMENTS[name].shape));
  const entries = Object.entries(values) as Array<[EnvKey, string]>;
  const unknown = entries.map(([key]) => key).filter((key) => !known.has(key));
  if (unknown.length > 0) throw new EnvironmentError(`${name} does not read ${unknown.join(', ')}`);
  const block = Object.fromEntries(entries.map(([key, value]) => [EnvNames[key], value]));
  parseEnv(name, block);
  return block;
}
