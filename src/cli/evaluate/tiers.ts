import type { Tier } from '../../contracts/keys.ts';
import { TARGETS, type Target } from '../../contracts/pack.ts';
import { type Difference, type Estimate, estimateDifference, quantile } from '../../evaluation/bootstrap.ts';
import { rocAuc } from '../../evaluation/ranking.ts';
import { figuresOver, type PartFigures, partFigures } from './figures.ts';
import type { DiscPrediction, SourceEvidence } from './score.ts';

/** One tier on one source. */
export interface TierFigures {
  readonly source: string;
  readonly tier: Tier;
  /** Milliseconds inside all networks of a picture, as measured in this run. */
  readonly networksMs: { readonly median: number; readonly p95: number; readonly pictures: number };
  readonly classification: Readonly<Record<Target, TierTarget | null>>;
  readonly meanIou: Estimate | null;
}

interface TierTarget {
  readonly discs: number;
  readonly positives: number;
  readonly patients: number;
  readonly rocAuc: Estimate;
  readonly balancedAccuracy: Estimate;
  readonly brier: Estimate;
  /** AUC less that of the tier of reference, on the same draws of patients; null for that tier itself. */
  readonly rocAucAboveReference: Difference | null;
}

export interface TierRun {
  readonly tier: Tier;
  readonly evidence: readonly SourceEvidence[];
}

/** All runs on the same pictures; the first is the tier of reference. */
export function compareTiers(runs: readonly TierRun[]): TierFigures[] {
  const [reference] = runs as readonly [TierRun, ...TierRun[]];
  return reference.evidence.flatMap((base, index) =>
    runs.map(({ tier, evidence }) => tierFigures(tier, evidence[index]!, tier === reference.tier ? null : base)),
  );
}

function tierFigures(tier: Tier, evidence: SourceEvidence, reference: SourceEvidence | null): TierFigures {
  const figures = partFigures(evidence);
  const ms = evidence.results.map(({ networksMs }) => networksMs).sort((a, b) => a - b);
  return {
    source: evidence.source,
    tier,
    networksMs: { median: quantile(ms, 0.5), p95: quantile(ms, 0.95), pictures: ms.length },
    classification: Object.fromEntries(
      TARGETS.map((target) => [target, tierTarget(target, figures, evidence, reference)]),
    ) as Record<Target, TierTarget | null>,
    meanIou: figures.segmentation?.meanIou ?? null,
  };
}

function tierTarget(
  target: Target,
  { classification }: PartFigures,
  evidence: SourceEvidence,
  reference: SourceEvidence | null,
): TierTarget | null {
  const found = classification[target];
  if (found === null) return null;
  const { discs, positives, patients, rocAuc: auc, balancedAccuracy, brier } = found;
  const above = reference === null ? null : aucDifference(evidence.predictions[target], reference.predictions[target]);
  return { discs, positives, patients, rocAuc: auc, balancedAccuracy, brier, rocAucAboveReference: above };
}

/** Both runs saw the same labels in the same order. */
function aucDifference(own: readonly DiscPrediction[], others: readonly DiscPrediction[]): Difference {
  const pairs = own.map((prediction, index) => ({ ...prediction, other: others[index]!.probability }));
  return figuresOver(pairs, (items, patients) => {
    const other = items.map((item) => ({ ...item, probability: item.other }));
    return estimateDifference(patients, rocAuc(items), rocAuc(other));
  })!;
}
