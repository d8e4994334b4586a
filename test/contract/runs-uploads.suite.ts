import { expect, it } from 'vitest';
import { reasonOf } from '../../src/contracts/reasons.ts';
import type { Runs } from '../../src/pipeline/ports.ts';
import { claimed, LEASE_MS, newUpload, T0 } from './new-items.ts';

const expanded = { status: 'expanded' as const, runs: ['e'.repeat(26)], reasons: [], clientReference: 'order 7' };

export function uploadSuite(create: () => Runs): void {
  it('opens an upload at its first claim', async () => {
    const runs = create();
    const upload = newUpload();
    const item = claimed(await runs.claimUpload(upload, LEASE_MS, T0));
    expect(item).toMatchObject({
      ...upload,
      status: 'received',
      attempt: 1,
      leaseUntil: T0 + LEASE_MS,
      announcedAt: null,
    });
    expect(item.createdAt).toBe('2026-02-03T04:05:06.789Z');
    expect(await runs.getUpload(upload.tenant, upload.uploadId)).toEqual([item]);
  });

  it('keeps the objects of one upload apart, and other uploads out', async () => {
    const runs = create();
    const first = newUpload();
    const second = newUpload({ uploadId: first.uploadId });
    await runs.claimUpload(first, LEASE_MS, T0);
    await runs.claimUpload(second, LEASE_MS, T0);
    await runs.claimUpload(newUpload({ uploadId: first.uploadId, tenant: 'other' }), LEASE_MS, T0);
    await runs.claimUpload(newUpload({ uploadId: `${first.uploadId}x` }), LEASE_MS, T0);
    const refs = (await runs.getUpload(first.tenant, first.uploadId)).map(({ objectRef }) => objectRef);
    expect(refs.sort()).toEqual([first.objectRef, second.objectRef].sort());
    expect(await runs.getUpload('acme', 'unknown')).toEqual([]);
  });

  it('lets one of fifty claims through at once, the others see its lease', async () => {
    const runs = create();
    const upload = newUpload();
    const claims = await Promise.all(Array.from({ length: 50 }, () => runs.claimUpload(upload, LEASE_MS, T0)));
    expect(claims.filter(({ outcome }) => outcome === 'claimed')).toHaveLength(1);
    expect(claims.filter(({ outcome }) => outcome === 'leased')).toHaveLength(49);
    expect(claims).toContainEqual({ outcome: 'leased', untilMs: T0 + LEASE_MS });
  });

  it('gives the lease to one of twenty once it has run out, under a higher fence', async () => {
    const runs = create();
    const upload = newUpload();
    const dead = claimed(await runs.claimUpload(upload, LEASE_MS, T0));
    const late = T0 + LEASE_MS;
    const claims = await Promise.all(Array.from({ length: 20 }, () => runs.claimUpload(upload, LEASE_MS, late)));
    const winners = claims.filter(({ outcome }) => outcome === 'claimed');
    expect(winners).toHaveLength(1);
    const heir = claimed(winners[0]!);
    expect(heir.fence).toBeGreaterThan(dead.fence);
    expect(heir.attempt).toBe(1);
    expect(await runs.settleUpload(dead, expanded, late)).toBe(false);
    expect(await runs.settleUpload(heir, expanded, late)).toBe(true);
  });

  it('answers settled after the same object version was expanded or rejected', async () => {
    const runs = create();
    const reasons = [reasonOf('not_dicom')];
    for (const end of [expanded, { status: 'rejected' as const, runs: [], reasons, clientReference: null }]) {
      const upload = newUpload();
      const item = claimed(await runs.claimUpload(upload, LEASE_MS, T0));
      expect(await runs.settleUpload(item, end, T0 + 5)).toBe(true);
      const again = await runs.claimUpload(upload, LEASE_MS, T0 + 10);
      expect(again).toMatchObject({ outcome: 'settled', item: { ...end, leaseUntil: 0 } });
    }
  });

  it('notes the reference of an upload for whoever ends it, but not once the fence has moved on', async () => {
    const runs = create();
    const upload = newUpload();
    const dead = claimed(await runs.claimUpload(upload, LEASE_MS, T0));
    await runs.noteReference(dead, 'order 7');
    const heir = claimed(await runs.claimUpload(upload, LEASE_MS, T0 + LEASE_MS));
    expect(heir.clientReference).toBe('order 7');
    await runs.noteReference(dead, 'order 8');
    expect(await runs.getUpload(upload.tenant, upload.uploadId)).toEqual([heir]);
  });

  it('settles twice under the same fence, as a retried call does', async () => {
    const runs = create();
    const item = claimed(await runs.claimUpload(newUpload(), LEASE_MS, T0));
    expect(await runs.settleUpload(item, expanded, T0)).toBe(true);
    expect(await runs.settleUpload(item, expanded, T0)).toBe(true);
  });

  it('opens the next attempt of a failed upload at its next delivery', async () => {
    const runs = create();
    const upload = newUpload();
    const item = claimed(await runs.claimUpload(upload, LEASE_MS, T0));
    const failed = { status: 'failed' as const, runs: [], reasons: [reasonOf('internal')], clientReference: null };
    await runs.settleUpload(item, failed, T0);
    const next = claimed(await runs.claimUpload(upload, LEASE_MS, T0 + 1));
    expect(next).toMatchObject({ attempt: 2, status: 'received', reasons: [], announcedAt: null });
    expect(next.fence).toBeGreaterThan(item.fence);
  });

  it('starts the next attempt for a newer sequencer, even under a live lease, and shuts the old holder out', async () => {
    const runs = create();
    const upload = newUpload({ sequencer: '0055AED6DCD9' });
    const old = claimed(await runs.claimUpload(upload, LEASE_MS, T0));
    const next = claimed(await runs.claimUpload({ ...upload, sequencer: '0055AED6DCDA' }, LEASE_MS, T0 + 1));
    expect(next).toMatchObject({ attempt: 2, sequencer: '0055AED6DCDA', status: 'received', createdAt: old.createdAt });
    expect(await runs.settleUpload(old, expanded, T0 + 2)).toBe(false);
    expect(await runs.claimUpload(upload, LEASE_MS, T0 + 3)).toEqual({ outcome: 'stale' });
  });

  it.each([
    ['0055AED6DCD90281E5', '0055AED6DCD90281E4', 'stale'],
    ['0055AED6DCD9', '0055aed6dcd900', 'leased'],
    ['0055AED6DCD9', '0055AED6DCD901', 'claimed'],
    ['00FF', '00FE99', 'stale'],
    ['00FE99', '00FF', 'claimed'],
  ])('compares sequencer %s with %s as hex padded on the right: %s', async (stored, given, outcome) => {
    const runs = create();
    const upload = newUpload({ sequencer: stored });
    await runs.claimUpload(upload, LEASE_MS, T0);
    expect((await runs.claimUpload({ ...upload, sequencer: given }, LEASE_MS, T0 + 1)).outcome).toBe(outcome);
  });

  it('takes uploads without a sequencer by their version', async () => {
    const runs = create();
    const upload = newUpload({ sequencer: null, versionId: 'v-1' });
    await runs.claimUpload(upload, LEASE_MS, T0);
    expect((await runs.claimUpload(upload, LEASE_MS, T0 + 1)).outcome).toBe('leased');
    expect(claimed(await runs.claimUpload({ ...upload, versionId: 'v-2' }, LEASE_MS, T0 + 1)).attempt).toBe(2);
  });

  it('marks an announcement once the upload has ended, not before and not for another attempt', async () => {
    const runs = create();
    const upload = newUpload();
    const item = claimed(await runs.claimUpload(upload, LEASE_MS, T0));
    await runs.markUploadAnnounced(item, T0 + 1);
    expect((await runs.getUpload(upload.tenant, upload.uploadId))[0]?.announcedAt).toBeNull();
    await runs.settleUpload(item, expanded, T0 + 2);
    await runs.markUploadAnnounced({ ...item, ...expanded, attempt: 7 }, T0 + 3);
    expect((await runs.getUpload(upload.tenant, upload.uploadId))[0]?.announcedAt).toBeNull();
    await runs.markUploadAnnounced({ ...item, ...expanded }, T0 + 3);
    expect((await runs.getUpload(upload.tenant, upload.uploadId))[0]?.announcedAt).toBe(new Date(T0 + 3).toISOString());
  });

  it('frees the lease on release, but not once the fence has moved on', async () => {
    const runs = create();
    const upload = newUpload();
    const first = claimed(await runs.claimUpload(upload, LEASE_MS, T0));
    await runs.release(first, T0 + 1);
    const second = claimed(await runs.claimUpload(upload, LEASE_MS, T0 + 2));
    await runs.release(first, T0 + 3);
    expect((await runs.claimUpload(upload, LEASE_MS, T0 + 4)).outcome).toBe('leased');
    expect(await runs.settleUpload(second, expanded, T0 + 5)).toBe(true);
  });
}
