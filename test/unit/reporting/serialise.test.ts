import { describe, expect, it } from 'vitest';
import { reportSchema } from '../../../src/contracts/report.ts';
import { serialiseReport } from '../../../src/reporting/serialise.ts';
import { sampleReport } from './report-samples.ts';

const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
};

describe('serialiseReport', () => {
  it('gives the same bytes whatever order the keys were set in', () => {
    const shuffled = reversed(sampleReport()) as ReturnType<typeof sampleReport>;
    expect(Object.keys(shuffled)[0]).toBe('models');
    expect(serialiseReport(shuffled)).toBe(serialiseReport(sampleReport()));
  });

  it('can be read back as the same report', () => {
    expect(reportSchema.parse(JSON.parse(serialiseReport(sampleReport())))).toEqual(sampleReport());
  });

  it('refuses a report that breaks its schema', () => {
    const report = sampleReport();
    expect(() => serialiseReport({ ...report, extra: 1 } as never)).toThrow();
    report.discs[0]!.confidence = Number.NaN;
    expect(() => serialiseReport(report)).toThrow();
  });
});
