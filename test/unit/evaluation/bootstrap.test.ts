import { describe, expect, it } from 'vitest';
import { estimate, estimateDifference, quantile } from '../../../src/evaluation/bootstrap.ts';
import { levelFigures } from '../../../src/evaluation/levels.ts';
import { perPatient, ratio } from '../../../src/evaluation/per-patient.ts';
import { seededRandom } from '../../../src/evaluation/random.ts';
import { rocAuc } from '../../../src/evaluation/ranking.ts';

/** Mean of one value a patient. */
const meanOf = (values: readonly number[]) => {
  const items = values.map((value, patient) => ({ patient, value }));
  return ratio(
    perPatient(values.length, items, ({ value }) => value),
    perPatient(values.length, items, () => 1),
  );
};

const random = seededRandom(5);
const VALUES = Array.from({ length: 200 }, () => random());

describe('estimate', () => {
  it('spans about 1.96 standard errors of a mean on either side', () => {
    const { value, ci95 } = estimate(VALUES.length, meanOf(VALUES));
    const mean = VALUES.reduce((sum, x) => sum + x, 0) / VALUES.length;
    const error = Math.sqrt(VALUES.reduce((sum, x) => sum + (x - mean) ** 2, 0)) / VALUES.length;
    expect(value).toBeCloseTo(mean, 12);
    expect(ci95![0]).toBeCloseTo(mean - 1.96 * error, 2);
    expect(ci95![1]).toBeCloseTo(mean + 1.96 * error, 2);
  });

  it('gives the same interval again, and another one for another seed', () => {
    const first = estimate(VALUES.length, meanOf(VALUES));
    expect(estimate(VALUES.length, meanOf(VALUES))).toEqual(first);
    expect(estimate(VALUES.length, meanOf(VALUES), { seed: 1 }).ci95).not.toEqual(first.ci95);
  });

  it('takes all of a patient or nothing: the same values in fewer patients have a wider interval', () => {
    const items = VALUES.map((_value, index) => ({ patient: index % 10, value: index % 10 }));
    const clustered = ratio(
      perPatient(10, items, ({ value }) => value),
      perPatient(10, items, () => 1),
    );
    const single = meanOf(VALUES.map((_value, index) => index % 10));
    const width = (patients: number, statistic: typeof single) => {
      const { ci95 } = estimate(patients, statistic);
      return ci95![1] - ci95![0];
    };
    expect(width(10, clustered)).toBeGreaterThan(3 * width(200, single));
  });

  it('has no interval where most draws have no value', () => {
    const { value, ci95 } = estimate(3, (weights) => (weights[0] === 1 ? 0.5 : Number.NaN));
    expect(value).toBe(0.5);
    expect(ci95).toBeNull();
  });
});

describe('a figure that every draw of patients gives alike', () => {
  const same = (value: number, patients: number) => estimate(patients, meanOf(new Array(patients).fill(value))).ci95;

  it('has the exact interval of none or all of the patients', () => {
    expect(same(0, 13)![0]).toBe(0);
    expect(same(0, 13)![1]).toBeCloseTo(0.2471, 4);
    expect(same(1, 7)![0]).toBeCloseTo(0.5904, 4);
    expect(same(1, 7)![1]).toBe(1);
  });

  it('counts those patients alone who have the figure: of 20, 3 with positives make a recall', () => {
    const items = Array.from({ length: 20 }, (_, patient) => ({ patient, positive: patient < 3 ? 1 : 0 }));
    const positives = perPatient(20, items, ({ positive }) => positive);
    const { value, ci95 } = estimate(20, ratio(positives, positives));
    expect(value).toBe(1);
    expect(ci95![0]).toBeCloseTo(0.2924, 4);
    expect(ci95![1]).toBe(1);
  });

  it('has no interval where no patient has it alone, as an AUC of one disc a patient', () => {
    const labels = Array.from({ length: 20 }, (_, patient) => {
      const label = patient < 8 ? (1 as const) : (0 as const);
      return { patient, label, probability: label };
    });
    expect(estimate(20, rocAuc(labels))).toEqual({ value: 1, ci95: null });
  });

  it('has no interval where it is neither, or where there is one patient', () => {
    expect(same(0.4, 9)).toBeNull();
    expect(same(1, 1)).toBeNull();
    expect(estimate(0, () => Number.NaN).ci95).toBeNull();
  });
});

describe('estimateDifference', () => {
  const better = VALUES.map((value) => value + 0.01);

  it('finds a small but steady difference that the two intervals alone would hide', () => {
    const noisy = better.map((value, index) => value + (index % 2 === 0 ? 0.002 : -0.002));
    const { value, ci95, p } = estimateDifference(200, meanOf(noisy), meanOf(VALUES));
    expect(value).toBeCloseTo(0.01, 10);
    expect(ci95![0]).toBeGreaterThan(0);
    expect(p!).toBeLessThan(0.01);
  });

  it('finds none between a set and itself', () => {
    expect(estimateDifference(200, meanOf(VALUES), meanOf(VALUES))).toEqual({ value: 0, ci95: null, p: 1 });
  });

  it('has neither interval nor p where most draws have no value', () => {
    const rarely = (weights: Float64Array) => (weights[0] === 1 ? weights[1]! : Number.NaN);
    expect(estimateDifference(4, rarely, () => 0)).toEqual({ value: 1, ci95: null, p: null });
  });
});

describe('quantile', () => {
  it('is linear between neighbours', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4], 0.025)).toBeCloseTo(1.075, 12);
    expect(quantile([7], 0.975)).toBe(7);
  });
});

describe('levelFigures', () => {
  it('tells wrong names given with certainty from doubtful and missed ones', () => {
    const figures = levelFigures(
      [
        { patient: 0, level: 'L5-S1', named: 'L5-S1', certain: true },
        { patient: 0, level: 'L4-L5', named: 'L4-L5', certain: false },
        { patient: 0, level: 'L3-L4', named: 'L3-L4', certain: true },
        { patient: 1, level: 'L3-L4', named: 'L4-L5', certain: true },
        { patient: 1, level: 'L2-L3', named: 'L3-L4', certain: false },
        { patient: 1, level: 'L1-L2', named: null, certain: false },
      ],
      2,
      { draws: 10 },
    );
    expect(figures.right.value).toBeCloseTo(3 / 6, 12);
    expect(figures.rightAndCertain.value).toBeCloseTo(2 / 6, 12);
    expect(figures.certainWrong.value).toBeCloseTo(1 / 3, 12);
    expect(figures.certain.value).toBeCloseTo(3 / 5, 12);
  });
});
