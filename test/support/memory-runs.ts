import {
  closeStage,
  decideRunClaim,
  decideUploadClaim,
  idleSince,
  isoTime,
  isStuck,
  newRunItem,
  reopenedRun,
} from '../../src/aws/transitions.ts';
import type { RunItem, UploadItem } from '../../src/contracts/items.ts';
import { isTerminal, type RunStatus, type UploadStatus } from '../../src/contracts/messages.ts';
import { InputFault, type Reason, type Stage } from '../../src/contracts/reasons.ts';
import type { Claim, LostBefore, NewRun, NewUpload, Page, Runs } from '../../src/pipeline/ports.ts';

type AnyItem = RunItem | UploadItem;

/** The studies table in a map: each method is one turn of the event loop, so nothing comes in between. */
export class MemoryRuns implements Runs {
  readonly items = new Map<string, AnyItem>();

  async claimUpload(upload: NewUpload, leaseMs: number, nowMs: number): Promise<Claim<UploadItem>> {
    const key = uploadKey(upload.tenant, upload.uploadId, upload.objectRef);
    const before = (this.items.get(key) as UploadItem | undefined) ?? null;
    return this.#written(decideUploadClaim(before, upload, leaseMs, nowMs));
  }

  async noteReference(item: UploadItem, clientReference: string | null): Promise<void> {
    this.#change(item, (now) => now.fence === item.fence, { clientReference });
  }

  async settleUpload(
    item: UploadItem,
    end: {
      status: Exclude<UploadStatus, 'received'>;
      runs: string[];
      members?: UploadItem['members'];
      reasons: Reason[];
      clientReference: string | null;
    },
    nowMs: number,
  ): Promise<boolean> {
    return this.#change(item, (now) => now.fence === item.fence, { ...end, leaseUntil: 0, updatedAt: isoTime(nowMs) });
  }

  async markUploadAnnounced(item: UploadItem, nowMs: number): Promise<void> {
    this.#markAnnounced(item, item.status !== 'received', nowMs);
  }

  async getUpload(tenant: string, uploadId: string): Promise<UploadItem[]> {
    const all = [...this.items.values()].filter((item) => item.kind === 'upload');
    return structuredClone(all.filter((item) => item.tenant === tenant && item.uploadId === uploadId));
  }

  async createRun(run: NewRun, nowMs: number, refusingMs?: number): Promise<{ item: RunItem; created: boolean }> {
    const before = this.#find(run.runKey);
    if (before !== null) return { item: before, created: false };
    const item = newRunItem(run, nowMs, refusingMs);
    this.#write(item);
    return { item, created: true };
  }

  async getRun(runKey: string): Promise<RunItem | null> {
    return this.#find(runKey);
  }

  async claimRun(
    runKey: string,
    attempt: number,
    stage: Stage,
    leaseMs: number,
    nowMs: number,
  ): Promise<Claim<RunItem>> {
    const before = (this.items.get(runKey) as RunItem | undefined) ?? null;
    return this.#written(decideRunClaim(before, attempt, stage, leaseMs, nowMs));
  }

  async advanceRun(
    item: RunItem,
    to: { status: RunStatus; reasons: Reason[]; stage: Stage; costUsd?: number },
    nowMs: number,
  ): Promise<boolean> {
    const { status, reasons, stage, costUsd } = to;
    const codes = reasons.map(({ code }) => code);
    return this.#change(item, (now) => now.fence === item.fence, {
      status,
      reasons,
      stages: closeStage(item.stages, stage, codes, nowMs),
      leaseUntil: 0,
      updatedAt: isoTime(nowMs),
      ...(costUsd === undefined ? {} : { costUsd }),
    });
  }

  async markRunAnnounced(item: RunItem, nowMs: number): Promise<void> {
    this.#markAnnounced(item, isTerminal(item.status), nowMs);
  }

  async release(item: AnyItem, nowMs: number): Promise<void> {
    const same = (now: AnyItem) => now.fence === item.fence && now.status === item.status;
    this.#change(item, same, { leaseUntil: 0, updatedAt: isoTime(nowMs) });
  }

  async reopenRun(runKey: string, nowMs: number, clientReference?: string | null): Promise<RunItem | null> {
    const before = this.#find(runKey);
    const item = before === null ? null : reopenedRun(before, nowMs, clientReference);
    if (item !== null) this.#write(item);
    return item;
  }

  async listByTenant(
    tenant: string,
    query: { status?: RunStatus; limit?: number; cursor?: string },
  ): Promise<Page<RunItem>> {
    const { status, limit = 50, cursor } = query;
    const runs = [...this.items.values()].filter((item) => item.kind === 'run');
    const wanted = runs.filter((run) => run.tenant === tenant && (status === undefined || run.status === status));
    const newestFirst = wanted.sort((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1));
    if (cursor !== undefined && !/^\d{4}-/.test(cursor)) throw new InputFault('malformed', 'cursor');
    const rest = cursor === undefined ? newestFirst : newestFirst.filter((run) => placeOf(run) < cursor);
    const items = structuredClone(rest.slice(0, limit));
    const last = items.at(-1);
    return { items, cursor: rest.length > limit && last !== undefined ? placeOf(last) : null };
  }

  async listStuck(beforeMs: number, limit: number, lostBefore?: LostBefore): Promise<AnyItem[]> {
    const stuck = [...this.items.values()].filter((item) => isStuck(item, beforeMs, lostBefore));
    return structuredClone(stuck.sort((a, b) => idleSince(a) - idleSince(b)).slice(0, limit));
  }

  #find(runKey: string): RunItem | null {
    return structuredClone((this.items.get(runKey) as RunItem | undefined) ?? null);
  }

  #written<Item extends AnyItem>(claim: Claim<Item>): Claim<Item> {
    if (claim.outcome === 'claimed') this.#write(claim.item);
    return structuredClone(claim);
  }

  #write(item: AnyItem): void {
    this.items.set(keyOf(item), structuredClone(item));
  }

  #change(
    item: AnyItem,
    condition: (now: AnyItem) => boolean,
    change: Partial<RunItem> | Partial<UploadItem>,
  ): boolean {
    const now = this.items.get(keyOf(item));
    if (now === undefined || !condition(now)) return false;
    this.#write({ ...now, ...change } as AnyItem);
    return true;
  }

  #markAnnounced(item: AnyItem, ended: boolean, nowMs: number): void {
    const same = (now: AnyItem) => now.attempt === item.attempt && now.status === item.status;
    if (ended) this.#change(item, same, { announcedAt: isoTime(nowMs), updatedAt: isoTime(nowMs) });
  }
}

const uploadKey = (tenant: string, uploadId: string, objectRef: string): string => `${tenant}/${uploadId}/${objectRef}`;
const keyOf = (item: AnyItem): string =>
  item.kind === 'run' ? item.runKey : uploadKey(item.tenant, item.uploadId, item.objectRef);
const placeOf = (run: RunItem): string => `${run.createdAt}#${run.runKey}`;
