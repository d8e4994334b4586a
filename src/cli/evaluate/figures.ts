import { TARGETS, type Target } from '../../contracts/pack.ts';
import { type Difference, type Estimate, estimate, estimateDifference } from '../../evaluation/bootstrap.ts';
import { type ClassificationFigures, classificationFigures } from '../../evaluation/classification.ts';
import { type CutOffFigures, cutOffFigures } from '../../evaluation/cut-off.ts';
import { type DetectionFigures, detectionFigures } from '../../evaluation/detection.ts';
import { type EndFigures, endFigures } from '../../evaluation/ends.ts';
import { type LevelFigures, levelFigures } from '../../evaluation/levels.ts';
import { rocAuc } from '../../evaluation/ranking.ts';
import { type SegmentationFigures, segmentationFigures } from '../../evaluation/segmentation.ts';
import { type DiscPrediction, type EvidencePart, type SourceEvidence, scoredByLevel } from './score.ts';
import { type Subset, subsetsOf } from './subsets.ts';

export interface TargetFigures extends ClassificationFigures {
  readonly missed: number;
  /** AUC of the disc's level alone, and what the pack's AUC is above it on the same draws of patients. */
  readonly levelOnlyRocAuc: Estimate;
  readonly rocAucAboveLevelOnly: Difference;
}

/** Figures with the number of patients behind them. */
export type Figures<Of> = Of & { readonly patients: number };

/** What is measured of a set of labelled discs, slices and pictures; null where it has no such labels. */
export interface PartFigures {
  readonly region: Figures<DetectionFigures> | null;
  readonly discs: Figures<DetectionFigures> | null;
  readonly levels: Figures<LevelFigures> | null;
  readonly classification: Readonly<Record<Target, Figures<TargetFigures> | null>>;
  readonly segmentation: Figures<SegmentationFigures> | null;
}

export interface SourceFigures extends PartFigures {
  readonly source: string;
  readonly pictures: number;
  readonly patients: number;
  /** Pictures by end state, and by reason code. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  readonly ends: Figures<EndFigures> | null;
  readonly cutOff: Figures<CutOffFigures> | null;
  /** The same figures of parts of the source. */
  readonly subsets: readonly SubsetFigures[];
}

export interface SubsetFigures extends PartFigures {
  readonly by: Subset['by'];
  readonly name: string;
}

/** All figures of one source. Intervals are over the patients who have such labels. */
export function figuresOf(evidence: SourceEvidence): SourceFigures {
  const { source, patients, results } = evidence;
  return {
    source,
    pictures: results.length,
    patients,
    statuses: count(results.map(({ status }) => status)),
    reasons: count(results.flatMap(({ reasons }) => [...new Set(reasons)])),
    ends: figuresOver(evidence.ends, endFigures),
    ...partFigures(evidence),
    cutOff: figuresOver(evidence.cutOff, cutOffFigures),
    subsets: subsetsOf(evidence).map(({ by, name, part }) => ({ by, name, ...partFigures(part) })),
  };
}

export function partFigures({ regions, discs, levels, predictions, segmented }: EvidencePart): PartFigures {
  return {
    region: figuresOver(regions, detectionFigures),
    discs: figuresOver(discs, detectionFigures),
    levels: figuresOver(levels, levelFigures),
    classification: Object.fromEntries(
      TARGETS.map((target) => [target, figuresOver(predictions[target], targetFigures)]),
    ) as Record<Target, Figures<TargetFigures> | null>,
    segmentation: figuresOver(segmented, segmentationFigures),
  };
}

export function figuresOver<Item extends { readonly patient: number }, Found>(
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
