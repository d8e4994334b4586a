import type { Box, ScoredBox } from '../contracts/detection.ts';
import { type BootstrapOptions, type Estimate, estimateAll, type Statistic } from './bootstrap.ts';
import { overlap } from './boxes.ts';
import { addUp, dot, perPatient, ratio } from './per-patient.ts';

/** One picture's reported boxes and labelled ones, all in pixels of the upright slice. */
export interface DetectedPicture {
  /** Index of the patient, from 0. */
  readonly patient: number;
  readonly predictions: readonly ScoredBox[];
  /** Labels that count. */
  readonly truth: readonly Box[];
  /** Labels that do not count: a prediction that matches one is neither hit nor extra. */
  readonly ignored: readonly Box[];
  /** A prediction that hits nothing and whose centre lies above this y is neither hit nor extra. */
  readonly judgedFromY: number;
}

export interface DetectionFigures {
  readonly pictures: number;
  readonly truths: number;
  readonly ap50: Estimate;
  /** Mean of the average precisions at IoU 0.50, 0.55 … 0.95. */
  readonly ap50To95: Estimate;
  readonly recall: Estimate;
  readonly precision: Estimate;
  readonly falsePerPicture: Estimate;
  /** Share of pictures with labels that count in which every one is found. */
  readonly allFound: Estimate;
  /** Mean IoU of hits with their labels. */
  readonly meanIou: Estimate;
}

/** The five lowest discs of a picture count; those above are neither hit, miss nor extra. */
export const SCORED_DISCS = 5;

const THRESHOLDS = Array.from({ length: 10 }, (_, step) => (50 + 5 * step) / 100);

interface Judged {
  readonly patient: number;
  readonly confidence: number;
  readonly hit: boolean;
}

/**
 * Figures over all pictures together, at the threshold at which the boxes were reported. Average precision is 101-point
 * interpolated over reported boxes (COCO, cocoeval); recall, precision and what follows are at IoU 0.5.
 */
export function detectionFigures(
  pictures: readonly DetectedPicture[],
  patients: number,
  options: BootstrapOptions = {},
): DetectionFigures {
  const matched = pictures.map((picture) => matchPicture(picture, 0.5));
  const truthsOf = perPatient(patients, pictures, ({ truth }) => truth.length);
  const hitsOf = perPatient(patients, pictures, (_, index) => matched[index]!.filter(({ hit }) => hit).length);
  const falseOf = perPatient(patients, pictures, (_, index) => matched[index]!.filter(({ hit }) => !hit).length);
  const picturesOf = perPatient(patients, pictures, () => 1);
  const labelledOf = perPatient(patients, pictures, ({ truth }) => (truth.length > 0 ? 1 : 0));
  const completeOf = perPatient(patients, pictures, ({ truth }, index) =>
    truth.length > 0 && matched[index]!.filter(({ hit }) => hit).length === truth.length ? 1 : 0,
  );
  const iouOf = perPatient(patients, pictures, (_, index) => matched[index]!.reduce((sum, { iou }) => sum + iou, 0));
  const precisions = THRESHOLDS.map((threshold) => averagePrecision(judge(pictures, threshold), truthsOf));
  const estimates = estimateAll(
    patients,
    {
      ap50: precisions[0]!,
      ap50To95: (weights) => precisions.reduce((sum, precision) => sum + precision(weights), 0) / precisions.length,
      recall: ratio(hitsOf, truthsOf),
      precision: ratio(hitsOf, addUp(hitsOf, falseOf)),
      falsePerPicture: ratio(falseOf, picturesOf),
      allFound: ratio(completeOf, labelledOf),
      meanIou: ratio(iouOf, hitsOf),
    },
    options,
  );
  return { pictures: pictures.length, truths: total(truthsOf), ...estimates };
}

/** A prediction that is judged: which label it hits (index into `truth`), with which IoU. */
export interface Match extends Judged {
  readonly prediction: number;
  readonly truth: number | null;
  readonly iou: number;
}

/** Greedy matching from the highest confidence down: each label is hit once. Predictions that do not count are left out. */
export function matchPicture(picture: DetectedPicture, threshold: number): Match[] {
  const free = new Set(picture.truth.keys());
  const order = [...picture.predictions.entries()].sort(([, a], [, b]) => b.confidence - a.confidence);
  return order.flatMap(([prediction, { box, confidence }]): Match[] => {
    const best = nearest(box, picture.truth, free);
    if (best !== null && best.iou >= threshold) {
      free.delete(best.index);
      return [{ patient: picture.patient, prediction, confidence, hit: true, truth: best.index, iou: best.iou }];
    }
    const uncounted = picture.ignored.some((other) => overlap(box, other) >= threshold);
    if (uncounted || box.y + box.height / 2 < picture.judgedFromY) return [];
    return [{ patient: picture.patient, prediction, confidence, hit: false, truth: null, iou: 0 }];
  });
}

function nearest(box: Box, others: readonly Box[], free: ReadonlySet<number>): { index: number; iou: number } | null {
  let best: { index: number; iou: number } | null = null;
  for (const index of free) {
    const iou = overlap(box, others[index]!);
    if (best === null || iou > best.iou) best = { index, iou };
  }
  return best;
}

function judge(pictures: readonly DetectedPicture[], threshold: number): Judged[] {
  return pictures.flatMap((picture) => matchPicture(picture, threshold)).sort((a, b) => b.confidence - a.confidence);
}

/** 101-point interpolated average precision of finds in falling order; equal confidences keep their order. */
function averagePrecision(judged: readonly Judged[], truthsOf: Float64Array): Statistic {
  return (weights) => {
    const truths = dot(truthsOf, weights);
    if (truths === 0) return Number.NaN;
    const recall: number[] = [];
    const precision: number[] = [];
    let [found, extra] = [0, 0];
    for (const { patient, hit } of judged) {
      const weight = weights[patient]!;
      if (weight === 0) continue;
      if (hit) found += weight;
      else extra += weight;
      recall.push(found / truths);
      precision.push(found / (found + extra));
    }
    return interpolated(recall, precision);
  };
}

function interpolated(recall: readonly number[], precision: number[]): number {
  for (let index = precision.length - 2; index >= 0; index--) {
    precision[index] = Math.max(precision[index]!, precision[index + 1]!);
  }
  let sum = 0;
  let at = 0;
  for (let point = 0; point <= 100; point++) {
    while (at < recall.length && recall[at]! < point * 0.01) at++;
    if (at < recall.length) sum += precision[at]!;
  }
  return sum / 101;
}

const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
