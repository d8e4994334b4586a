import { readProbabilities } from '../classification/classifier.ts';
import type { Tier } from '../contracts/keys.ts';
import { type DiscClassifier, type PackManifest, TARGETS, type Target } from '../contracts/pack.ts';
import type { Level } from '../contracts/reasons.ts';
import type { Answer } from '../contracts/report.ts';
import { answerOf, logit, type MemberVote } from '../ensemble/ensemble.ts';
import { inputBatch } from '../imaging/tensor.ts';
import type { PackedCrop } from './crops.ts';
import { cropRuleName } from './detect-slices.ts';
import type { LoadedPack } from './ports.ts';

/** Crops by disc level, by crop rule's name. */
export type DiscCrops = ReadonlyMap<string, ReadonlyMap<string, PackedCrop>>;

export type DiscAnswers = Readonly<Record<Target, Answer>>;

type Votes = Map<Level, Record<Target, MemberVote[]>>;

/**
 * Both targets' answers for each level. `single` asks the tier's classifier alone, `ensemble` every weighted member,
 * `auto` the single one first and the rest only for discs whose probability lies near a threshold. Each network sees all
 * its discs in one batch. A level without a crop is not assessable, nor is one that is `hidden`: nobody is asked for it.
 */
export async function classifyDiscs(
  levels: readonly Level[],
  hidden: ReadonlySet<Level>,
  crops: DiscCrops,
  pack: LoadedPack,
  tier: Tier,
  networksMs: Record<string, number>,
): Promise<Map<Level, DiscAnswers>> {
  const { manifest } = pack;
  const votes: Votes = new Map(levels.map((level) => [level, { herniation: [], bulgeOrHerniation: [] }]));
  const ask = async (classifiers: readonly DiscClassifier[], asked: readonly Level[]) => {
    const results = await Promise.all(
      classifiers.map((classifier) => runClassifier(classifier, asked, crops, pack, networksMs)),
    );
    results.forEach((probabilities, index) => {
      for (const [level, byTarget] of probabilities) {
        for (const target of TARGETS) {
          const probability = byTarget[target];
          if (probability !== undefined) votes.get(level)![target].push({ id: classifiers[index]!.id, probability });
        }
      }
    });
  };
  const weighted = weightedClassifiers(manifest);
  const single = classifierOf(manifest, manifest.tiers.single.classifier);
  const seen = levels.filter((level) => !hidden.has(level));
  if (tier === 'ensemble') {
    await ask(weighted, seen);
    return answersOf(votes, manifest, () => 'ensemble');
  }
  await ask([single], seen);
  const first = answersOf(votes, manifest, () => 'single');
  if (tier === 'single') return first;
  const unsure = seen.filter((level) => isUnsure(first.get(level)!, manifest.tiers.auto.escalateWithin));
  if (unsure.length === 0) return first;
  await ask(
    weighted.filter(({ id }) => id !== single.id),
    unsure,
  );
  const escalated = new Set(unsure);
  return answersOf(votes, manifest, (level) => (escalated.has(level) ? 'ensemble' : 'single'));
}

async function runClassifier(
  classifier: DiscClassifier,
  levels: readonly Level[],
  crops: DiscCrops,
  pack: LoadedPack,
  networksMs: Record<string, number>,
): Promise<Array<[Level, Partial<Record<Target, number>>]>> {
  const byLevel = crops.get(cropRuleName(classifier.crop));
  const seen = levels.flatMap((level) => {
    const crop = byLevel?.get(level);
    return crop === undefined ? [] : [{ level, image: crop.image }];
  });
  if (seen.length === 0) return [];
  const batch = inputBatch(
    seen.map(({ image }) => image),
    classifier.input,
  );
  const { output, ms } = await pack.run(classifier.id, batch);
  networksMs[classifier.id] = (networksMs[classifier.id] ?? 0) + ms;
  return readProbabilities(output, classifier, seen.length).map((byTarget, index) => [seen[index]!.level, byTarget]);
}

function answersOf(
  votes: Votes,
  manifest: PackManifest,
  tierOf: (level: Level) => 'single' | 'ensemble',
): Map<Level, DiscAnswers> {
  const single = { method: 'single', weights: { [manifest.tiers.single.classifier]: 1 } } as const;
  return new Map(
    [...votes].map(([level, byTarget]) => {
      const answer = (target: Target) => {
        const ensemble = manifest.targets[target];
        return answerOf(byTarget[target], tierOf(level) === 'single' ? { ...ensemble, ...single } : ensemble);
      };
      return [level, { herniation: answer('herniation'), bulgeOrHerniation: answer('bulgeOrHerniation') }];
    }),
  );
}

/** In log odds: a threshold of 0.06 has no 0.2 below it, and nearly every probability lies within 0.2 above. */
function isUnsure(answers: DiscAnswers, within: number): boolean {
  return TARGETS.some((target) => {
    const { probability, threshold } = answers[target];
    return probability !== null && Math.abs(logit(probability) - logit(threshold)) <= within;
  });
}

function weightedClassifiers(manifest: PackManifest): DiscClassifier[] {
  const ids = TARGETS.flatMap((target) => {
    const { method, weights } = manifest.targets[target];
    return Object.keys(weights).filter((id) => method === 'aem' || weights[id]! > 0);
  });
  return manifest.members.flatMap((member) =>
    member.role === 'disc-classifier' && ids.includes(member.id) ? [member] : [],
  );
}

function classifierOf(manifest: PackManifest, id: string): DiscClassifier {
  const found = manifest.members.find((member) => member.id === id);
  if (found?.role !== 'disc-classifier') throw new RangeError(`the pack has no classifier ${id}`);
  return found;
}
