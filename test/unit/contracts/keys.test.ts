import { describe, expect, it } from 'vitest';
import {
  base32,
  keys,
  pseudonymSchema,
  runKeySchema,
  tenantSchema,
  uploadIdSchema,
} from '../../../src/contracts/keys.ts';
import { isTerminal, runStatusSchema } from '../../../src/contracts/messages.ts';

describe('keys', () => {
  it.each(['a', 'clinic-a', '0', 'x'.repeat(63)])('take the tenant %s', (tenant) => {
    expect(tenantSchema.safeParse(tenant).success).toBe(true);
  });

  it.each(['', 'A', '-a', 'a_b', 'a/b', '../x', 'x'.repeat(64), 'a\n', 'é'])('refuse the tenant %j', (tenant) => {
    expect(tenantSchema.safeParse(tenant).success).toBe(false);
  });

  it.each(['', '.', '..', '.a', 'a/b', 'a b', 'x'.repeat(129), 'a\n', '%2e'])('refuse the upload id %j', (id) => {
    expect(uploadIdSchema.safeParse(id).success).toBe(false);
  });

  it.each([
    '1.2.840.113619.2.55.3',
    'v1-short',
    `v1-${'A'.repeat(26)}`,
    `v1-${'1'.repeat(26)}`,
    `v0x-${'a'.repeat(26)}`,
  ])('take no raw identifier for a pseudonym: %s', (value) => {
    expect(pseudonymSchema.safeParse(value).success).toBe(false);
    expect(runKeySchema.safeParse(value).success).toBe(false);
  });

  it('lay uploads, parts, content and runs under their tenant', () => {
    expect(keys.upload('t', 'u', 'n.zip')).toBe('in/t/u/n.zip');
    expect(keys.part('t', 'u', 'n.dcm')).toBe('parts/t/u/n.dcm');
    expect(keys.content('t', 's', 'c', 'study.json')).toBe('t/studies/s/content/c/study.json');
    expect(keys.run('t', 's', 'r', 'report.json')).toBe('t/studies/s/runs/r/report.json');
  });
});

it.each([
  ['', ''],
  ['f', 'my'],
  ['fo', 'mzxq'],
  ['foo', 'mzxw6'],
  ['foob', 'mzxw6yq'],
  ['fooba', 'mzxw6ytb'],
  ['foobar', 'mzxw6ytboi'],
])('base32 of %j is that of RFC 4648, section 10: %s', (text, encoded) => {
  expect(base32(Buffer.from(text))).toBe(encoded);
});

describe('run statuses', () => {
  it('end everywhere but in ingested and detected', () => {
    expect(runStatusSchema.options.filter((status) => !isTerminal(status))).toEqual(['ingested', 'detected']);
  });
});
