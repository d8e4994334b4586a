import { describe, expect, it } from 'vitest';
import {
  InputFault,
  LEVELS,
  REASON_CODES,
  REASONS,
  reasonOf,
  reasonSchema,
  TransientFault,
} from '../../../src/contracts/reasons.ts';

describe('the table of reasons', () => {
  it.each(REASON_CODES)('%s is a code in snake case with one sentence', (code) => {
    expect(code).toMatch(/^[a-z]+(_[a-z0-9]+)*$/);
    expect(REASONS[code].sentence).toMatch(/^[A-Z].*\.$/);
  });

  it('gives each code a sentence of its own', () => {
    expect(new Set(REASON_CODES.map((code) => REASONS[code].sentence)).size).toBe(REASON_CODES.length);
  });

  it('never retries a fault of the picture itself', () => {
    for (const code of ['not_dicom', 'malformed', 'modality', 'no_t2_series', 'paediatric'] as const) {
      expect(REASONS[code]).toMatchObject({ status: 'rejected', retryable: false });
    }
  });
});

describe('reasonOf', () => {
  it('takes the sentence of the table and leaves absent fields out', () => {
    expect(reasonOf('empty')).toEqual({ code: 'empty', message: REASONS.empty.sentence });
  });

  it('adds level, count and detail, and satisfies the schema', () => {
    const reason = reasonOf('level_uncertain', { level: 'L4-L5', count: 2, detail: 'gap above' });
    expect(reason).toEqual({
      code: 'level_uncertain',
      message: `${REASONS.level_uncertain.sentence} (gap above)`,
      level: 'L4-L5',
      count: 2,
    });
    expect(reasonSchema.parse(reason)).toEqual(reason);
  });

  it.each(LEVELS)('names the level %s', (level) => {
    expect(reasonSchema.safeParse(reasonOf('level_uncertain', { level })).success).toBe(true);
  });
});

describe('faults', () => {
  it('carry their reason and cause', () => {
    const cause = new Error('inner');
    const fault = new InputFault('truncated', 'frame 3 of 5', { cause });
    expect(fault.reason).toEqual(reasonOf('truncated', { detail: 'frame 3 of 5' }));
    expect([fault.name, fault.cause]).toEqual(['InputFault', cause]);
    expect(new InputFault('empty').reason).toEqual(reasonOf('empty'));
  });

  it('of passing kind say when to come back', () => {
    expect(new TransientFault('throttled').retryAfterSeconds).toBe(1);
    expect(new TransientFault('leased', 30)).toMatchObject({ name: 'TransientFault', retryAfterSeconds: 30 });
  });
});
