import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readProbabilities } from '../../src/classification/classifier.ts';
import type { Box } from '../../src/contracts/detection.ts';
import { type CropRule, TARGETS, type Target } from '../../src/contracts/pack.ts';
import { answerOf, effectiveWeights } from '../../src/ensemble/ensemble.ts';
import { cropPixels, cropRect } from '../../src/imaging/crop.ts';
import type { Grey8 } from '../../src/imaging/image.ts';
import { inputBatch } from '../../src/imaging/tensor.ts';
import type { Engine, LoadedPack } from '../../src/pipeline/ports.ts';
import { argmaxClasses, shareOf, sumOfShares } from '../../src/segmentation/segmenter.ts';
import { fixture, openDefaultPack, uprightFixture } from './pictures.ts';

interface Samples {
  readonly shape: readonly number[];
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

interface Golden {
  readonly phantoms: ReadonlyArray<{ readonly file: string; readonly region: Box; readonly discs: readonly Box[] }>;
  readonly classifiers: ReadonlyArray<{
    readonly id: string;
    readonly sha256: string;
    readonly targets: readonly Target[];
    readonly cases: ReadonlyArray<{
      readonly phantom: number;
      readonly disc: number;
      readonly crop: readonly number[];
      readonly tensor: Samples;
      readonly probabilities: readonly number[];
    }>;
  }>;
  readonly segmenters: ReadonlyArray<{
    readonly id: string;
    readonly sha256: string;
    readonly cases: ReadonlyArray<{
      readonly phantom: number;
      readonly crop: readonly number[];
      readonly tensor: Samples;
      readonly probabilities: Samples;
    }>;
  }>;
  readonly ensemble: {
    readonly discs: ReadonlyArray<
      { readonly phantom: number; readonly disc: number } & Record<
        Target,
        { readonly probability: number; readonly disagreement: number; readonly positive: boolean }
      >
    >;
    readonly segmentation: ReadonlyArray<{
      readonly phantom: number;
      readonly probabilities: Samples;
      readonly classPixels: readonly number[];
    }>;
  };
}

const golden = await fixture<Golden>('networks.json');
let engine: Engine;
let pack: LoadedPack;
let slices: Grey8[];
beforeAll(async () => {
  ({ engine, pack } = await openDefaultPack());
  slices = await Promise.all(golden.phantoms.map(async ({ file }) => (await uprightFixture(file)).image));
});
afterAll(() => engine.close());

function member<Role extends 'disc-classifier' | 'spine-segmenter'>(role: Role, id: string) {
  const found = pack.manifest.members.find((one) => one.id === id);
  if (found?.role !== role) throw new Error(`the pack has no ${role} ${id}: run the golden command of training`);
  return found as Extract<typeof found, { role: Role }>;
}

function cut(slice: Grey8, box: Box, rule: CropRule): { crop: Grey8; corners: number[] } {
  const rect = cropRect(box, rule, slice)!;
  return { crop: cropPixels(slice, rect), corners: [rect.x0, rect.y0, rect.x1, rect.y1] };
}

function expectSamples(data: Float32Array, samples: Samples, tolerance: number): void {
  expect(data.length).toBe(samples.shape.reduce((product, size) => product * size, 1));
  for (const [at, index] of samples.indices.entries()) {
    expect(Math.abs(data[index]! - samples.values[at]!)).toBeLessThan(tolerance);
  }
}

/** Each case's probabilities by target, by `phantom/disc`. */
async function classify(id: string, phantom: number) {
  const classifier = member('disc-classifier', id);
  const boxes = golden.phantoms[phantom]!.discs;
  const crops = boxes.map((box) => cut(slices[phantom]!, box, classifier.crop));
  const batch = inputBatch(
    crops.map(({ crop }) => crop),
    classifier.input,
  );
  const tensor = batch.data.slice();
  const { output } = await pack.run(id, batch);
  return { crops, tensor, probabilities: readProbabilities(output, classifier, boxes.length) };
}

async function segment(id: string, phantom: number) {
  const segmenter = member('spine-segmenter', id);
  const { crop, corners } = cut(slices[phantom]!, golden.phantoms[phantom]!.region, segmenter.crop);
  const batch = inputBatch([crop], segmenter.input);
  const tensor = batch.data.slice();
  const { output } = await pack.run(id, batch);
  return { crop, corners, tensor, output, placement: batch.placements[0]! };
}

test('the fixtures are of the members that the pack holds', () => {
  const held = new Map(pack.manifest.members.map(({ id, sha256 }) => [id, sha256]));
  for (const { id, sha256 } of [...golden.classifiers, ...golden.segmenters])
    expect([id, held.get(id)]).toEqual([id, sha256]);
});

describe.each(golden.classifiers)('classifier $id agrees with training', ({ id, targets, cases }) => {
  test.each([...golden.phantoms.keys()])('crop, tensor and probabilities of phantom %i', async (phantom) => {
    const { crops, tensor, probabilities } = await classify(id, phantom);
    const { width, height, channels } = member('disc-classifier', id).input;
    const size = width * height * channels;
    for (const one of cases.filter((each) => each.phantom === phantom)) {
      expect(crops[one.disc]!.corners).toEqual(one.crop);
      expectSamples(tensor.subarray(one.disc * size, (one.disc + 1) * size), one.tensor, 1e-3);
      for (const [index, target] of targets.entries()) {
        expect(Math.abs(probabilities[one.disc]![target]! - one.probabilities[index]!)).toBeLessThan(1e-3);
      }
    }
  });
});

describe.each(golden.segmenters)('segmenter $id agrees with training', ({ id, cases }) => {
  test.each(cases)(
    'crop, tensor and probabilities of phantom $phantom',
    async ({ phantom, crop, tensor, probabilities }) => {
      const { output, placement, ...result } = await segment(id, phantom);
      expect(result.corners).toEqual(crop);
      expectSamples(result.tensor, tensor, 1e-3);
      const { data } = sumOfShares([{ id, weight: 1, output, placement }].map(shareOf), result.crop);
      expectSamples(data, probabilities, 1e-3);
    },
  );
});

describe('the ensemble agrees with training', () => {
  test('calibrated probabilities, disagreement and answers of every disc', async () => {
    const votes = new Map<string, Array<{ id: string; byTarget: Partial<Record<Target, number>> }>>();
    for (const { id } of golden.classifiers) {
      for (const phantom of golden.phantoms.keys()) {
        const { probabilities } = await classify(id, phantom);
        for (const [disc, byTarget] of probabilities.entries()) {
          const key = `${phantom}/${disc}`;
          votes.set(key, [...(votes.get(key) ?? []), { id, byTarget }]);
        }
      }
    }
    for (const disc of golden.ensemble.discs) {
      for (const target of TARGETS) {
        const members = votes
          .get(`${disc.phantom}/${disc.disc}`)!
          .flatMap(({ id, byTarget }) =>
            byTarget[target] === undefined ? [] : [{ id, probability: byTarget[target] }],
          );
        const answer = answerOf(members, pack.manifest.targets[target]);
        expect(Math.abs(answer.probability! - disc[target].probability)).toBeLessThan(1e-3);
        expect(Math.abs((answer.disagreement ?? 0) - disc[target].disagreement)).toBeLessThan(1e-3);
        if (Math.abs(answer.probability! - answer.threshold) > 1e-3)
          expect(answer.positive).toBe(disc[target].positive);
      }
    }
  });

  test('mean class probabilities and class maps of every phantom', async () => {
    const ids = new Set(golden.segmenters.map(({ id }) => id));
    const weights = effectiveWeights(pack.manifest.segmentation, ids);
    for (const { phantom, probabilities, classPixels } of golden.ensemble.segmentation) {
      const outputs = await Promise.all(
        weights.map(async ({ id, weight }) => ({ id, weight, ...(await segment(id, phantom)) })),
      );
      const mean = sumOfShares(outputs.map(shareOf), outputs[0]!.crop);
      expectSamples(mean.data, probabilities, 1e-3);
      const counts = [0, 0, 0, 0];
      for (const value of argmaxClasses(mean)) counts[value]!++;
      for (const [value, count] of classPixels.entries())
        expect(Math.abs(counts[value]! - count)).toBeLessThanOrEqual(4);
    }
  });
});
