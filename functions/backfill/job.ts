import { randomBytes } from 'node:crypto';
import { type DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { conditionHeld } from '../../src/aws/conditional-write.ts';
import { translated } from '../../src/aws/faults.ts';
import { tenantSchema } from '../../src/contracts/keys.ts';
import type { Counted } from './tally.ts';

const jobIdSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'a job is 1 to 40 of a-z, 0-9 and -');

/** What starts a backfill: the input of the state machine. */
export const jobInputSchema = z.strictObject({
  jobId: jobIdSchema,
  tenant: tenantSchema,
  source: z.strictObject({
    /** `prefix`: the objects below a key. `inventory`: an S3 Inventory manifest.json. `manifest`: a JSON array of keys. */
    kind: z.enum(['prefix', 'inventory', 'manifest']),
    /** Where the list lies. */
    bucket: z.string().min(3),
    key: z.string(),
    /** Where the studies lie; the list's bucket if left out. */
    objectsBucket: z.string().min(3).optional(),
  }),
  studiesPerMinute: z.int().min(1).max(6000),
  budgetUsd: z.number().positive(),
});
export type JobInput = z.infer<typeof jobInputSchema>;

export const JOB_STATES = ['running', 'paused', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

const jobSchema = z.object({
  jobId: jobIdSchema,
  tenant: tenantSchema,
  /** Where its studies lie. */
  objectsBucket: z.string().optional(),
  state: z.enum(JOB_STATES),
  studiesPerMinute: z.int(),
  maxStudies: z.int(),
  admitted: z.int(),
  skipped: z.int(),
  /** Uploads that are counted in `admitted` and not staged yet: who comes back to them does not book them again. */
  booked: z
    .set(z.string())
    .default(() => new Set<string>())
    .transform((ids) => [...ids]),
  /** Epoch milliseconds: nothing more is admitted before, so that the rate holds on the mean. */
  nextAtMs: z.int(),
  startedAt: z.iso.datetime(),
  /** Random, made when the job is opened: what its uploads' ids are made with. It leaves the table in no answer. */
  secret: z.string().min(43),
  /** What was counted for good: `tally.ts`. */
  counted: z.object({ until: z.iso.datetime(), counts: z.record(z.string(), z.int()) }).optional(),
});
export type Job = z.infer<typeof jobSchema>;

export type Admission =
  | { readonly outcome: 'admitted' | 'budget' | 'paused' | 'cancelled' }
  | { readonly outcome: 'rate'; readonly waitMs: number };

/** What became of one object of a job; one that could not be copied is tried again when the list is read again. */
export type Outcome = 'staged' | 'skipped';

/** A job that must not be opened as it is asked for. */
export class JobRefusedError extends Error {
  override readonly name = 'JobRefusedError';
}

/**
 * Jobs in the studies table, one item each and one for each object that was dealt with, under keys that no run or
 * upload has. A batch may come twice (a retry, a restart, a key that stands in the list twice): what is booked, staged
 * or skipped is told by its upload's id, so that each object counts once.
 */
export class Jobs {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /**
   * Opens a job, or finds it open: a state machine that is started again goes on with the same counts, rate and budget.
   * @throws JobRefusedError where a job of this name is another tenant's, or reads studies of another bucket: they would
   * be booked as that tenant's, or pass for staged.
   */
  async open(input: JobInput, costPerStudyUsd: number, nowMs: number): Promise<Job> {
    const { jobId, tenant, studiesPerMinute, budgetUsd } = input;
    const objectsBucket = input.source.objectsBucket ?? input.source.bucket;
    const job: Job = {
      jobId,
      tenant,
      objectsBucket,
      state: 'running',
      studiesPerMinute,
      maxStudies: Math.floor(budgetUsd / costPerStudyUsd),
      admitted: 0,
      skipped: 0,
      booked: [],
      nextAtMs: 0,
      startedAt: new Date(nowMs).toISOString(),
      secret: randomBytes(32).toString('base64'),
    };
    const { booked: _none, ...item } = job;
    const put = new PutCommand({
      TableName: this.#table,
      Item: { ...keyOf(jobId), ...item },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    if (await conditionHeld('PutItem', () => this.#client.send(put))) return job;
    const found = await this.get(jobId);
    if (found.tenant !== tenant || (found.objectsBucket ?? objectsBucket) !== objectsBucket)
      throw new JobRefusedError(`job ${jobId} was opened for ${found.tenant} and its studies: name another jobId`);
    return found;
  }

  async get(jobId: string): Promise<Job> {
    const { Item } = await translated('GetItem', () =>
      this.#client.send(new GetCommand({ TableName: this.#table, Key: keyOf(jobId), ConsistentRead: true })),
    );
    return jobSchema.parse(Item);
  }

  async setState(jobId: string, state: JobState): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table,
      Key: keyOf(jobId),
      ConditionExpression: 'attribute_exists(pk) AND #state <> :cancelled',
      UpdateExpression: 'SET #state = :state',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: { ':state': state, ':cancelled': 'cancelled' },
    });
    if (!(await conditionHeld('UpdateItem', () => this.#client.send(update))))
      throw new Error('there is no such job, or it is cancelled');
  }

  /** Counts that overlap write the same, or one that reaches less far: either holds. */
  async noteCounted(jobId: string, counted: Counted): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table,
      Key: keyOf(jobId),
      ConditionExpression: 'attribute_exists(pk)',
      UpdateExpression: 'SET counted = :counted',
      ExpressionAttributeValues: { ':counted': counted },
    });
    await conditionHeld('UpdateItem', () => this.#client.send(update));
  }

  /** Those of the uploads that are not staged yet. */
  async unstaged(jobId: string, uploadIds: readonly string[]): Promise<Set<string>> {
    const answers = await Promise.all(
      uploadIds.map(async (uploadId) => {
        const get = new GetCommand({ TableName: this.#table, Key: objectKey(jobId, uploadId), ConsistentRead: true });
        const { Item } = await translated('GetItem', () => this.#client.send(get));
        return Item?.outcome === 'staged' ? [] : [uploadId];
      }),
    );
    return new Set(answers.flat());
  }

  /**
   * Books uploads if the job's state, rate and budget allow; one conditional write, so that no cap is passed. Each
   * admission moves the time of the next one on by what its studies take of the rate. `job` was read before it was
   * asked which uploads are unstaged: what another batch booked and staged in between makes the condition fail.
   */
  async admit(job: Job, unstaged: readonly string[], nowMs: number): Promise<Admission> {
    if (job.state !== 'running') return { outcome: job.state };
    const fresh = unstaged.filter((uploadId) => !job.booked.includes(uploadId));
    if (fresh.length === 0) return { outcome: 'admitted' };
    if (job.admitted + fresh.length > job.maxStudies) return { outcome: 'budget' };
    if (job.nextAtMs > nowMs) return { outcome: 'rate', waitMs: job.nextAtMs - nowMs };
    const takesMs = Math.ceil((fresh.length / job.studiesPerMinute) * 60_000);
    const update = new UpdateCommand({
      TableName: this.#table,
      Key: keyOf(job.jobId),
      ConditionExpression: '#state = :running AND admitted = :admitted AND nextAtMs = :nextAt',
      UpdateExpression: 'SET admitted = :newAdmitted, nextAtMs = :newNextAt ADD booked :fresh',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: {
        ':running': 'running',
        ':admitted': job.admitted,
        ':nextAt': job.nextAtMs,
        ':newAdmitted': job.admitted + fresh.length,
        ':newNextAt': nowMs + takesMs,
        ':fresh': new Set(fresh),
      },
    });
    const written = await conditionHeld('UpdateItem', () => this.#client.send(update));
    return written ? { outcome: 'admitted' } : { outcome: 'rate', waitMs: takesMs };
  }

  /** Writes down what became of a booked upload, and takes back what was booked for one that could not be staged. */
  async settle(jobId: string, uploadId: string, outcome: Outcome): Promise<void> {
    const put = new PutCommand({
      TableName: this.#table,
      Item: { ...objectKey(jobId, uploadId), outcome },
      ReturnValues: 'ALL_OLD',
    });
    const { Attributes } = await translated('PutItem', () => this.#client.send(put));
    const skippedBefore = Attributes?.outcome === 'skipped' ? 1 : 0;
    const skipped = outcome === 'skipped' ? 1 : 0;
    const update = new UpdateCommand({
      TableName: this.#table,
      Key: keyOf(jobId),
      ConditionExpression: 'contains(booked, :uploadId)',
      UpdateExpression: 'ADD admitted :less, skipped :more DELETE booked :one',
      ExpressionAttributeValues: {
        ':uploadId': uploadId,
        ':one': new Set([uploadId]),
        ':less': -skipped,
        ':more': skipped - skippedBefore,
      },
    });
    await conditionHeld('UpdateItem', () => this.#client.send(update));
  }
}

const keyOf = (jobId: string) => ({ pk: `BACKFILL#${jobId}`, sk: 'JOB' });
const objectKey = (jobId: string, uploadId: string) => ({ pk: `BACKFILL#${jobId}`, sk: `OBJECT#${uploadId}` });
