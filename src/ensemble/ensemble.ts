import type { TargetEnsemble } from '../contracts/pack.ts';
import type { Answer } from '../contracts/report.ts';

/** Probabilities are rounded before thresholds are applied, so that a report does not hang on the last bits. */
export function round4(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

export interface MemberVote {
  readonly id: string;
  /** 0..1. */
  readonly probability: number;
}

/**
 * Weights of an ensemble, summing to 1: as given for `wae` and `single`, equal for `aem`. Members that did not run are
 * left out and the rest is scaled up. An empty array where none ran.
 */
export function effectiveWeights(
  ensemble: { readonly method: 'wae' | 'aem' | 'single'; readonly weights: Readonly<Record<string, number>> },
  ran: ReadonlySet<string>,
): Array<{ id: string; weight: number }> {
  const entries = Object.entries(ensemble.weights)
    .filter(([id, weight]) => ran.has(id) && (ensemble.method === 'aem' || weight > 0))
    .map(([id, weight]) => ({ id, weight: ensemble.method === 'aem' ? 1 : weight }));
  const sum = entries.reduce((total, { weight }) => total + weight, 0);
  return entries.map(({ id, weight }) => ({ id, weight: weight / sum }));
}

/** Log odds of a probability clipped to 1e-6 .. 1 - 1e-6. */
export function logit(probability: number): number {
  const clipped = Math.min(1 - 1e-6, Math.max(1e-6, probability));
  return Math.log(clipped / (1 - clipped));
}

/** `sigmoid((logit(p) + bias) / temperature)`, unrounded. */
export function calibrate(probability: number, ensemble: Pick<TargetEnsemble, 'bias' | 'temperature'>): number {
  return 1 / (1 + Math.exp(-(logit(probability) + ensemble.bias) / ensemble.temperature));
}

/** Weighted standard deviation of the members' probabilities; null with fewer than two members. */
export function disagreementOf(votes: ReadonlyArray<{ probability: number; weight: number }>): number | null {
  if (votes.length < 2) return null;
  const mean = votes.reduce((sum, { probability, weight }) => sum + probability * weight, 0);
  const variance = votes.reduce((sum, { probability, weight }) => sum + weight * (probability - mean) ** 2, 0);
  return round4(Math.sqrt(variance));
}

/**
 * One target's answer for one disc from its members' votes (docs/model-pack.md, "Ensembles"). Votes of members without
 * a weight are ignored; without any vote the disc is not assessable.
 */
export function answerOf(votes: readonly MemberVote[], ensemble: TargetEnsemble): Answer {
  const threshold = round4(ensemble.threshold);
  const byId = new Map(votes.map(({ id, probability }) => [id, probability]));
  const members = effectiveWeights(ensemble, new Set(byId.keys())).map(({ id, weight }) => ({
    id,
    probability: byId.get(id)!,
    weight,
  }));
  if (members.length === 0 || members.some(({ probability }) => !Number.isFinite(probability))) {
    return { assessable: false, probability: null, positive: null, threshold, disagreement: null, members: [] };
  }
  const mean = members.reduce((sum, { probability, weight }) => sum + probability * weight, 0);
  const probability = round4(calibrate(mean, ensemble));
  return {
    assessable: true,
    probability,
    positive: probability >= threshold,
    threshold,
    disagreement: disagreementOf(members),
    members: members.map((member) => ({
      ...member,
      probability: round4(member.probability),
      weight: round4(member.weight),
    })),
  };
}
