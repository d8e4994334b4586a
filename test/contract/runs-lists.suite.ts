import { expect, it } from 'vitest';
import type { RunItem, UploadItem } from '../../src/contracts/items.ts';
import { InputFault } from '../../src/contracts/reasons.ts';
import type { Runs } from '../../src/pipeline/ports.ts';
import { claimed, LEASE_MS, newRun, newTenant, newUpload, T0 } from './new-items.ts';

const nameOf = (item: RunItem | UploadItem): string => (item.kind === 'run' ? item.runKey : item.uploadId);
const done = { status: 'done' as const, reasons: [], stage: 'analyze' as const };

export function listSuite(create: () => Runs): void {
  /** Opens `count` runs a second apart; every third is done. */
  const fill = async (runs: Runs, tenant: string, count: number): Promise<string[]> => {
    const runKeys: string[] = [];
    for (let index = 0; index < count; index++) {
      const at = T0 + index * 1000;
      const { item } = await runs.createRun(newRun({ tenant }), at);
      runKeys.push(item.runKey);
      if (index % 3 !== 0) continue;
      await runs.advanceRun(claimed(await runs.claimRun(item.runKey, 1, 'analyze', LEASE_MS, at)), done, at);
    }
    return runKeys;
  };

  const readAll = async (runs: Runs, tenant: string, query: { status?: RunItem['status']; limit: number }) => {
    const pages: string[][] = [];
    let cursor: string | null = null;
    do {
      const page = await runs.listByTenant(tenant, { ...query, ...(cursor === null ? {} : { cursor }) });
      pages.push(page.items.map(({ runKey }) => runKey));
      cursor = page.cursor;
    } while (cursor !== null);
    return pages;
  };

  it('lists the runs of one tenant, newest first, page by page, without its uploads', async () => {
    const runs = create();
    const [tenant, other] = [newTenant(), newTenant()];
    const runKeys = await fill(runs, tenant, 17);
    await fill(runs, other, 2);
    for (let index = 0; index < 9; index++) await runs.claimUpload(newUpload({ tenant }), LEASE_MS, T0 + index * 2000);
    const pages = await readAll(runs, tenant, { limit: 5 });
    expect(pages.flat()).toEqual(runKeys.reverse());
    expect(pages.slice(0, 3).map((page) => page.length)).toEqual([5, 5, 5]);
    expect((await runs.listByTenant(newTenant(), {})).items).toEqual([]);
  });

  it('lists the runs of one status, page by page, and follows a run from one status to the next', async () => {
    const runs = create();
    const tenant = newTenant();
    const runKeys = await fill(runs, tenant, 14);
    const wanted = runKeys.filter((_, index) => index % 3 === 0).reverse();
    expect((await readAll(runs, tenant, { status: 'done', limit: 2 })).flat()).toEqual(wanted);
    expect((await runs.listByTenant(tenant, { status: 'done', limit: 100 })).cursor).toBeNull();
    expect((await readAll(runs, tenant, { status: 'ingested', limit: 100 })).flat()).toHaveLength(9);
    expect((await readAll(runs, tenant, { status: 'detected', limit: 100 })).flat()).toEqual([]);
    await runs.reopenRun(wanted[0]!, T0 + 100_000);
    expect((await readAll(runs, tenant, { status: 'done', limit: 2 })).flat()).toEqual(wanted.slice(1));
  });

  it('gives whole items', async () => {
    const runs = create();
    const tenant = newTenant();
    const [runKey] = await fill(runs, tenant, 1);
    const { items } = await runs.listByTenant(tenant, { status: 'done' });
    expect(items).toEqual([await runs.getRun(runKey!)]);
  });

  it('refuses a cursor that it did not give out', async () => {
    const runs = create();
    const tenant = newTenant();
    await fill(runs, tenant, 2);
    for (const parts of ['nonsense', ['', '', ''], ['', ''], ['a'.repeat(26), ''], [1, 2]]) {
      const cursor = Buffer.from(JSON.stringify(parts)).toString('base64url');
      const fault = await runs.listByTenant(tenant, { cursor }).catch((error: unknown) => error);
      expect(fault, cursor).toBeInstanceOf(InputFault);
    }
  });

  it("does not show one tenant's runs to another who comes with its cursor", async () => {
    const runs = create();
    const [tenant, other] = [newTenant(), newTenant()];
    await fill(runs, tenant, 4);
    await fill(runs, other, 4);
    const { cursor } = await runs.listByTenant(tenant, { limit: 2 });
    const { items } = await runs.listByTenant(other, { cursor: cursor! });
    for (const item of items) expect(item.tenant).toBe(other);
  });

  it('finds what nobody works on any more: waiting, expired, ended unannounced; those that lie longest first', async () => {
    const runs = create();
    const tenant = newTenant();
    const mine = async (beforeMs: number) =>
      (await runs.listStuck(beforeMs, 10_000)).filter((item) => item.tenant === tenant).map(nameOf);
    const waiting = (await runs.createRun(newRun({ tenant }), T0)).item.runKey;
    const expired = (await runs.createRun(newRun({ tenant }), T0 + 1)).item.runKey;
    await runs.claimRun(expired, 1, 'detect', LEASE_MS, T0 + 2);
    const silent = (await runs.createRun(newRun({ tenant }), T0 + 3)).item.runKey;
    await runs.advanceRun(claimed(await runs.claimRun(silent, 1, 'analyze', LEASE_MS, T0 + 4)), done, T0 + 5);
    const announced = (await runs.createRun(newRun({ tenant }), T0)).item.runKey;
    await runs.advanceRun(claimed(await runs.claimRun(announced, 1, 'analyze', LEASE_MS, T0)), done, T0);
    await runs.markRunAnnounced((await runs.getRun(announced))!, T0);
    const upload = newUpload({ tenant });
    await runs.claimUpload(upload, 2 * LEASE_MS, T0);
    expect(await mine(T0)).toEqual([]);
    expect(await mine(T0 + LEASE_MS)).toEqual([waiting, silent]);
    expect(await mine(T0 + LEASE_MS + 3)).toEqual([waiting, silent, expired]);
    expect(await mine(Number.MAX_SAFE_INTEGER)).toEqual([waiting, silent, expired, upload.uploadId]);
    await runs.markRunAnnounced((await runs.getRun(silent))!, T0 + 6);
    await runs.reopenRun(announced, T0 + 7);
    expect(await mine(Number.MAX_SAFE_INTEGER)).toEqual([waiting, announced, expired, upload.uploadId]);
  });

  it('passes over what only waits until it is lost, and counts none of it against the limit', async () => {
    const runs = create();
    const tenant = newTenant();
    const old = T0 - 500_000_000;
    for (let index = 0; index < 12; index++) await runs.createRun(newRun({ tenant }), old + index);
    const [dead, asked, ended] = [newRun({ tenant }), newRun({ tenant }), newRun({ tenant })];
    for (const run of [dead, asked, ended]) await runs.createRun(run, old + 20);
    await runs.claimRun(dead.runKey, 1, 'detect', 5, old + 20);
    await runs.release(claimed(await runs.claimRun(asked.runKey, 1, 'analyze', 5, old + 30)), old + 31);
    await runs.advanceRun(claimed(await runs.claimRun(ended.runKey, 1, 'analyze', 5, old + 40)), done, old + 41);
    const stuck = async (limit: number, messageMs: number, requestMs: number) =>
      (await runs.listStuck(old + 100, limit, { messageMs, requestMs })).map(nameOf);
    expect(await stuck(2, 0, 0)).toEqual([dead.runKey, ended.runKey]);
    expect(await stuck(3, 0, old + 100)).toEqual([dead.runKey, asked.runKey, ended.runKey]);
    expect(await stuck(100, old + 5, 0)).toHaveLength(7);
  });

  it('gives no more stuck items than were asked for, the oldest', async () => {
    const runs = create();
    const tenant = newTenant();
    const old = T0 - 1_000_000_000;
    for (let index = 0; index < 12; index++) await runs.createRun(newRun({ tenant }), old + index);
    const found = await runs.listStuck(old + 12, 5);
    expect(found.map((item) => Date.parse(item.createdAt))).toEqual([0, 1, 2, 3, 4].map((index) => old + index));
  });
}
