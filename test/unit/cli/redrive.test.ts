import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { redriveRuns } from '../../../src/cli/redrive.ts';
import type { RunStatus } from '../../../src/contracts/messages.ts';
import { reasonOf } from '../../../src/contracts/reasons.ts';
import { claimed, LEASE_MS, newRun, T0 } from '../../contract/new-items.ts';
import { MemoryRuns } from '../../support/memory-runs.ts';

const TENANT = 'acme';
let runs: MemoryRuns;
let said: string;

beforeEach(() => {
  runs = new MemoryRuns();
  said = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

async function ended(status: RunStatus, tenant = TENANT): Promise<string> {
  const { item } = await runs.createRun(newRun({ tenant }), T0);
  const held = claimed(await runs.claimRun(item.runKey, 1, 'detect', LEASE_MS, T0));
  await runs.advanceRun(held, { status, reasons: [], stage: 'detect' }, T0);
  return item.runKey;
}

/** Each attempt fails again, for want of its pack. */
const system = () => ({
  runs,
  redrive: async (runKey: string) => (await runs.reopenRun(runKey, T0)) !== null,
  async untilRunEnded(runKey: string) {
    const { attempt } = (await runs.getRun(runKey))!;
    const held = claimed(await runs.claimRun(runKey, attempt, 'detect', LEASE_MS, T0));
    const reasons = [reasonOf('model_unavailable')];
    await runs.advanceRun(held, { status: 'failed', reasons, stage: 'detect' }, T0);
    return (await runs.getRun(runKey))!;
  },
});

describe('a redrive', () => {
  it.each(['rejected', 'quarantined', 'done', 'needs_review', 'cancelled'] as const)(
    'of a run that ended %s is refused before any other run is touched',
    async (status) => {
      const failed = await ended('failed');
      const other = await ended(status);
      await expect(redriveRuns(system(), [failed, other], TENANT)).rejects.toThrow(`${other} is ${status}`);
      expect(await runs.getRun(other)).toMatchObject({ status, attempt: 1 });
      expect(await runs.getRun(failed)).toMatchObject({ status: 'failed', attempt: 1 });
    },
  );

  it("of another tenant's run is refused like that of an unknown one", async () => {
    const foreign = await ended('failed', 'other');
    for (const runKey of [foreign, 'a'.repeat(26)])
      await expect(redriveRuns(system(), [runKey], TENANT)).rejects.toThrow(`${runKey} is no run of this tenant`);
    expect(await runs.getRun(foreign)).toMatchObject({ attempt: 1 });
  });

  it('without names takes every failed run of the tenant and no other, and says why one failed again', async () => {
    const failed = await ended('failed');
    await ended('rejected');
    await ended('failed', 'other');
    expect(await redriveRuns(system(), [], TENANT)).toBe(1);
    expect(said).toBe(`${failed}: failed (attempt 2): model_unavailable\n1 runs redriven\n`);
  });

  it('takes failed runs beyond the first page, and a run that is named twice once', async () => {
    const failed: string[] = [];
    for (let count = 0; count < 101; count++) failed.push(await ended('failed'));
    await redriveRuns(system(), [failed[0]!, failed[0]!], TENANT);
    expect(await runs.getRun(failed[0]!)).toMatchObject({ attempt: 2 });
    await redriveRuns(system(), [], TENANT);
    expect(said).toContain('101 runs redriven');
    const attempts = await Promise.all(failed.map(async (runKey) => (await runs.getRun(runKey))!.attempt));
    expect(attempts).toEqual([3, ...new Array(100).fill(2)]);
  });
});
