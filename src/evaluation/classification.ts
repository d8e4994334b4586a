import { type BootstrapOptions, type Estimate, estimateAll, type Statistic } from './bootstrap.ts';
import { brierScore, calibrationError, calibrationLine } from './calibration.ts';
import { addUp, dot, perPatient, ratio } from './per-patient.ts';
import { averagePrecisionOfLabels, rocAuc, type ScoredLabel } from './ranking.ts';

/** A labelled disc with the answer that the pipeline gave. */
export interface AnsweredLabel extends ScoredLabel {
  /** False where the disc was missed or not assessable: then `probability` is 0 and `positive` false. */
  readonly answered: boolean;
  /** The answer at the pack's threshold. */
  readonly positive: boolean;
}

export interface ConfusionMatrix {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

export interface ClassificationFigures {
  readonly discs: number;
  readonly positives: number;
  readonly confusion: ConfusionMatrix;
  /** Share of labelled discs that got an answer. */
  readonly coverage: Estimate;
  readonly rocAuc: Estimate;
  readonly averagePrecision: Estimate;
  readonly accuracy: Estimate;
  /** (recall + specificity) / 2. */
  readonly balancedAccuracy: Estimate;
  readonly specificity: Estimate;
  readonly precision: Estimate;
  readonly recall: Estimate;
  readonly f1: Estimate;
  readonly brier: Estimate;
  /** Over answered discs alone: a disc that counts 0 by rule has no logit. */
  readonly calibrationSlope: Estimate;
  readonly calibrationIntercept: Estimate;
  /** Without an interval: drawing patients adds to the error, so that draws lie above the value; the excess has one. */
  readonly calibrationError: Estimate;
  readonly calibrationExcess: Estimate;
}

/** Figures over all labelled discs; those that were missed or not assessable count with probability 0. */
export function classificationFigures(
  labels: readonly AnsweredLabel[],
  patients: number,
  options: BootstrapOptions = {},
): ClassificationFigures {
  const count = (chosen: (label: AnsweredLabel) => boolean) =>
    perPatient(patients, labels, (label) => (chosen(label) ? 1 : 0));
  const tp = count(({ label, positive }) => label === 1 && positive);
  const fp = count(({ label, positive }) => label === 0 && positive);
  const fn = count(({ label, positive }) => label === 1 && !positive);
  const tn = count(({ label, positive }) => label === 0 && !positive);
  const all = count(() => true);
  const recall = ratio(tp, addUp(tp, fn));
  const specificity = ratio(tn, addUp(tn, fp));
  const calibration = calibrationError(labels);
  const line = calibrationLine(labels.filter(({ answered }) => answered));
  const f1: Statistic = (weights) => {
    const hits = 2 * dot(tp, weights);
    return hits / (hits + dot(fp, weights) + dot(fn, weights));
  };
  const estimates = estimateAll(
    patients,
    {
      coverage: ratio(
        count(({ answered }) => answered),
        all,
      ),
      rocAuc: rocAuc(labels),
      averagePrecision: averagePrecisionOfLabels(labels),
      accuracy: ratio(addUp(tp, tn), all),
      balancedAccuracy: (weights) => (recall(weights) + specificity(weights)) / 2,
      specificity,
      precision: ratio(tp, addUp(tp, fp)),
      recall,
      f1,
      brier: brierScore(labels),
      calibrationSlope: line.slope,
      calibrationIntercept: line.intercept,
      calibrationError: calibration.observed,
      calibrationExcess: calibration.excess,
    },
    options,
  );
  const once = new Float64Array(patients).fill(1);
  return {
    discs: labels.length,
    positives: dot(tp, once) + dot(fn, once),
    confusion: {
      truePositives: dot(tp, once),
      falsePositives: dot(fp, once),
      falseNegatives: dot(fn, once),
      trueNegatives: dot(tn, once),
    },
    ...estimates,
    calibrationError: { value: estimates.calibrationError.value, ci95: null },
  };
}
