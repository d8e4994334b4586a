import { createHmac } from 'node:crypto';
import { extname } from 'node:path/posix';
import { z } from 'zod';
import { keys, UPLOAD_EXTENSIONS } from '../../src/contracts/keys.ts';
import { TransientFault } from '../../src/contracts/reasons.ts';
import type { Clock, Logger } from '../../src/pipeline/ports.ts';
import { decodeKey } from '../../src/pipeline/s3-record.ts';
import { type Job, JobRefusedError, type Jobs, jobInputSchema } from './job.ts';
import { Tally } from './tally.ts';

export interface BackfillDeps {
  readonly jobs: Jobs;
  /** Of the deployment. */
  readonly tenants: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly costPerStudyUsd: number;
  /** The lane's own bucket. */
  readonly stagingBucket: string;
  readonly copy: (from: { bucket: string; key: string }, toKey: string) => Promise<void>;
  /** Puts one S3-shaped notification into the lane's queue. */
  readonly notify: (body: string) => Promise<void>;
  /** Messages that wait in the lane's queues, of all its stages. */
  readonly backlog: () => Promise<number>;
  /** Uploads of a tenant since a time, the oldest first, page by page. */
  readonly endedUploads: (tenant: string, since: string, cursor: string | null) => Promise<UploadPage>;
}

export interface UploadPage {
  readonly uploads: ReadonlyArray<{ uploadId: string; status: string; createdAt: string }>;
  readonly cursor: string | null;
}

/** One entry of a listing (`Key`), an inventory (`Key`) or a manifest (a bare key). */
const itemSchema = z.union([z.looseObject({ Key: z.string().min(1) }), z.string().min(1)]);
const batchSchema = z.object({
  Items: z.array(itemSchema).min(1),
  BatchInput: z.object({ jobId: z.string(), bucket: z.string(), kind: z.string().optional() }),
});

export const eventSchema = z.discriminatedUnion('action', [
  z.object({ action: z.literal('open'), job: jobInputSchema }),
  z.object({ action: z.literal('admit'), batch: batchSchema }),
  z.object({ action: z.literal('count'), jobId: z.string() }),
  z.object({ action: z.literal('set'), jobId: z.string(), state: z.enum(['running', 'paused', 'cancelled']) }),
  z.object({ action: z.literal('show'), jobId: z.string() }),
]);
export type BackfillEvent = z.infer<typeof eventSchema>;

/**
 * More than this many waiting messages and nothing further is admitted: the lane stays short enough to cancel, and no
 * message of it waits for the fourteen days after which its queue drops it.
 */
const MAX_BACKLOG = 1000;

/**
 * An upload's id in a backfill: the same object of the same job is the same upload, however often it is admitted. Keys of
 * an archive may be names or numbers of patients: under the job's secret nobody who sees the id can try them out.
 */
export const uploadIdOf = ({ jobId, secret }: Pick<Job, 'jobId' | 'secret'>, key: string): string =>
  `bf-${jobId}-${createHmac('sha256', secret).update(key).digest('hex').slice(0, 24)}`;

export async function handleBackfill(deps: BackfillDeps, event: BackfillEvent): Promise<unknown> {
  switch (event.action) {
    case 'open':
      return open(deps, event.job);
    case 'admit':
      return admit(deps, event.batch);
    case 'count':
      return count(deps, event.jobId);
    case 'set':
      await deps.jobs.setState(event.jobId, event.state);
      return show(deps, event.jobId);
    case 'show':
      return show(deps, event.jobId);
  }
}

async function show({ jobs }: BackfillDeps, jobId: string): Promise<Omit<Job, 'secret'>> {
  const { secret: _kept, ...job } = await jobs.get(jobId);
  return job;
}

/** @throws JobRefusedError for a tenant that ingest would refuse, study by study, and for another job's name. */
async function open({ jobs, tenants, clock, costPerStudyUsd }: BackfillDeps, job: z.infer<typeof jobInputSchema>) {
  if (!tenants.includes(job.tenant)) throw new JobRefusedError(`${job.tenant} is no tenant of this deployment`);
  const { jobId, maxStudies, startedAt } = await jobs.open(job, costPerStudyUsd, clock.nowMs());
  const { bucket, objectsBucket } = job.source;
  return {
    jobId,
    maxStudies,
    startedAt,
    source: { ...job.source, objectsBucket: objectsBucket ?? bucket },
  };
}

/** `wait` brings the batch back after so many seconds; `over` ends it: cancelled, or beyond the budget. */
type Answer = { readonly outcome: 'admitted' | 'over' } | { readonly outcome: 'wait'; readonly waitSeconds: number };

/** A batch's workflow may have 25,000 events, twelve a try: a quarter of an hour a try lets a job pause for weeks. */
const PAUSED_SECONDS = 900;
const LANE_FULL_SECONDS = 60;
/** Batches that wait for the rate come back apart, and soon enough to use it up. */
const RATE_SECONDS = { least: 5, most: 300 };

async function admit(deps: BackfillDeps, { Items, BatchInput }: z.infer<typeof batchSchema>): Promise<Answer> {
  const { jobId, bucket, kind } = BatchInput;
  const keys = Items.map((item) => (typeof item === 'string' ? item : item.Key)).filter(isUpload);
  const job = await deps.jobs.get(jobId);
  const objects = new Map(keys.map((key) => [uploadIdOf(job, key), key]));
  const unstaged = await deps.jobs.unstaged(jobId, [...objects.keys()]);
  if (unstaged.size === 0) return { outcome: 'admitted' };
  if ((await deps.backlog()) > MAX_BACKLOG) return { outcome: 'wait', waitSeconds: LANE_FULL_SECONDS };
  const admission = await deps.jobs.admit(job, [...unstaged], deps.clock.nowMs());
  switch (admission.outcome) {
    case 'cancelled':
    case 'budget':
      deps.log.warn('backfill.over', { reason: admission.outcome, count: unstaged.size });
      return { outcome: 'over' };
    case 'paused':
      return { outcome: 'wait', waitSeconds: PAUSED_SECONDS };
    case 'rate': {
      const { least, most } = RATE_SECONDS;
      return { outcome: 'wait', waitSeconds: Math.min(most, Math.max(least, Math.ceil(admission.waitMs / 1000))) };
    }
    case 'admitted':
      break;
  }
  let staged = 0;
  for (const [uploadId, key] of objects)
    if (
      unstaged.has(uploadId) &&
      (await stageOrSkip(deps, job, { uploadId, bucket, key, encoded: kind === 'inventory' }))
    )
      staged += 1;
  deps.log.info('backfill.admitted', { tenant: job.tenant, count: staged });
  return { outcome: 'admitted' };
}

interface ListedObject {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: string;
  /** Listed by an inventory: its CSV encodes keys as S3's events do, its Parquet does not. */
  readonly encoded: boolean;
}

/** False where the object cannot be had. A passing fault is thrown: the batch comes again and does what is missing. */
async function stageOrSkip(deps: BackfillDeps, { jobId, tenant }: Job, object: ListedObject): Promise<boolean> {
  try {
    await stage(deps, tenant, object);
  } catch (error) {
    if (error instanceof TransientFault) throw error;
    deps.log.error('backfill.skipped', { tenant, errorName: error instanceof Error ? error.name : 'unknown' });
    await deps.jobs.settle(jobId, object.uploadId, 'skipped');
    return false;
  }
  await deps.jobs.settle(jobId, object.uploadId, 'staged');
  return true;
}

const isUpload = (key: string): boolean =>
  (UPLOAD_EXTENSIONS as readonly string[]).includes(extname(key).toLowerCase());

/** Copies one study into the lane and tells the lane's ingest of it; the name it had stays behind. */
async function stage(deps: BackfillDeps, tenant: string, listed: ListedObject): Promise<void> {
  const { uploadId, key } = listed;
  const to = keys.upload(tenant, uploadId, `study${extname(key).toLowerCase()}`);
  await copyByName(deps, listed, to);
  const object = { key: encodeURIComponent(to).replaceAll('%2F', '/'), sequencer: '0' };
  const record = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    eventName: 'ObjectCreated:Copy',
    s3: { bucket: { name: deps.stagingBucket }, object },
  };
  await deps.notify(JSON.stringify({ Records: [record] }));
}

/** Source: S3 User Guide, "Amazon S3 Inventory list": in CSV a key is encoded and must be decoded before it is used. */
async function copyByName({ copy }: BackfillDeps, { bucket, key, encoded }: ListedObject, to: string): Promise<void> {
  const decoded = encoded ? (decodeKey(key) ?? key) : key;
  try {
    await copy({ bucket, key: decoded }, to);
  } catch (error) {
    if (error instanceof TransientFault || decoded === key) throw error;
    await copy({ bucket, key }, to);
  }
}

export interface JobCount {
  readonly jobId: string;
  /** `counting`: more than one call counts; the next goes on. */
  readonly state: 'counting' | 'running' | 'ended';
  readonly admitted: number;
  /** Objects that could not be copied: gone, forbidden, too large. */
  readonly skipped: number;
  /** Objects whose batch was given up before they were staged; another start of the job takes them up. */
  readonly unstaged: number;
  /** How long to wait before the next count. */
  readonly waitSeconds: number;
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * A workflow may have 25,000 events, nine a count: a fiftieth of the job's age, at most an hour, counts a long lane for
 * a hundred days and a short one soon.
 */
const COUNT_SECONDS = { least: 300, most: 3600, partOfAge: 1 / 50 };

function secondsToCount({ startedAt }: Job, nowMs: number): number {
  const { least, most, partOfAge } = COUNT_SECONDS;
  return Math.round(Math.min(most, Math.max(least, ((nowMs - Date.parse(startedAt)) / 1000) * partOfAge)));
}

/** A call by hand is waited for a minute. */
const COUNT_FOR_MS = 45_000;
/** An index lags behind its table, and one function's clock behind another's: what is younger is counted once more. */
const SETTLED_AFTER_MS = 600_000;

/** What became of the job's uploads, from the table: `running` while some have not ended. */
async function count(deps: BackfillDeps, jobId: string): Promise<JobCount> {
  const { jobs, clock } = deps;
  const job: Job = await jobs.get(jobId);
  const tally = new Tally(job.counted, clock.nowMs() - SETTLED_AFTER_MS);
  const complete = await countUploads(deps, job, tally);
  if (tally.settled !== undefined) await jobs.noteCounted(jobId, tally.settled);
  const { counts } = tally;
  const ended = (counts.expanded ?? 0) + (counts.rejected ?? 0) + (counts.failed ?? 0);
  const over = job.state === 'cancelled' ? (counts.received ?? 0) === 0 : ended >= job.admitted - job.booked.length;
  const running = complete || tally.closed ? 'running' : 'counting';
  return {
    jobId,
    state: complete && over ? 'ended' : running,
    admitted: job.admitted,
    skipped: job.skipped,
    unstaged: job.booked.length,
    waitSeconds: secondsToCount(job, clock.nowMs()),
    counts,
  };
}

/** False where the time for one call was over before the last upload was read. */
async function countUploads({ endedUploads, clock }: BackfillDeps, job: Job, tally: Tally): Promise<boolean> {
  const { jobId, tenant, startedAt, counted } = job;
  const untilMs = clock.nowMs() + COUNT_FOR_MS;
  let cursor: string | null = null;
  do {
    if (clock.nowMs() > untilMs) return false;
    const page: UploadPage = await endedUploads(tenant, counted?.until ?? startedAt, cursor);
    for (const upload of page.uploads) tally.read(upload, upload.uploadId.startsWith(`bf-${jobId}-`));
    cursor = page.cursor;
  } while (cursor !== null);
  return true;
}
