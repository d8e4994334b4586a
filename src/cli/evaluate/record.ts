import type { Tier } from '../../contracts/keys.ts';
import { TARGETS, type Target } from '../../contracts/pack.ts';
import type { Level } from '../../contracts/reasons.ts';
import { BOOTSTRAP } from '../../evaluation/bootstrap.ts';
import type { LoadedPack } from '../../pipeline/ports.ts';
import { figuresOf, type SourceFigures } from './figures.ts';
import type { LabelledData } from './labelled.ts';
import type { SourceEvidence } from './score.ts';
import { compareTiers, type TierFigures, type TierRun } from './tiers.ts';

export interface WorstDisc {
  readonly source: string;
  readonly picture: string;
  readonly level: Level;
  readonly target: Target;
  readonly label: 0 | 1;
  /** Null where the disc got no answer. */
  readonly probability: number | null;
}

/** `metrics.json`. */
export interface EvaluationRecord {
  readonly schema: 'discflow.evaluation/1';
  readonly data: string;
  readonly splits: readonly string[];
  readonly pack: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly tier: Tier;
  readonly bootstrap: typeof BOOTSTRAP;
  readonly notes: readonly string[];
  readonly sources: readonly SourceFigures[];
  /** Every tier on the same pictures, beside `tier`; empty where that was not asked for. */
  readonly tiers: readonly TierFigures[];
  readonly worst: readonly WorstDisc[];
}

const WORST_LISTED = 15;
const DECIMALS = 6;

export function evaluationRecord(
  data: LabelledData,
  splits: readonly string[],
  pack: LoadedPack,
  [run, ...others]: readonly [TierRun, ...TierRun[]],
): EvaluationRecord {
  const { tier, evidence } = run;
  return {
    schema: 'discflow.evaluation/1',
    data: data.name,
    splits,
    pack: { name: pack.manifest.name, version: pack.manifest.version, sha256: pack.sha256 },
    tier,
    bootstrap: BOOTSTRAP,
    notes: data.notes,
    sources: evidence.map(figuresOf),
    tiers: others.length === 0 ? [] : compareTiers([run, ...others]),
    worst: evidence.flatMap((source) => TARGETS.flatMap((target) => worstOf(source, target))),
  };
}

/** The answers farthest from their labels, the worst first; a missed positive is as far as can be. */
function worstOf({ source, predictions }: SourceEvidence, target: Target): WorstDisc[] {
  return predictions[target]
    .map((prediction) => ({ prediction, distance: Math.abs(prediction.probability - prediction.label) }))
    .filter(({ prediction, distance }) => distance > 0.5 || !prediction.answered)
    .sort((a, b) => b.distance - a.distance)
    .slice(0, WORST_LISTED)
    .map(({ prediction: { picture, level, label, answered, probability } }) => ({
      source,
      picture,
      level,
      target,
      label,
      probability: answered ? probability : null,
    }));
}

/** The record as text: six decimals, so that it can be compared by eye and by diff. */
export function recordJson(record: EvaluationRecord): string {
  const rounded = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(DECIMALS)) : value;
  return `${JSON.stringify(record, rounded, 2)}\n`;
}
