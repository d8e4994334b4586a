import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import type { RunItem, UploadItem } from '../contracts/items.ts';
import { runKeySchema } from '../contracts/keys.ts';
import { isTerminal, type RunStatus, type UploadStatus } from '../contracts/messages.ts';
import { InputFault, type Reason, type Stage, TransientFault } from '../contracts/reasons.ts';
import { STUDIES_TABLE } from '../contracts/table.ts';
import type { Claim, LostBefore, NewRun, NewUpload, Page, Runs } from '../pipeline/ports.ts';
import { itemOf, keyOf, runKeyOf, type Stored, StudiesTable, uploadKey } from './studies-table.ts';
import {
  closeStage,
  decideRunClaim,
  decideUploadClaim,
  idleSince,
  isoTime,
  isStuck,
  newRunItem,
  reopenedRun,
} from './transitions.ts';

/** Lost races in a row before a claim goes back to the queue. */
const WRITE_ATTEMPTS = 20;
const PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 1000;
const { indexes, openShards } = STUDIES_TABLE;

type AnyItem = RunItem | UploadItem;

/** Runs and uploads in DynamoDB. Lists read secondary indexes and may lag behind by a moment. */
export class DynamoRuns implements Runs {
  readonly #table: StudiesTable;

  constructor(client: DynamoDBDocumentClient, tableName: string) {
    this.#table = new StudiesTable(client, tableName);
  }

  claimUpload(upload: NewUpload, leaseMs: number, nowMs: number): Promise<Claim<UploadItem>> {
    const key = uploadKey(upload.tenant, upload.uploadId, upload.objectRef);
    return this.#untilWritten(async () => {
      const before = (await this.#table.read(key)) as Stored<UploadItem> | null;
      const claim = decideUploadClaim(before?.item ?? null, upload, leaseMs, nowMs);
      return claim.outcome !== 'claimed' || (await this.#table.write(claim.item, before)) ? claim : null;
    });
  }

  async noteReference(item: UploadItem, clientReference: string | null): Promise<void> {
    await this.#table.update(keyOf(item), { fence: item.fence }, { clientReference });
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
    const { status, runs, members = [], reasons, clientReference } = end;
    const said = { status, runs, members, reasons, clientReference };
    const set = { ...said, leaseUntil: 0, updatedAt: isoTime(nowMs), idleSince: nowMs };
    return this.#table.update(keyOf(item), { fence: item.fence }, set);
  }

  markUploadAnnounced(item: UploadItem, nowMs: number): Promise<void> {
    return this.#markAnnounced(item, nowMs);
  }

  async getUpload(tenant: string, uploadId: string): Promise<UploadItem[]> {
    const { pk } = uploadKey(tenant, uploadId, '');
    const items: UploadItem[] = [];
    let after: Record<string, unknown> | undefined;
    do {
      const page = await this.#table.query({ index: null, condition: 'pk = :pk', values: { ':pk': pk }, after });
      items.push(...(page.rows.map(itemOf) as UploadItem[]));
      after = page.last;
    } while (after !== undefined);
    return items;
  }

  createRun(run: NewRun, nowMs: number, refusingMs?: number): Promise<{ item: RunItem; created: boolean }> {
    return this.#untilWritten(async () => {
      const item = newRunItem(run, nowMs, refusingMs);
      if (await this.#table.write(item, null)) return { item, created: true };
      const before = await this.getRun(run.runKey);
      return before === null ? null : { item: before, created: false };
    });
  }

  async getRun(runKey: string): Promise<RunItem | null> {
    return ((await this.#table.read(runKeyOf(runKey)))?.item ?? null) as RunItem | null;
  }

  claimRun(runKey: string, attempt: number, stage: Stage, leaseMs: number, nowMs: number): Promise<Claim<RunItem>> {
    return this.#untilWritten(async () => {
      const before = (await this.#table.read(runKeyOf(runKey))) as Stored<RunItem> | null;
      const claim = decideRunClaim(before?.item ?? null, attempt, stage, leaseMs, nowMs);
      return claim.outcome !== 'claimed' || (await this.#table.write(claim.item, before)) ? claim : null;
    });
  }

  async advanceRun(
    item: RunItem,
    to: { status: RunStatus; reasons: Reason[]; stage: Stage; costUsd?: number },
    nowMs: number,
  ): Promise<boolean> {
    const { status, reasons, stage, costUsd } = to;
    const codes = reasons.map(({ code }) => code);
    const set = {
      status,
      tenantStatus: `${item.tenant}#${status}`,
      reasons,
      stages: closeStage(item.stages, stage, codes, nowMs),
      leaseUntil: 0,
      updatedAt: isoTime(nowMs),
      idleSince: nowMs,
      ...(costUsd === undefined ? {} : { costUsd }),
    };
    return this.#table.update(keyOf(item), { fence: item.fence }, set);
  }

  markRunAnnounced(item: RunItem, nowMs: number): Promise<void> {
    return this.#markAnnounced(item, nowMs);
  }

  async release(item: RunItem | UploadItem, nowMs: number): Promise<void> {
    const where = { fence: item.fence, status: item.status };
    await this.#table.update(keyOf(item), where, { leaseUntil: 0, updatedAt: isoTime(nowMs), idleSince: nowMs });
  }

  reopenRun(runKey: string, nowMs: number, clientReference?: string | null): Promise<RunItem | null> {
    return this.#untilWritten<{ item: RunItem | null }>(async () => {
      const before = (await this.#table.read(runKeyOf(runKey))) as Stored<RunItem> | null;
      const item = before === null ? null : reopenedRun(before.item, nowMs, clientReference);
      return item === null || (await this.#table.write(item, before)) ? { item } : null;
    }).then(({ item }) => item);
  }

  /**
   * Newest first. Uploads lie between the runs of a tenant and count in what a query reads: each page is twice the one
   * before, or thousands of refused uploads would be read one by one. Throws `InputFault('malformed')` for a cursor that
   * this method did not give out.
   */
  async listByTenant(
    tenant: string,
    query: { status?: RunStatus; limit?: number; cursor?: string },
  ): Promise<Page<RunItem>> {
    const { status, limit = PAGE_SIZE } = query;
    const wanted = Math.min(Math.max(1, limit), MAX_PAGE_SIZE);
    const partition = status === undefined ? { tenant } : { tenantStatus: `${tenant}#${status}` };
    const [[field, value]] = Object.entries(partition) as [[string, string]];
    const index = status === undefined ? indexes.tenantTime.name : indexes.tenantStatus.name;
    const items: RunItem[] = [];
    let rows = wanted;
    let after = query.cursor === undefined ? undefined : { ...readCursor(query.cursor), ...partition };
    do {
      const page = await this.#table.query({
        index,
        condition: '#partition = :partition',
        filter: 'kind = :kind',
        names: { '#partition': field },
        values: { ':partition': value, ':kind': 'run' },
        limit: rows,
        newestFirst: true,
        after,
      });
      items.push(...(page.rows.map(itemOf) as RunItem[]));
      after = page.last as typeof after;
      rows = Math.min(2 * rows, MAX_PAGE_SIZE);
    } while (after !== undefined && items.length < wanted);
    const more = after !== undefined || items.length > wanted;
    const last = items[wanted - 1];
    return { items: items.slice(0, wanted), cursor: more && last !== undefined ? cursorOf(last) : null };
  }

  /** Those that lie longest come first. */
  async listStuck(beforeMs: number, limit: number, lostBefore?: LostBefore): Promise<AnyItem[]> {
    const shards = Array.from({ length: openShards }, (_, shard) => `open#${shard}`);
    const items = await Promise.all(shards.map((shard) => this.#openBefore(shard, beforeMs, limit, lostBefore)));
    const oldestFirst = items.flat().sort((a, b) => idleSince(a) - idleSince(b));
    return oldestFirst.slice(0, limit);
  }

  async #openBefore(shard: string, beforeMs: number, limit: number, lostBefore?: LostBefore): Promise<AnyItem[]> {
    const items: AnyItem[] = [];
    const passing = lostBefore === undefined ? null : passingOverWaiting(lostBefore);
    let after: Record<string, unknown> | undefined;
    do {
      const page = await this.#table.query({
        index: indexes.open.name,
        condition: '#open = :open AND idleSince < :before',
        ...(passing === null ? { limit: limit - items.length } : { filter: passing.filter }),
        names: { '#open': 'open', ...passing?.names },
        values: { ':open': shard, ':before': beforeMs, ...passing?.values },
        after,
      });
      items.push(...page.rows.map(itemOf).filter((item) => isStuck(item, beforeMs, lostBefore)));
      after = page.last;
    } while (after !== undefined && items.length < limit);
    return items;
  }

  async #markAnnounced(item: RunItem | UploadItem, nowMs: number): Promise<void> {
    const { attempt, status } = item;
    if (item.kind === 'run' ? !isTerminal(item.status) : item.status === 'received') return;
    const at = isoTime(nowMs);
    await this.#table.update(keyOf(item), { attempt, status }, { announcedAt: at, updatedAt: at }, [
      'open',
      'idleSince',
    ]);
  }

  async #untilWritten<T>(attempt: () => Promise<T | null>): Promise<T> {
    for (let tries = 0; tries < WRITE_ATTEMPTS; tries++) {
      const result = await attempt();
      if (result !== null) return result;
    }
    throw new TransientFault('the item is written by too many at once');
  }
}

/** Spares the reading of what only waits; it cannot tell a message from a request, which `isStuck` does. */
const passingOverWaiting = ({ messageMs, requestMs }: LostBefore) => ({
  filter: 'leaseUntil > :nobody OR updatedAt < :lost OR NOT #status IN (:received, :ingested, :detected)',
  names: { '#status': 'status' },
  values: {
    ':nobody': 0,
    ':lost': isoTime(Math.max(messageMs, requestMs)),
    ':received': 'received',
    ':ingested': 'ingested',
    ':detected': 'detected',
  },
});

/** The place of a run in an index: what a page that ends with it would have ended at. */
const cursorOf = (run: RunItem): string =>
  Buffer.from(JSON.stringify([run.runKey, run.createdAt])).toString('base64url');

const cursorSchema = z.tuple([runKeySchema, z.iso.datetime()]);

function readCursor(cursor: string): { pk: string; sk: string; createdAt: string } {
  try {
    const [runKey, createdAt] = cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return { ...runKeyOf(runKey), createdAt };
  } catch (cause) {
    throw new InputFault('malformed', 'cursor', { cause });
  }
}
