import { describe, expect, it } from 'vitest';
import { calibrationError, calibrationLine } from '../../../src/evaluation/calibration.ts';
import { type AnsweredLabel, classificationFigures } from '../../../src/evaluation/classification.ts';
import { seededRandom } from '../../../src/evaluation/random.ts';
import { averagePrecisionOfLabels, precisionRecallCurve, rocAuc, rocCurve } from '../../../src/evaluation/ranking.ts';

const LABELS = [0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0];
const PROBABILITIES = [
  0.0312, 0.8124, 0.4411, 0.4411, 0.9021, 0.22, 0.6612, 0.7101, 0.0555, 0.3902, 0.12, 0.5008, 0.6612, 0.9723, 0.3021,
  0.0871, 0.245, 0.1999, 0.8801, 0.0312, 0.4411, 0.5601, 0.2788, 0.105, 0.7712, 0.6105, 0.335, 0, 0.7301, 0.1502,
];
const WEIGHTS = [1, 2, 0, 3, 1, 1, 0, 2, 1, 1, 0, 1, 2, 1, 1, 1, 0, 1, 1, 2, 1, 1, 1, 0, 1, 2, 1, 1, 1, 0];

/** One disc a patient; the disc of probability 0 was missed. */
const labels = (): AnsweredLabel[] =>
  LABELS.map((label, patient) => {
    const probability = PROBABILITIES[patient]!;
    return { patient, label: label as 0 | 1, probability, answered: probability > 0, positive: probability >= 0.5 };
  });

describe('classificationFigures', () => {
  const figures = classificationFigures(labels(), 30, { draws: 50 });

  // Values of scikit-learn 1.7 on the same numbers.
  it.each([
    ['rocAuc', 0.8167420814479639],
    ['averagePrecision', 0.818507881007881],
    ['brier', 0.16503062733333335],
    ['accuracy', 0.7666666666666667],
    ['balancedAccuracy', 0.7579185520361991],
    ['precision', 0.75],
    ['recall', 0.6923076923076923],
    ['f1', 0.72],
  ] as const)('agrees with scikit-learn on %s', (name, value) => {
    expect(figures[name].value).toBeCloseTo(value, 12);
  });

  it('agrees with an unpenalised logistic regression on the slope and intercept over answered discs', () => {
    expect(figures.calibrationSlope.value).toBeCloseTo(1.4729834, 5);
    expect(figures.calibrationIntercept.value).toBeCloseTo(-0.09850867, 5);
  });

  it('takes ten bins of equal mass for the calibration error', () => {
    expect(figures.calibrationError.value).toBeCloseTo(0.10608, 10);
  });

  it('counts a missed disc as a negative answer of probability 0 and says how many were answered', () => {
    expect(figures.confusion).toEqual({ truePositives: 9, falsePositives: 3, falseNegatives: 4, trueNegatives: 14 });
    expect(figures.coverage.value).toBeCloseTo(29 / 30, 12);
    expect([figures.discs, figures.positives]).toEqual([30, 13]);
  });

  it('has no AUC and no recall where no disc is positive', () => {
    const negatives = classificationFigures(
      labels().filter(({ label }) => label === 0),
      30,
      { draws: 10 },
    );
    expect(negatives.rocAuc).toEqual({ value: null, ci95: null });
    expect(negatives.recall.value).toBeNull();
    expect(negatives.specificity.value).toBeCloseTo(14 / 17, 12);
  });
});

describe('statistics under weights of patients', () => {
  const weights = Float64Array.from(WEIGHTS);

  it('agree with scikit-learn under sample weights', () => {
    expect(rocAuc(labels())(weights)).toBeCloseTo(0.8696581196581197, 12);
    expect(averagePrecisionOfLabels(labels())(weights)).toBeCloseTo(0.9070914345249377, 12);
    expect(calibrationLine(labels().filter(({ answered }) => answered)).slope(weights)).toBeCloseTo(2.23696095, 5);
  });

  it('leave out labels of no weight, though they have the highest probabilities', () => {
    const all = labels();
    const highest = Math.max(...PROBABILITIES);
    const without = Float64Array.from(PROBABILITIES, (probability) => (probability === highest ? 0 : 1));
    const rest = averagePrecisionOfLabels(all.filter(({ probability }) => probability < highest))(without);
    expect(averagePrecisionOfLabels(all)(without)).toBeCloseTo(rest, 12);
  });

  it('equal the figures of a set in which each patient stands as often as the weight says', () => {
    const repeated = labels().flatMap((label) => Array.from({ length: WEIGHTS[label.patient]! }, () => label));
    const renumbered = repeated.map((label, patient) => ({ ...label, patient }));
    const figures = classificationFigures(renumbered, renumbered.length, { draws: 1 });
    expect(rocAuc(labels())(weights)).toBeCloseTo(figures.rocAuc.value!, 12);
  });
});

describe('calibration', () => {
  const random = seededRandom(11);
  const drawn = (bias: number): AnsweredLabel[] =>
    Array.from({ length: 3000 }, (_, patient) => {
      const probability = random();
      const label = random() < Math.min(1, Math.max(0, probability + bias)) ? 1 : 0;
      return { patient, label, probability, answered: true, positive: probability >= 0.5 };
    });

  it('finds no excess error and a slope of 1 on labels drawn from the probabilities', () => {
    const figures = classificationFigures(drawn(0), 3000, { draws: 20 });
    expect(Math.abs(figures.calibrationExcess.value!)).toBeLessThan(0.01);
    expect(figures.calibrationSlope.value!).toBeGreaterThan(0.93);
    expect(figures.calibrationSlope.value!).toBeLessThan(1.07);
  });

  it('finds an excess error of about the bias of biased probabilities', () => {
    const { calibrationExcess } = classificationFigures(drawn(0.15), 3000, { draws: 20 });
    expect(calibrationExcess.value!).toBeGreaterThan(0.1);
    expect(calibrationExcess.value!).toBeLessThan(0.15);
  });

  it('finds another excess for other weights of few patients, and the same for the same again', () => {
    const few = labels().map((label, index) => ({ ...label, patient: index % 2 }));
    const { excess } = calibrationError(few);
    const both = excess(Float64Array.of(1, 1));
    expect(excess(Float64Array.of(2, 0))).toBe(calibrationError(few).excess(Float64Array.of(2, 0)));
    expect(excess(Float64Array.of(2, 0))).not.toBe(both);
    expect(excess(Float64Array.of(1, 1))).toBe(both);
  });

  it('agrees with the error worked out by hand and with the mean error over all labels that the probabilities allow', () => {
    const halves = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95].flatMap((p) => [p, p]);
    const truth = [0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1];
    const pairs = halves.map((probability, patient) => ({
      patient,
      label: truth[patient]! as 0 | 1,
      probability,
      answered: true,
      positive: probability >= 0.5,
    }));
    const figures = classificationFigures(pairs, 20, { draws: 1 });
    // Ten bins of two: sum of |p + p - labels| over 20. Expected: each bin's four pairs of labels, weighted.
    expect(figures.calibrationError.value).toBeCloseTo(0.175, 10);
    const expected = 0.234025;
    expect(Math.abs(figures.calibrationExcess.value! - (0.175 - expected))).toBeLessThan(0.012);
  });

  it('has the slope of the closed form where probabilities are far too extreme', () => {
    const extreme = Array.from({ length: 20 }, (_, patient) => {
      const probability = patient < 10 ? 0 : 1;
      return { patient, probability, label: (patient % 10 < 3 ? 1 - probability : probability) as 0 | 1 };
    });
    const { slope, intercept } = calibrationLine(extreme);
    const once = new Float64Array(20).fill(1);
    expect(slope(once)).toBeCloseTo(Math.log(0.7 / 0.3) / Math.log(0.9999 / 0.0001), 9);
    expect(intercept(once)).toBeCloseTo(0, 9);
  });

  it('has no slope where the probabilities part the labels completely', () => {
    const parted = [0.1, 0.2, 0.8, 0.9].map((probability, patient) => ({
      patient,
      label: (probability > 0.5 ? 1 : 0) as 0 | 1,
      probability,
      answered: true,
      positive: probability > 0.5,
    }));
    expect(classificationFigures(parted, 4, { draws: 5 }).calibrationSlope.value).toBeNull();
  });
});

describe('curves', () => {
  it('run from corner to corner and enclose the area', () => {
    const points = rocCurve(labels());
    expect(points[0]).toMatchObject({ x: 0, y: 0 });
    expect(points.at(-1)).toMatchObject({ x: 1, y: 1 });
    const area = points.slice(1).reduce((sum, point, index) => {
      const before = points[index]!;
      return sum + ((point.x - before.x) * (point.y + before.y)) / 2;
    }, 0);
    expect(area).toBeCloseTo(0.8167420814479639, 12);
  });

  it('end at full recall with the share of positives as precision', () => {
    expect(precisionRecallCurve(labels()).at(-1)).toMatchObject({ x: 1, y: 13 / 30 });
  });
});
