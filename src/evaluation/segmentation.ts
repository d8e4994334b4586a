import { SEGMENTATION_CLASSES } from '../contracts/report.ts';
import { type BootstrapOptions, type Estimate, estimateAll, type Statistic } from './bootstrap.ts';

const CLASSES = SEGMENTATION_CLASSES.length;

/** Pixels by labelled class (row) and predicted class (column), 4 x 4, row major. */
export type PixelConfusion = Float64Array;

export interface SegmentedPicture {
  /** Index of the patient, from 0. */
  readonly patient: number;
  readonly confusion: PixelConfusion;
}

/** Counts two class maps of equal length against each other. Throws `RangeError` where they differ or hold other values. */
export function confusionOf(labelled: Uint8Array, predicted: Uint8Array): PixelConfusion {
  if (labelled.length !== predicted.length) throw new RangeError('the class maps differ in size');
  const confusion = new Float64Array(CLASSES * CLASSES);
  for (let index = 0; index < labelled.length; index++) {
    const [row, column] = [labelled[index]!, predicted[index]!];
    if (row >= CLASSES || column >= CLASSES) throw new RangeError('a class map holds a value above 3');
    const at = row * CLASSES + column;
    confusion[at] = confusion[at]! + 1;
  }
  return confusion;
}

type ClassName = (typeof SEGMENTATION_CLASSES)[number];
type ByClass = Readonly<Record<ClassName, Estimate>>;

export interface SegmentationFigures {
  readonly pictures: number;
  readonly iou: ByClass;
  readonly dice: ByClass;
  readonly precision: ByClass;
  readonly recall: ByClass;
  /** Means over vertebra, disc and canal. */
  readonly meanIou: Estimate;
  readonly meanDice: Estimate;
  readonly meanPrecision: Estimate;
  readonly meanRecall: Estimate;
  /** Means over all four classes. */
  readonly meanIouWithBackground: Estimate;
  readonly meanDiceWithBackground: Estimate;
  readonly pixelAccuracy: Estimate;
}

type ClassMeasure = (hits: number, labelled: number, predicted: number) => number;

const MEASURES = {
  iou: (hits, labelled, predicted) => hits / (labelled + predicted - hits),
  dice: (hits, labelled, predicted) => (2 * hits) / (labelled + predicted),
  precision: (hits, _, predicted) => hits / predicted,
  recall: (hits, labelled) => hits / labelled,
} as const satisfies Record<string, ClassMeasure>;

/** Figures over the pixels of all pictures together; intervals over patients. */
export function segmentationFigures(
  pictures: readonly SegmentedPicture[],
  patients: number,
  options: BootstrapOptions = {},
): SegmentationFigures {
  const sums = Array.from({ length: patients }, () => new Float64Array(CLASSES * CLASSES));
  for (const { patient, confusion } of pictures) {
    confusion.forEach((pixels, index) => {
      sums[patient]![index] = sums[patient]![index]! + pixels;
    });
  }
  const pooled = poolOf(sums);
  const one =
    (measure: ClassMeasure, index: number): Statistic =>
    (weights) =>
      ofClass(pooled(weights), measure, index);
  const mean =
    (measure: ClassMeasure, from: number): Statistic =>
    (weights) => {
      const confusion = pooled(weights);
      let sum = 0;
      for (let index = from; index < CLASSES; index++) sum += ofClass(confusion, measure, index);
      return sum / (CLASSES - from);
    };
  const byClass = (measure: ClassMeasure): ByClass =>
    estimateAll(
      patients,
      Object.fromEntries(SEGMENTATION_CLASSES.map((name, index) => [name, one(measure, index)])) as Record<
        ClassName,
        Statistic
      >,
      options,
    );
  return {
    pictures: pictures.length,
    iou: byClass(MEASURES.iou),
    dice: byClass(MEASURES.dice),
    precision: byClass(MEASURES.precision),
    recall: byClass(MEASURES.recall),
    ...estimateAll(
      patients,
      {
        meanIou: mean(MEASURES.iou, 1),
        meanDice: mean(MEASURES.dice, 1),
        meanPrecision: mean(MEASURES.precision, 1),
        meanRecall: mean(MEASURES.recall, 1),
        meanIouWithBackground: mean(MEASURES.iou, 0),
        meanDiceWithBackground: mean(MEASURES.dice, 0),
        pixelAccuracy: (weights) => accuracyOf(pooled(weights)),
      },
      options,
    ),
  };
}

/** The confusion of all patients under weights. */
function poolOf(sums: readonly PixelConfusion[]): (weights: Float64Array) => PixelConfusion {
  return (weights) => {
    const pooled = new Float64Array(CLASSES * CLASSES);
    sums.forEach((confusion, patient) => {
      const weight = weights[patient]!;
      if (weight === 0) return;
      for (let index = 0; index < pooled.length; index++) pooled[index] = pooled[index]! + weight * confusion[index]!;
    });
    return pooled;
  };
}

function ofClass(confusion: PixelConfusion, measure: ClassMeasure, index: number): number {
  let [labelled, predicted] = [0, 0];
  for (let other = 0; other < CLASSES; other++) {
    labelled += confusion[index * CLASSES + other]!;
    predicted += confusion[other * CLASSES + index]!;
  }
  return measure(confusion[index * CLASSES + index]!, labelled, predicted);
}

function accuracyOf(confusion: PixelConfusion): number {
  let hits = 0;
  for (let index = 0; index < CLASSES; index++) hits += confusion[index * CLASSES + index]!;
  return hits / confusion.reduce((sum, value) => sum + value, 0);
}
