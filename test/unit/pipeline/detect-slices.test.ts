import { describe, expect, test } from 'vitest';
import { detectionSchema } from '../../../src/contracts/detection.ts';
import { LEVELS } from '../../../src/contracts/reasons.ts';
import { unpackCrops } from '../../../src/pipeline/crops.ts';
import { detectSlices } from '../../../src/pipeline/detect-slices.ts';
import { DISCS, discAnswer, drawnStudy, REGION, regionAnswer, SIZE, slicePixels } from '../../support/drawn-study.ts';
import { fakePack } from '../../support/fake-pack.ts';
import { tinyPack } from '../../support/tiny-pack.ts';

const { manifest } = tinyPack();
const NOTHING = { dims: [1, 5, 0], data: new Float32Array() };

/** A pack whose detectors find the drawn column; scores by the order in which slices are looked at. */
function finding({ discs = DISCS, scores = [0.9] }: { discs?: typeof DISCS; scores?: number[] } = {}) {
  const regions = [...scores];
  const columns = [...scores];
  return fakePack(manifest, {
    lumbar: () => regionAnswer(manifest, regions.shift()!),
    disc: () => discAnswer(manifest, discs, columns.shift()!),
  });
}

describe('detectSlices', () => {
  test('hands on region, named discs, the slice and packed crops', async () => {
    const study = drawnStudy('dicom', 1, [0.7, 0.7]);
    const result = await detectSlices({ study, slices: [slicePixels()] }, finding());
    const { detection } = result;
    expect(detectionSchema.parse(detection)).toEqual(detection);
    expect(detection.discs.map(({ level, levelCertain }) => [level, levelCertain])).toEqual(
      LEVELS.slice(0, 6).map((level) => [level, true]),
    );
    for (const [index, { box }] of detection.discs.entries()) {
      expect(box.x).toBeCloseTo(DISCS[index]!.x, 3);
      expect(box.height).toBeCloseTo(DISCS[index]!.height, 3);
    }
    expect(detection.lumbarRegion!.box.y).toBeCloseTo(REGION.y, 3);
    expect(detection).toMatchObject({
      rows: SIZE.height,
      columns: SIZE.width,
      pixelSpacingMm: [0.7, 0.7],
      reasons: [],
    });
    expect(detection.selected).toMatchObject({ seriesIndex: 1, sliceIndex: 7, sequence: 't2' });
    expect(result.refused).toEqual([]);
    expect(result.networksMs).toEqual({ lumbar: 1, disc: 1 });
  });

  test('one crop file for the region and one for each rule of the classifiers', async () => {
    const { detection, crops, upright } = await detectSlices(
      { study: drawnStudy('image'), slices: [slicePixels()] },
      finding(),
    );
    expect(detection.cropFiles).toEqual({ region: 'crops/region.crops', 'square-1.5': 'crops/square-1.5.crops' });
    expect([...crops.keys()].sort()).toEqual(Object.values(detection.cropFiles).sort());
    const discs = unpackCrops(crops.get('crops/square-1.5.crops')!);
    expect([...discs.keys()]).toEqual(LEVELS.slice(0, 6));
    const { x, y, image } = discs.get('L4-L5')!;
    expect([x, y, image.width, image.height]).toEqual([80, 253, 82, 82]);
    expect(image.data[0]).toBe(upright.data[y * upright.width + x]);
    expect([...unpackCrops(crops.get('crops/region.crops')!).keys()]).toEqual(['box-1.1']);
  });

  test('of five slices the one with the most confidence is taken, and all scores are kept', async () => {
    const study = drawnStudy('dicom', 5, [0.7, 0.7]);
    const slices = study.slices.map((_, index) => slicePixels(index));
    const { detection, networksMs } = await detectSlices(
      { study, slices },
      finding({ scores: [0.6, 0.62, 0.9, 0.5, 0.7] }),
    );
    expect(detection.selected).toMatchObject({ sliceIndex: 9, offsetMm: 8 });
    expect(detection.candidates.map(({ sliceIndex }) => sliceIndex)).toEqual([7, 8, 9, 10, 11]);
    expect(detection.candidates[2]!.regionConfidence).toBeCloseTo(0.9, 5);
    expect(detection.candidates[2]!.discs).toBe(6);
    expect(networksMs).toEqual({ lumbar: 5, disc: 5 });
  });

  test('of slices that are alike the one nearest to the middle is taken', async () => {
    const study = drawnStudy('dicom', 3, [0.7, 0.7]);
    const slices = study.slices.map((_, index) => slicePixels(index));
    const { detection } = await detectSlices({ study, slices }, finding({ scores: [0.9, 0.91, 0.915] }));
    expect(detection.selected.sliceIndex).toBe(7);
  });

  test('discs above the lumbar ones make no slice the better', async () => {
    const study = drawnStudy('dicom', 2, [0.7, 0.7]);
    const columns = [DISCS.slice(0, 5), DISCS];
    const pack = fakePack(manifest, {
      lumbar: () => regionAnswer(manifest, 0.9),
      disc: () => discAnswer(manifest, columns.shift()!, 0.9),
    });
    const { detection } = await detectSlices({ study, slices: [slicePixels(), slicePixels(1)] }, pack);
    expect(detection.candidates.map(({ discs }) => discs)).toEqual([5, 6]);
    expect(detection.selected.sliceIndex).toBe(7);
  });

  test('without a region the study is refused and no disc network runs', async () => {
    const pack = fakePack(manifest, { lumbar: () => NOTHING });
    const result = await detectSlices({ study: drawnStudy('image'), slices: [slicePixels()] }, pack);
    expect(result.refused.map(({ code }) => code)).toEqual(['lumbar_region_not_found']);
    expect(result.detection).toMatchObject({ lumbarRegion: null, discs: [], cropFiles: {} });
    expect(detectionSchema.parse(result.detection)).toEqual(result.detection);
    expect(result.crops.size).toBe(0);
    expect(pack.ran).toEqual(['lumbar']);
  });

  test('almost no discs are refused as not lumbar', async () => {
    const { refused } = await detectSlices(
      { study: drawnStudy('image'), slices: [slicePixels()] },
      finding({ discs: DISCS.slice(0, 2) }),
    );
    expect(refused.map(({ code }) => code)).toEqual(['not_lumbar']);
  });

  test('three discs are a lumbar spine of too few', async () => {
    const { detection, refused } = await detectSlices(
      { study: drawnStudy('image'), slices: [slicePixels()] },
      finding({ discs: DISCS.slice(0, 3) }),
    );
    expect(refused).toEqual([]);
    expect(detection.reasons.map(({ code }) => code)).toContain('too_few_discs');
  });

  test.each([
    ['four discs', 4],
    ['four lumbar discs and one above', 5],
  ])('%s are too few, and a gap makes the levels above it uncertain', async (_, count) => {
    const discs = DISCS.filter((__, index) => index !== 2).slice(0, count);
    const { detection, refused } = await detectSlices(
      { study: drawnStudy('image'), slices: [slicePixels()] },
      finding({ discs }),
    );
    expect(refused).toEqual([]);
    expect(detection.reasons.map(({ code, level }) => [code, level])).toEqual([
      ['too_few_discs', undefined],
      ['level_uncertain', 'L2-L3'],
      ['level_uncertain', 'L1-L2'],
    ]);
  });

  test.each([
    ['black', 200],
    ['grey', 500],
    ['white', 1699],
  ])('a picture that ends right below its lowest disc, on %s ground, has no certain level', async (_, ground) => {
    const whole = slicePixels();
    const cut = 370 * whole.width;
    const onGround = { ...whole, data: whole.data.map((value, at) => (at < cut ? value : ground)) };
    const { detection } = await detectSlices({ study: drawnStudy('image'), slices: [onGround] }, finding());
    expect(detection.discs.map(({ levelCertain }) => levelCertain)).toEqual(DISCS.map(() => false));
  });

  test('the same input gives the same detection', async () => {
    const once = () => detectSlices({ study: drawnStudy('image'), slices: [slicePixels()] }, finding());
    const [first, second] = [await once(), await once()];
    expect(JSON.stringify(first.detection)).toBe(JSON.stringify(second.detection));
    expect([...first.crops.values()].map(String)).toEqual([...second.crops.values()].map(String));
  });

  test('a bare picture that shows another spine beside the region needs review; a second box on the same one does not', async () => {
    const reasonsWith = async (kind: 'dicom' | 'image', x: number) => {
      const other = { ...REGION, x: REGION.x + x };
      const pack = fakePack(manifest, {
        lumbar: () => regionAnswer(manifest, 0.9, other),
        disc: () => discAnswer(manifest, DISCS, 0.9),
      });
      const { detection } = await detectSlices({ study: drawnStudy(kind), slices: [slicePixels()] }, pack);
      return detection.reasons.map(({ code }) => code);
    };
    expect(await reasonsWith('image', REGION.width)).toEqual(['out_of_distribution']);
    expect(await reasonsWith('image', REGION.width / 2)).toEqual([]);
    expect(await reasonsWith('dicom', REGION.width)).toEqual([]);
  });
});
