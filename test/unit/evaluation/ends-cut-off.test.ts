import { describe, expect, it } from 'vitest';
import { cutOffFigures } from '../../../src/evaluation/cut-off.ts';
import { type EndedPicture, endFigures } from '../../../src/evaluation/ends.ts';

const answered = (patient: number, reasons: string[] = []): EndedPicture => ({ patient, end: 'answered', reasons });

describe('endFigures', () => {
  const pictures: EndedPicture[] = [
    answered(0, ['age_unknown']),
    answered(1),
    { patient: 2, end: 'deferred', reasons: ['canal_not_seen', 'level_uncertain'] },
    { patient: 3, end: 'deferred', reasons: ['level_uncertain'] },
    { patient: 4, end: 'refused', reasons: ['no_t2_series'] },
    ...Array.from({ length: 5 }, (_, index) => answered(5 + index)),
  ];
  const figures = endFigures(pictures, 10, { draws: 200 });

  it('gives the shares of all pictures', () => {
    expect(figures.pictures).toBe(10);
    expect(figures.refusedOrDeferred.value).toBeCloseTo(0.3, 12);
    expect(figures.refused.value).toBeCloseTo(0.1, 12);
    expect(figures.deferred.value).toBeCloseTo(0.2, 12);
  });

  it('counts a picture under each code that stopped it, the most frequent first, and no code of an answered one', () => {
    expect(Object.keys(figures.byReason)).toEqual(['level_uncertain', 'canal_not_seen', 'no_t2_series']);
    expect(figures.byReason['level_uncertain']!.value).toBeCloseTo(0.2, 12);
  });

  it('has an interval that holds the share', () => {
    const [low, high] = figures.refusedOrDeferred.ci95!;
    expect(low).toBeLessThan(0.3);
    expect(high).toBeGreaterThan(0.3);
  });
});

describe('cutOffFigures', () => {
  it('gives the share of discs called certain and of pictures with any', () => {
    const pictures = [
      { patient: 0, discs: 5, certain: 0 },
      { patient: 1, discs: 6, certain: 6 },
      { patient: 1, discs: 4, certain: 0 },
      { patient: 2, discs: 0, certain: 0 },
    ];
    const figures = cutOffFigures(pictures, 3, { draws: 20 });
    expect([figures.pictures, figures.discs]).toEqual([4, 15]);
    expect(figures.certain.value).toBeCloseTo(6 / 15, 12);
    expect(figures.picturesWithCertain.value).toBeCloseTo(1 / 4, 12);
  });
});
