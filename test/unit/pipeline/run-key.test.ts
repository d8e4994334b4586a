import { expect, it } from 'vitest';
import { runKeySchema } from '../../../src/contracts/keys.ts';
import { runKeyOf } from '../../../src/pipeline/run-key.ts';

const run = { tenant: 'clinic', studyKey: 's', contentHash: 'c', packSha256: 'p', tier: 'auto' } as const;

it('gives equal runs one key, of the form that the contract has', () => {
  expect(runKeyOf({ ...run })).toBe(runKeyOf(run));
  expect(runKeySchema.safeParse(runKeyOf(run)).success).toBe(true);
});

it.each([
  ['tenant', { tenant: 'other' }],
  ['study', { studyKey: 't' }],
  ['content', { contentHash: 'd' }],
  ['pack', { packSha256: 'q' }],
  ['tier', { tier: 'single' }],
  ['study and content, whose texts joined are alike', { studyKey: 'sc', contentHash: '' }],
] as const)('gives a run of another %s another key', (_, other) => {
  expect(runKeyOf({ ...run, ...other })).not.toBe(runKeyOf(run));
});
