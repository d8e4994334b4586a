import { expect, it } from 'vitest';
import type { RunItem } from '../../src/contracts/items.ts';
import { TERMINAL_RUN_STATUSES } from '../../src/contracts/messages.ts';
import { reasonOf } from '../../src/contracts/reasons.ts';
import type { Runs } from '../../src/pipeline/ports.ts';
import { claimed, LEASE_MS, newRun, T0 } from './new-items.ts';

const done = { status: 'done' as const, reasons: [], stage: 'analyze' as const };
const detected = { status: 'detected' as const, reasons: [], stage: 'detect' as const };

export function runSuite(create: () => Runs): void {
  const opened = async (runs: Runs): Promise<RunItem> => (await runs.createRun(newRun(), T0)).item;
  const finished = async (runs: Runs): Promise<RunItem> => {
    const { runKey } = await opened(runs);
    const item = claimed(await runs.claimRun(runKey, 1, 'analyze', LEASE_MS, T0));
    await runs.advanceRun(item, { ...done, costUsd: 0.25 }, T0 + 10);
    return (await runs.getRun(runKey))!;
  };

  it('creates a run once, whoever of fifty comes first', async () => {
    const runs = create();
    const run = newRun();
    const answers = await Promise.all(Array.from({ length: 50 }, () => runs.createRun(run, T0)));
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    for (const { item } of answers) expect(item).toEqual(answers[0]!.item);
    expect(answers[0]!.item).toMatchObject({ ...run, kind: 'run', status: 'ingested', attempt: 1, leaseUntil: 0 });
  });

  it('gives back the run as it stands when it is created again', async () => {
    const runs = create();
    const item = await finished(runs);
    expect(item).toMatchObject({ status: 'done', costUsd: 0.25 });
    const { tenant, runKey, studyKey, contentHash, packSha256, tier, clientReference, traceId } = item;
    const run = { tenant, runKey, studyKey, contentHash, packSha256, tier, clientReference, traceId };
    expect(await runs.createRun(run, T0 + 99)).toEqual({ item, created: false });
  });

  it('answers null and stale for a run that nobody created', async () => {
    const runs = create();
    expect(await runs.getRun('a'.repeat(26))).toBeNull();
    expect(await runs.claimRun('a'.repeat(26), 1, 'detect', LEASE_MS, T0)).toEqual({ outcome: 'stale' });
    expect(await runs.reopenRun('a'.repeat(26), T0)).toBeNull();
  });

  it('lets one of fifty detect claims through at once', async () => {
    const runs = create();
    const { runKey } = await opened(runs);
    const claims = await Promise.all(
      Array.from({ length: 50 }, () => runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0)),
    );
    expect(claims.filter(({ outcome }) => outcome === 'claimed')).toHaveLength(1);
    expect(claims.filter(({ outcome }) => outcome === 'leased')).toHaveLength(49);
  });

  it('lets ingest end a run that it refuses, and gives it none that has gone on', async () => {
    const runs = create();
    const { runKey } = await opened(runs);
    const ingest = claimed(await runs.claimRun(runKey, 1, 'ingest', LEASE_MS, T0));
    const refused = { status: 'rejected' as const, reasons: [reasonOf('no_t2_series')], stage: 'ingest' as const };
    expect(await runs.advanceRun(ingest, refused, T0 + 1)).toBe(true);
    expect(await runs.getRun(runKey)).toMatchObject({ status: 'rejected', reasons: refused.reasons, leaseUntil: 0 });

    const other = await opened(runs);
    const detect = claimed(await runs.claimRun(other.runKey, 1, 'detect', LEASE_MS, T0));
    expect(await runs.claimRun(other.runKey, 1, 'ingest', LEASE_MS, T0)).toMatchObject({ outcome: 'settled' });
    await runs.advanceRun(detect, detected, T0);
    expect(await runs.claimRun(other.runKey, 1, 'ingest', LEASE_MS, T0)).toMatchObject({ outcome: 'settled' });
  });

  it('lets one upload take a refused run over from another of the same content, whose end then no longer counts', async () => {
    const runs = create();
    const { runKey } = await opened(runs);
    const first = claimed(await runs.claimRun(runKey, 1, 'ingest', LEASE_MS, T0));
    const second = claimed(await runs.claimRun(runKey, 1, 'ingest', LEASE_MS, T0 + 1));
    const refused = { status: 'rejected' as const, reasons: [reasonOf('no_t2_series')], stage: 'ingest' as const };
    expect(await runs.advanceRun(first, refused, T0 + 2)).toBe(false);
    expect(await runs.advanceRun(second, refused, T0 + 2)).toBe(true);
  });

  it('moves a run through its stages and keeps their history', async () => {
    const runs = create();
    const { runKey } = await opened(runs);
    const detect = claimed(await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0 + 1));
    expect(detect.stages).toEqual([
      { stage: 'detect', attempts: 1, startedAt: new Date(T0 + 1).toISOString(), endedAt: null, reasons: [] },
    ]);
    const reasons = [reasonOf('level_uncertain', { level: 'L5-S1' })];
    expect(await runs.advanceRun(detect, { ...detected, reasons }, T0 + 2)).toBe(true);
    const analyze = claimed(await runs.claimRun(runKey, 1, 'analyze', LEASE_MS, T0 + 3));
    expect(analyze).toMatchObject({ status: 'detected', reasons });
    expect(await runs.advanceRun(analyze, { ...done, reasons: [], costUsd: 0.5 }, T0 + 4)).toBe(true);
    expect(await runs.getRun(runKey)).toMatchObject({
      status: 'done',
      reasons: [],
      costUsd: 0.5,
      leaseUntil: 0,
      announcedAt: null,
      stages: [
        { stage: 'detect', attempts: 1, endedAt: new Date(T0 + 2).toISOString(), reasons: ['level_uncertain'] },
        { stage: 'analyze', attempts: 1, endedAt: new Date(T0 + 4).toISOString(), reasons: [] },
      ],
    });
  });

  it('answers settled to detect once the run is detected, and to both once it has ended', async () => {
    const runs = create();
    for (const status of TERMINAL_RUN_STATUSES) {
      const { runKey } = await opened(runs);
      const detect = claimed(await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0));
      await runs.advanceRun(detect, detected, T0);
      expect(await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0)).toMatchObject({
        outcome: 'settled',
        item: { status: 'detected' },
      });
      const analyze = claimed(await runs.claimRun(runKey, 1, 'analyze', LEASE_MS, T0));
      await runs.advanceRun(analyze, { ...done, status }, T0);
      for (const stage of ['detect', 'analyze'] as const) {
        expect(await runs.claimRun(runKey, 1, stage, LEASE_MS, T0)).toMatchObject({
          outcome: 'settled',
          item: { status },
        });
      }
    }
  });

  it('gives an expired lease to one of twenty, counts the repeat, and shuts the dead holder out', async () => {
    const runs = create();
    const { runKey } = await opened(runs);
    const dead = claimed(await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0));
    expect((await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0 + LEASE_MS - 1)).outcome).toBe('leased');
    const late = T0 + LEASE_MS;
    const claims = await Promise.all(
      Array.from({ length: 20 }, () => runs.claimRun(runKey, 1, 'detect', LEASE_MS, late)),
    );
    const winners = claims.filter(({ outcome }) => outcome === 'claimed');
    expect(winners).toHaveLength(1);
    const heir = claimed(winners[0]!);
    expect(heir.stages).toMatchObject([{ stage: 'detect', attempts: 2, startedAt: new Date(late).toISOString() }]);
    expect(await runs.advanceRun(dead, detected, late)).toBe(false);
    expect((await runs.getRun(runKey))?.status).toBe('ingested');
    expect(await runs.advanceRun(heir, detected, late)).toBe(true);
  });

  it('lets analyze overtake detect, which then cannot move the run back', async () => {
    const runs = create();
    const { runKey } = await opened(runs);
    const detect = claimed(await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0));
    const analyze = claimed(await runs.claimRun(runKey, 1, 'analyze', LEASE_MS, T0 + 1));
    expect(analyze.fence).toBeGreaterThan(detect.fence);
    expect(await runs.advanceRun(detect, detected, T0 + 2)).toBe(false);
    expect((await runs.claimRun(runKey, 1, 'analyze', LEASE_MS, T0 + 3)).outcome).toBe('leased');
    expect((await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0 + 3)).outcome).toBe('settled');
    expect(await runs.advanceRun(analyze, done, T0 + 4)).toBe(true);
    expect(await runs.advanceRun(detect, detected, T0 + 5)).toBe(false);
    expect((await runs.getRun(runKey))?.status).toBe('done');
  });

  it('has one winner where detect moves on and analyze claims at the same time, and ends with analyze', async () => {
    const runs = create();
    for (let round = 0; round < 10; round++) {
      const { runKey } = await opened(runs);
      const detect = claimed(await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0));
      const [, claim] = await Promise.all([
        runs.advanceRun(detect, detected, T0 + 1),
        runs.claimRun(runKey, 1, 'analyze', LEASE_MS, T0 + 1),
      ]);
      const analyze = claimed(claim);
      expect(await runs.advanceRun(analyze, done, T0 + 2)).toBe(true);
      expect((await runs.getRun(runKey))?.status).toBe('done');
    }
  });

  it('acknowledges the same move twice under one fence, as a retried call does', async () => {
    const runs = create();
    const { runKey } = await opened(runs);
    const item = claimed(await runs.claimRun(runKey, 1, 'analyze', LEASE_MS, T0));
    expect(await runs.advanceRun(item, done, T0)).toBe(true);
    expect(await runs.advanceRun(item, done, T0)).toBe(true);
  });

  it('creates a run that is refused under a claim of ingest, which ingest alone takes over', async () => {
    const runs = create();
    const { item } = await runs.createRun(newRun(), T0, LEASE_MS);
    expect(item).toMatchObject({ status: 'ingested', stages: [{ stage: 'ingest', attempts: 1, endedAt: null }] });
    expect((await runs.claimRun(item.runKey, 1, 'detect', LEASE_MS, T0 + 1)).outcome).toBe('leased');
    const next = claimed(await runs.claimRun(item.runKey, 1, 'ingest', LEASE_MS, T0 + 2));
    expect(await runs.advanceRun(item, { ...done, stage: 'ingest' }, T0 + 3)).toBe(false);
    expect(await runs.advanceRun(next, { ...done, stage: 'ingest' }, T0 + 3)).toBe(true);
  });

  it('frees a lease early on release, but not once the fence has moved on', async () => {
    const runs = create();
    const { runKey } = await opened(runs);
    const first = claimed(await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0));
    await runs.release(first, T0 + 1);
    claimed(await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0 + 2));
    await runs.release(first, T0 + 3);
    expect((await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0 + 4)).outcome).toBe('leased');
  });

  it('reopens an ended run under an attempt of its own for each of twenty calls, and takes old messages for stale', async () => {
    const runs = create();
    const ended = await finished(runs);
    await runs.markRunAnnounced(ended, T0 + 20);
    const answers = await Promise.all(Array.from({ length: 20 }, () => runs.reopenRun(ended.runKey, T0 + 30)));
    const attempts = answers.map((item) => item?.attempt ?? 0);
    const item = (await runs.getRun(ended.runKey))!;
    expect(item).toMatchObject({ status: 'ingested', reasons: [], announcedAt: null, leaseUntil: 0 });
    expect(new Set(attempts).size).toBe(20);
    expect(item.attempt).toBe(Math.max(...attempts));
    expect(item.fence).toBeGreaterThan(ended.fence);
    expect(await runs.claimRun(ended.runKey, 1, 'detect', LEASE_MS, T0 + 31)).toEqual({ outcome: 'stale' });
    claimed(await runs.claimRun(ended.runKey, item.attempt, 'detect', LEASE_MS, T0 + 31));
  });

  it('reopens a run under the reference of who asks for it, and keeps the earlier one where none is given', async () => {
    const runs = create();
    const { runKey } = await finished(runs);
    expect(await runs.reopenRun(runKey, T0 + 20, 'order-2')).toMatchObject({ clientReference: 'order-2' });
    expect(await runs.reopenRun(runKey, T0 + 30, null)).toMatchObject({ clientReference: 'order-2' });
    expect(await runs.reopenRun(runKey, T0 + 40)).toMatchObject({ clientReference: 'order-2' });
    expect(await runs.getRun(runKey)).toMatchObject({ clientReference: 'order-2', attempt: 4 });
  });

  it('does not reopen a run that is alive, and does once its lease has run out', async () => {
    const runs = create();
    const { runKey } = await opened(runs);
    const dead = claimed(await runs.claimRun(runKey, 1, 'detect', LEASE_MS, T0));
    expect(await runs.reopenRun(runKey, T0 + LEASE_MS - 1)).toBeNull();
    expect(await runs.reopenRun(runKey, T0 + LEASE_MS)).toMatchObject({ attempt: 2, status: 'ingested' });
    expect(await runs.advanceRun(dead, detected, T0 + LEASE_MS)).toBe(false);
  });

  it('marks an announcement of the attempt that ended and of no other', async () => {
    const runs = create();
    const ended = await finished(runs);
    const reopened = (await runs.reopenRun(ended.runKey, T0 + 20))!;
    await runs.markRunAnnounced(ended, T0 + 21);
    await runs.markRunAnnounced(reopened, T0 + 21);
    expect((await runs.getRun(ended.runKey))?.announcedAt).toBeNull();
    const item = claimed(await runs.claimRun(ended.runKey, 2, 'analyze', LEASE_MS, T0 + 22));
    await runs.advanceRun(item, done, T0 + 23);
    await runs.markRunAnnounced((await runs.getRun(ended.runKey))!, T0 + 24);
    expect((await runs.getRun(ended.runKey))?.announcedAt).toBe(new Date(T0 + 24).toISOString());
  });
}
