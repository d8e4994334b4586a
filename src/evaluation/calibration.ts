import type { Statistic } from './bootstrap.ts';
import { seededRandom } from './random.ts';
import type { ScoredLabel } from './ranking.ts';

const BINS = 10;
const SIMULATIONS = 200;
const SIMULATION_SEED = 7;
const CLIP = 1e-4;
/** Log likelihoods that differ by less are alike. */
const ROUNDING = 1e-9;

/** Mean squared difference of probability and label (Brier, Monthly Weather Review 78:1, 1950). */
export function brierScore(labels: readonly ScoredLabel[]): Statistic {
  return (weights) => {
    let [sum, count] = [0, 0];
    for (const { patient, probability, label } of labels) {
      sum += weights[patient]! * (probability - label) ** 2;
      count += weights[patient]!;
    }
    return sum / count;
  };
}

export interface CalibrationLine {
  /** 1 is ideal; below 1 the probabilities are too extreme. */
  readonly slope: Statistic;
  /** 0 is ideal at a slope of 1; above 0 the probabilities are too low. */
  readonly intercept: Statistic;
}

/**
 * Logistic regression of the label on the probability's logit (Cox, Biometrika 45:562, 1958). Probabilities are clipped
 * to 0.0001 … 0.9999. NaN where it does not settle, as on labels that the probabilities part completely.
 */
export function calibrationLine(labels: readonly ScoredLabel[]): CalibrationLine {
  const logits = Float64Array.from(labels, ({ probability }) => {
    const clipped = Math.min(1 - CLIP, Math.max(CLIP, probability));
    return Math.log(clipped / (1 - clipped));
  });
  return {
    slope: (weights) => fitLine(labels, logits, weights).slope,
    intercept: (weights) => fitLine(labels, logits, weights).intercept,
  };
}

/**
 * Newton's method on intercept and slope, at most 50 steps from a level line; a step that makes the labels less likely
 * is halved, as whole ones run away where probabilities are far too extreme.
 */
function fitLine(labels: readonly ScoredLabel[], logits: Float64Array, weights: Float64Array) {
  const unsettled = { intercept: Number.NaN, slope: Number.NaN };
  let [intercept, slope] = [0, 0];
  let likelihood = logLikelihood(labels, logits, weights, intercept, slope);
  for (let step = 0; step < 50; step++) {
    let [g0, g1, h00, h01, h11] = [0, 0, 0, 0, 0];
    labels.forEach(({ patient, label }, index) => {
      const weight = weights[patient]!;
      const logit = logits[index]!;
      const fitted = 1 / (1 + Math.exp(-(intercept + slope * logit)));
      const spread = weight * fitted * (1 - fitted);
      g0 += weight * (label - fitted);
      g1 += weight * (label - fitted) * logit;
      h00 += spread;
      h01 += spread * logit;
      h11 += spread * logit * logit;
    });
    const determinant = h00 * h11 - h01 * h01;
    if (!(Math.abs(determinant) > 1e-12)) return unsettled;
    let [d0, d1] = [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant];
    let next = logLikelihood(labels, logits, weights, intercept + d0, slope + d1);
    while (next < likelihood - ROUNDING && Math.abs(d0) + Math.abs(d1) >= 1e-9) {
      [d0, d1] = [d0 / 2, d1 / 2];
      next = logLikelihood(labels, logits, weights, intercept + d0, slope + d1);
    }
    [intercept, slope, likelihood] = [intercept + d0, slope + d1, next];
    if (Math.abs(d0) + Math.abs(d1) < 1e-9) return { intercept, slope };
    if (Math.abs(slope) > 1e3) return unsettled;
  }
  return unsettled;
}

/** Of the labels, where the odds are those of a line over the logits. */
function logLikelihood(
  labels: readonly ScoredLabel[],
  logits: Float64Array,
  weights: Float64Array,
  intercept: number,
  slope: number,
): number {
  let sum = 0;
  labels.forEach(({ patient, label }, index) => {
    const odds = (intercept + slope * logits[index]!) * (label === 1 ? 1 : -1);
    sum -= weights[patient]! * (Math.max(0, -odds) + Math.log1p(Math.exp(-Math.abs(odds))));
  });
  return sum;
}

/** Parts of labels in rising order of bins: which label, which bin, how much of the label's weight. */
interface Binned {
  readonly index: Int32Array;
  readonly bin: Uint8Array;
  readonly weight: Float64Array;
  readonly mass: number;
}

/** Ten bins of equal mass in rising order of probability; a label whose weight crosses an edge is in both bins. */
function equalMassBins(sorted: readonly ScoredLabel[], weights: Float64Array): Binned {
  const mass = sorted.reduce((sum, { patient }) => sum + weights[patient]!, 0);
  const edge = (bin: number) => (bin === BINS ? Number.POSITIVE_INFINITY : Math.floor((bin * mass) / BINS + 1e-9));
  const [indices, bins, parts]: [number[], number[], number[]] = [[], [], []];
  let [bin, position] = [0, 0];
  sorted.forEach(({ patient }, index) => {
    let left = weights[patient]!;
    while (left > 0) {
      while (position >= edge(bin + 1)) bin++;
      const part = Math.min(left, edge(bin + 1) - position);
      indices.push(index);
      bins.push(bin);
      parts.push(part);
      position += part;
      left -= part;
    }
  });
  return { index: Int32Array.from(indices), bin: Uint8Array.from(bins), weight: Float64Array.from(parts), mass };
}

export interface CalibrationError {
  /** Expected calibration error over ten bins of equal mass. */
  readonly observed: Statistic;
  /** The observed error less the mean error of labels drawn from the probabilities: about 0 when calibrated. */
  readonly excess: Statistic;
}

/**
 * Calibration error (Naeini, Cooper and Hauskrecht, AAAI 2015) and its excess over what chance alone gives: bins of a
 * few labels have an error even when every probability is right (Roelofs et al., AISTATS 2022).
 */
export function calibrationError(labels: readonly ScoredLabel[]): CalibrationError {
  const sorted = [...labels].sort((a, b) => a.probability - b.probability);
  const random = seededRandom(SIMULATION_SEED);
  const simulated = Array.from({ length: SIMULATIONS }, () =>
    Uint8Array.from(sorted, ({ probability }) => (random() < probability ? 1 : 0)),
  );
  const actual = Uint8Array.from(sorted, ({ label }) => label);
  const probabilities = Float64Array.from(sorted, ({ probability }) => probability);
  const errorOf = ({ index, bin, weight, mass }: Binned, drawn: Uint8Array) => {
    let error = 0;
    for (let part = 0; part < index.length; ) {
      const here = bin[part]!;
      let sum = 0;
      for (; part < index.length && bin[part] === here; part++) {
        const at = index[part]!;
        sum += weight[part]! * (probabilities[at]! - drawn[at]!);
      }
      error += Math.abs(sum);
    }
    return error / mass;
  };
  return {
    observed: (weights) => errorOf(equalMassBins(sorted, weights), actual),
    excess: (weights) => {
      const bins = equalMassBins(sorted, weights);
      const expected = simulated.reduce((sum, drawn) => sum + errorOf(bins, drawn), 0) / SIMULATIONS;
      return errorOf(bins, actual) - expected;
    },
  };
}

export interface ReliabilityBin {
  readonly meanProbability: number;
  readonly observedRate: number;
  readonly count: number;
}

/** The ten bins of equal mass as points of a reliability plot; bins without labels are left out. */
export function reliabilityBins(labels: readonly ScoredLabel[]): ReliabilityBin[] {
  const sorted = [...labels].sort((a, b) => a.probability - b.probability);
  const patients = Math.max(0, ...labels.map(({ patient }) => patient + 1));
  const binned = equalMassBins(sorted, new Float64Array(patients).fill(1));
  return Array.from({ length: BINS }, (_, bin) => {
    const members = [...binned.index].filter((_, part) => binned.bin[part] === bin).map((index) => sorted[index]!);
    const mean = (measure: (label: ScoredLabel) => number) =>
      members.reduce((sum, member) => sum + measure(member), 0) / members.length;
    return {
      meanProbability: mean(({ probability }) => probability),
      observedRate: mean(({ label }) => label),
      count: members.length,
    };
  }).filter(({ count }) => count > 0);
}
