import type { RunItem, StageRecord, UploadItem } from '../contracts/items.ts';
import { isTerminal } from '../contracts/messages.ts';
import type { Stage } from '../contracts/reasons.ts';
import type { Claim, LostBefore, NewRun, NewUpload } from '../pipeline/ports.ts';

/**
 * Order of two S3 sequencers: hexadecimal, padded with zeros on the right to the same length (S3 user guide, "Event
 * message structure"). Negative where `a` is older.
 */
export function compareSequencers(a: string, b: string): number {
  const length = Math.max(a.length, b.length);
  const [left, right] = [a, b].map((text) => text.toUpperCase().padEnd(length, '0')) as [string, string];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whether the object that a notification tells of is the one the item stands for: negative is older, 0 the same. */
function compareVersions(upload: NewUpload, item: UploadItem): number {
  if (upload.sequencer !== null && item.sequencer !== null) return compareSequencers(upload.sequencer, item.sequencer);
  return upload.versionId === item.versionId ? 0 : 1;
}

/** The answer to a claim of an upload; a `claimed` item still has to be written, if nobody wrote in between. */
export function decideUploadClaim(
  item: UploadItem | null,
  upload: NewUpload,
  leaseMs: number,
  nowMs: number,
): Claim<UploadItem> {
  if (item === null) return { outcome: 'claimed', item: newUploadItem(upload, leaseMs, nowMs) };
  const order = compareVersions(upload, item);
  if (order < 0) return { outcome: 'stale' };
  if (order > 0 || item.status === 'failed') {
    const { createdAt } = item;
    const fresh = newUploadItem(upload, leaseMs, nowMs);
    return { outcome: 'claimed', item: { ...fresh, createdAt, attempt: item.attempt + 1, fence: item.fence + 1 } };
  }
  if (item.status !== 'received') return { outcome: 'settled', item };
  if (item.leaseUntil > nowMs) return { outcome: 'leased', untilMs: item.leaseUntil };
  return {
    outcome: 'claimed',
    item: { ...item, fence: item.fence + 1, leaseUntil: nowMs + leaseMs, updatedAt: isoTime(nowMs) },
  };
}

function newUploadItem(upload: NewUpload, leaseMs: number, nowMs: number): UploadItem {
  return {
    kind: 'upload',
    ...upload,
    status: 'received',
    clientReference: null,
    runs: [],
    reasons: [],
    attempt: 1,
    fence: 1,
    leaseUntil: nowMs + leaseMs,
    announcedAt: null,
    createdAt: isoTime(nowMs),
    updatedAt: isoTime(nowMs),
  };
}

/** With `refusingMs`: under ingest's first claim, as `decideRunClaim` would have given it. */
export function newRunItem(run: NewRun, nowMs: number, refusingMs?: number): RunItem {
  const refusing = refusingMs !== undefined;
  return {
    kind: 'run',
    ...run,
    status: 'ingested',
    reasons: [],
    attempt: 1,
    stages: refusing ? openStage([], 'ingest', nowMs) : [],
    costUsd: null,
    fence: refusing ? 1 : 0,
    leaseUntil: refusing ? nowMs + refusingMs : 0,
    announcedAt: null,
    createdAt: isoTime(nowMs),
    updatedAt: isoTime(nowMs),
  };
}

/**
 * Only `ingested` runs are ingest's (to refuse them) and detect's, only `ingested` and `detected` ones analyze's. A
 * message for analyze exists only after detect's outputs do, so its claim makes an `ingested` run `detected` and takes
 * it from detect, whose lease may still live. Ingest waits for nobody: it takes a run from another upload of the same
 * content, which would write the same end, and leaves one that detect works on alone.
 */
export function decideRunClaim(
  item: RunItem | null,
  attempt: number,
  stage: Stage,
  leaseMs: number,
  nowMs: number,
): Claim<RunItem> {
  if (item === null || attempt !== item.attempt) return { outcome: 'stale' };
  const claimable = item.status === 'ingested' || (item.status === 'detected' && stage === 'analyze');
  if (!claimable) return { outcome: 'settled', item };
  const overtakes = stage === 'analyze' && item.status === 'ingested';
  const held = item.leaseUntil > nowMs && !overtakes;
  if (held && stage !== 'ingest') return { outcome: 'leased', untilMs: item.leaseUntil };
  if (held && item.stages.at(-1)?.stage !== 'ingest') return { outcome: 'settled', item };
  const stages = overtakes ? closeStage(item.stages, 'detect', [], nowMs) : item.stages;
  return {
    outcome: 'claimed',
    item: {
      ...item,
      status: stage === 'analyze' ? 'detected' : item.status,
      fence: item.fence + 1,
      leaseUntil: nowMs + leaseMs,
      stages: openStage(stages, stage, nowMs),
      updatedAt: isoTime(nowMs),
    },
  };
}

/** Null where the run is alive: not ended, and under a lease. */
export function reopenedRun(item: RunItem, nowMs: number, clientReference: string | null = null): RunItem | null {
  if (!isTerminal(item.status) && item.leaseUntil > nowMs) return null;
  return {
    ...item,
    status: 'ingested',
    clientReference: clientReference ?? item.clientReference,
    reasons: [],
    attempt: item.attempt + 1,
    fence: item.fence + 1,
    leaseUntil: 0,
    announcedAt: null,
    updatedAt: isoTime(nowMs),
  };
}

/** One record a stage: a repeat counts one attempt more and starts anew. */
function openStage(stages: readonly StageRecord[], stage: Stage, nowMs: number): StageRecord[] {
  const before = stages.find((record) => record.stage === stage);
  const record = {
    stage,
    attempts: (before?.attempts ?? 0) + 1,
    startedAt: isoTime(nowMs),
    endedAt: null,
    reasons: [],
  };
  return [...stages.filter((other) => other.stage !== stage), record];
}

export function closeStage(
  stages: readonly StageRecord[],
  stage: Stage,
  reasons: readonly string[],
  nowMs: number,
): StageRecord[] {
  return stages.map((record) =>
    record.stage === stage && record.endedAt === null
      ? { ...record, endedAt: isoTime(nowMs), reasons: [...reasons] }
      : record,
  );
}

export function isEnded(item: RunItem | UploadItem): boolean {
  return item.kind === 'run' ? isTerminal(item.status) : item.status !== 'received';
}

/** Whether something is still to be done about an item: to end it, or to announce its end. */
export const isOpen = (item: RunItem | UploadItem): boolean => !isEnded(item) || item.announcedAt === null;

/** Since when nobody works on an item, epoch milliseconds: the end of its lease, or the last write. */
export const idleSince = (item: RunItem | UploadItem): number => Math.max(item.leaseUntil, Date.parse(item.updatedAt));

/** The stage that was begun and has not ended. */
export const openRecord = ({ stages }: RunItem): StageRecord | undefined =>
  stages.findLast(({ endedAt }) => endedAt === null);

/** The stage that was begun and has not ended, or the next. */
export const stageInHand = (run: RunItem): Stage =>
  openRecord(run)?.stage ?? (run.status === 'detected' ? 'analyze' : 'detect');

/**
 * Whether somebody must end or announce an item. A lease that ran out was never given back: its holder died. Without one
 * the message waits in its queue, or the request at an endpoint, which says by itself when it gives one up.
 */
export function isStuck(item: RunItem | UploadItem, beforeMs: number, lostBefore?: LostBefore): boolean {
  if (!isOpen(item) || idleSince(item) >= beforeMs) return false;
  if (lostBefore === undefined || isEnded(item) || item.leaseUntil > 0) return true;
  const requested = item.kind === 'run' && openRecord(item)?.stage === 'analyze';
  return idleSince(item) < (requested ? lostBefore.requestMs : lostBefore.messageMs);
}

export const isoTime = (ms: number): string => new Date(ms).toISOString();
