import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { base32 } from '../../src/contracts/keys.ts';
import type { Claim, NewRun, NewUpload } from '../../src/pipeline/ports.ts';

export const LEASE_MS = 60_000;
export const T0 = Date.parse('2026-02-03T04:05:06.789Z');

const key = (): string => base32(randomBytes(20)).slice(0, 26);
export const newTenant = (): string => `t-${key().slice(0, 12)}`;

export const newUpload = (change: Partial<NewUpload> = {}): NewUpload => ({
  tenant: 'acme',
  uploadId: `u-${key()}`,
  objectRef: `v1-${key()}`,
  versionId: null,
  sequencer: '0055AED6DCD90281E5',
  traceId: 'trace-1',
  ...change,
});

export const newRun = (change: Partial<NewRun> = {}): NewRun => ({
  tenant: 'acme',
  runKey: key(),
  studyKey: `v1-${key()}`,
  contentHash: `v1-${key()}`,
  packSha256: 'd'.repeat(64),
  tier: 'ensemble',
  clientReference: null,
  traceId: 'trace-1',
  ...change,
});

export function claimed<Item>(claim: Claim<Item>): Item {
  expect(claim.outcome).toBe('claimed');
  if (claim.outcome !== 'claimed') throw new Error('not claimed');
  return claim.item;
}
