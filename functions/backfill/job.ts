import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { translated } from '../../src/aws/faults.ts';
import { tenantSchema } from '../../src/contracts/keys.ts';

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
  state: z.enum(JOB_STATES),
  studiesPerMinute: z.int(),
  maxStudies: z.int(),
  admitted: z.int(),
  skipped: z.int(),
  /** Epoch milliseconds: nothing more is admitted before, so that the rate holds on the mean. */
  nextAtMs: z.int(),
  startedAt: z.iso.datetime(),
});
export type Job = z.infer<typeof jobSchema>;

export type Admission =
  | { readonly outcome: 'admitted' | 'budget' | 'paused' | 'cancelled' }
  | { readonly outcome: 'rate'; readonly waitMs: number };

/** Jobs in the studies table, one item each, under keys that no run or upload has. */
export class Jobs {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** Opens a job, or finds it open: a state machine that is started again goes on with the same counts. */
  async open(input: JobInput, costPerStudyUsd: number, nowMs: number): Promise<Job> {
    const { jobId, tenant, studiesPerMinute, budgetUsd } = input;
    const job: Job = {
      jobId,
      tenant,
      state: 'running',
      studiesPerMinute,
      maxStudies: Math.floor(budgetUsd / costPerStudyUsd),
      admitted: 0,
      skipped: 0,
      nextAtMs: 0,
      startedAt: new Date(nowMs).toISOString(),
    };
    const put = new PutCommand({
      TableName: this.#table,
      Item: { ...keyOf(jobId), ...job },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    return (await this.#held('PutItem', () => this.#client.send(put))) ? job : this.get(jobId);
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
    if (!(await this.#held('UpdateItem', () => this.#client.send(update))))
      throw new Error('there is no such job, or it is cancelled');
  }

  /**
   * Books `count` studies if the job's state, rate and budget allow; one conditional write, so that no cap is passed.
   * Each admission moves the time of the next one on by what its studies take of the rate.
   */
  async admit(jobId: string, count: number, nowMs: number): Promise<Admission> {
    const job = await this.get(jobId);
    if (job.state !== 'running') return { outcome: job.state };
    if (job.admitted + count > job.maxStudies) return { outcome: 'budget' };
    if (job.nextAtMs > nowMs) return { outcome: 'rate', waitMs: job.nextAtMs - nowMs };
    const takesMs = Math.ceil((count / job.studiesPerMinute) * 60_000);
    const update = new UpdateCommand({
      TableName: this.#table,
      Key: keyOf(jobId),
      ConditionExpression: '#state = :running AND admitted = :admitted AND nextAtMs = :nextAt',
      UpdateExpression: 'SET admitted = :newAdmitted, nextAtMs = :newNextAt',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: {
        ':running': 'running',
        ':admitted': job.admitted,
        ':nextAt': job.nextAtMs,
        ':newAdmitted': job.admitted + count,
        ':newNextAt': nowMs + takesMs,
      },
    });
    const written = await this.#held('UpdateItem', () => this.#client.send(update));
    return written ? { outcome: 'admitted' } : { outcome: 'rate', waitMs: takesMs };
  }

  /** Takes back what was booked for objects that could not be staged. */
  async skip(jobId: string, count: number): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table,
      Key: keyOf(jobId),
      UpdateExpression: 'ADD admitted :less, skipped :more',
      ExpressionAttributeValues: { ':less': -count, ':more': count },
    });
    await translated('UpdateItem', () => this.#client.send(update));
  }

  #held(operation: string, call: () => Promise<unknown>): Promise<boolean> {
    return translated(operation, async () => {
      try {
        await call();
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    });
  }
}

const keyOf = (jobId: string) => ({ pk: `BACKFILL#${jobId}`, sk: 'JOB' });
