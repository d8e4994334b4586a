import { TARGETS, type Target } from '../../contracts/pack.ts';
import { type Difference, type Estimate, estimate, estimateDifference } from '../../evaluation/bootstrap.ts';
import { type ClassificationFigures, classificationFigures } from '../../evaluation/classification.ts';
import { type DetectionFigures, detectionFigures } from '../../evaluation/detection.ts';
import { type LevelFigures, levelFigures } from '../../evaluation/levels.ts';
import { rocAuc } from '../../evaluation/ranking.ts';
import { type SegmentationFigures, segmentationFigures } from '../../evaluation/segmentation.ts';
import { type DiscPrediction, type SourceEvidence, scoredByLevel } from './score.ts';

export interface TargetFigures extends ClassificationFigures {
  readonly missed: number;
  /** AUC of the disc's level alone, and what the pack's AUC is above it on the same draws of patients. */
  readonly levelOnlyRocAuc: Estimate;
  readonly rocAucAboveLevelOnly: Difference;
}

/** Figures with the number of patients behind them. */
export type Figures<Of> = Of & { readonly patients: number };

export interface SourceFigures {
  readonly source: string;
  readonly pictures: number;
  readonly patients: number;
  /** Pictures by end state, and by reason code. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  readonly region: Figures<DetectionFigures> | null;
  readonly discs: Figures<DetectionFigures> | null;
  readonly levels: Figures<LevelFigures> | null;
  readonly classification: Readonly<Record<Target, Figures<TargetFigures> | null>>;
  readonly segmentation: Figures<SegmentationFigures> | null;
}

/** All figures of one source; null where it has no such labels. Intervals are over the patients who have such labels. */
export function figuresOf(evidence: SourceEvidence): SourceFigures {
  const { source, patients, results } = evidence;
  return {
    source,
    pictures: results.length,
    patients,
    statuses: count(results.map(({ status }) => status)),
    reasons: count(results.flatMap(({ reasons }) => [...new Set(reasons)])),
    region: figuresOver(evidence.regions, detectionFigures),
    discs: figuresOver(evidence.discs, detectionFigures),
    levels: figuresOver(evidence.levels, levelFigures),
    classification: Object.fromEntries(
      TARGETS.map((target) => [target, figuresOver(evidence.predictions[target], targetFigures)]),
    ) as Record<Target, Figures<TargetFigures> | null>,
    segmentation: figuresOver(evidence.segmented, segmentationFigures),
  };
}

function figuresOver<Item extends { readonly patient: number }, Found>(
  items: readonly Item[],
  figures: (items: readonly Item[], patients: number) => Found,
): Figures<Found> | null {
  if (items.length === 0) return null;
  const places = new Map([...new Set(items.map(({ patient }) => patient))].map((patient, place) => [patient, place]));
  const renumbered = items.map((item) => ({ ...item, patient: places.get(item.patient)! }));
  return { patients: places.size, ...figures(renumbered, places.size) };
}

function targetFigures(labels: readonly DiscPrediction[], patients: number): TargetFigures {
  const levelOnly = rocAuc(scoredByLevel(labels));
  return {
    ...classificationFigures(labels, patients),
    missed: labels.filter(({ answered }) => !answered).length,
    levelOnlyRocAuc: estimate(patients, levelOnly),
    rocAucAboveLevelOnly: estimateDifference(patients, rocAuc(labels), levelOnly),
  };
}

/** How often each word stands there, the most frequent first. */
function count(words: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b)));
}
