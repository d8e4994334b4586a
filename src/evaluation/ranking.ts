import type { Statistic } from './bootstrap.ts';

/** A label with the probability given to it; what is missed or not assessable has probability 0. */
export interface ScoredLabel {
  /** Index of the patient, from 0. */
  readonly patient: number;
  readonly label: 0 | 1;
  readonly probability: number;
}

/** Labels of one probability, in rising order of probability. */
function tieGroups(labels: readonly ScoredLabel[]): ScoredLabel[][] {
  const groups: ScoredLabel[][] = [];
  for (const label of [...labels].sort((a, b) => a.probability - b.probability)) {
    const last = groups.at(-1);
    if (last?.[0]?.probability === label.probability) last.push(label);
    else groups.push([label]);
  }
  return groups;
}

/** Area under the ROC curve (Mann and Whitney's U, ties count half); NaN without labels of both kinds. */
export function rocAuc(labels: readonly ScoredLabel[]): Statistic {
  const groups = tieGroups(labels);
  return (weights) => {
    let [negatives, positives, area] = [0, 0, 0];
    for (const group of groups) {
      let [negative, positive] = [0, 0];
      for (const { patient, label } of group) {
        if (label === 1) positive += weights[patient]!;
        else negative += weights[patient]!;
      }
      area += positive * (negatives + negative / 2);
      negatives += negative;
      positives += positive;
    }
    return area / (negatives * positives);
  };
}

/** Average precision: the mean of precision over the steps of recall, ties taken together, not interpolated. */
export function averagePrecisionOfLabels(labels: readonly ScoredLabel[]): Statistic {
  const groups = tieGroups(labels).reverse();
  return (weights) => {
    let [found, taken, sum] = [0, 0, 0];
    for (const group of groups) {
      const before = found;
      for (const { patient, label } of group) {
        taken += weights[patient]!;
        if (label === 1) found += weights[patient]!;
      }
      if (taken > 0) sum += ((found - before) * found) / taken;
    }
    return sum / found;
  };
}

export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  /** A label is positive at or above it. */
  readonly threshold: number;
}

/** False positive rate against recall, from (0, 0) to (1, 1), one point a distinct probability. */
export function rocCurve(labels: readonly ScoredLabel[]): CurvePoint[] {
  const positives = labels.filter(({ label }) => label === 1).length;
  const negatives = labels.length - positives;
  let [hits, extras] = [0, 0];
  const points: CurvePoint[] = [{ x: 0, y: 0, threshold: 1 }];
  for (const group of tieGroups(labels).reverse()) {
    hits += group.filter(({ label }) => label === 1).length;
    extras += group.filter(({ label }) => label === 0).length;
    points.push({ x: extras / negatives, y: hits / positives, threshold: group[0]!.probability });
  }
  return points;
}

/** Recall against precision, one point a distinct probability, the highest first. */
export function precisionRecallCurve(labels: readonly ScoredLabel[]): CurvePoint[] {
  const positives = labels.filter(({ label }) => label === 1).length;
  let [hits, taken] = [0, 0];
  return tieGroups(labels)
    .reverse()
    .map((group) => {
      hits += group.filter(({ label }) => label === 1).length;
      taken += group.length;
      return { x: hits / positives, y: hits / taken, threshold: group[0]!.probability };
    });
}
