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
  minute: z.int(),
  inMinute: z.int(),
  startedAt: z.iso.datetime(),
});
export type Job = z.infer<typeof jobSchema>;

export type Admission = 'admitted' | 'rate' | 'budget' | 'paused' | 'cancelled';

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
      minute: 0,
      inMinute: 0,
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

  /** Books `count` studies if the job's state, rate and budget allow; one conditional write, so that no cap is passed. */
  async admit(jobId: string, count: number, nowMs: number): Promise<Admission> {
    const job = await this.get(jobId);
    if (job.state !== 'running') return job.state;
    if (job.admitted + count > job.maxStudies) return 'budget';
    const minute = Math.floor(nowMs / 60_000);
    const sameMinute = job.minute === minute;
    const before = sameMinute ? job.inMinute : 0;
    if (before > 0 && before + count > job.studiesPerMinute) return 'rate';
    const update = new UpdateCommand({
      TableName: this.#table,
      Key: keyOf(jobId),
      ConditionExpression:
        '#state = :running AND admitted = :admitted AND #minute = :oldMinute AND inMinute = :oldInMinute',
      UpdateExpression: 'SET admitted = :newAdmitted, #minute = :minute, inMinute = :inMinute',
      ExpressionAttributeNames: { '#state': 'state', '#minute': 'minute' },
      ExpressionAttributeValues: {
        ':running': 'running',
        ':admitted': job.admitted,
        ':oldMinute': job.minute,
        ':oldInMinute': job.inMinute,
        ':newAdmitted': job.admitted + count,
        ':minute': minute,
        ':inMinute': before + count,
      },
    });
    return (await this.#held('UpdateItem', () => this.#client.send(update))) ? 'admitted' : 'rate';
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
