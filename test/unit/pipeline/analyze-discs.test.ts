import { describe, expect, test } from 'vitest';
import type { Tier } from '../../../src/contracts/keys.ts';
import type { Gates, PackManifest } from '../../../src/contracts/pack.ts';
import { LEVELS } from '../../../src/contracts/reasons.ts';
import { reportSchema } from '../../../src/contracts/report.ts';
import type { Study } from '../../../src/contracts/study.ts';
import type { Grey16 } from '../../../src/imaging/image.ts';
import { analyzeDiscs } from '../../../src/pipeline/analyze-discs.ts';
import { detectSlices } from '../../../src/pipeline/detect-slices.ts';
import type { LoadedPack, Tensor } from '../../../src/pipeline/ports.ts';
import { DISCS, discAnswer, drawnStudy, REGION, regionAnswer, slicePixels } from '../../support/drawn-study.ts';
import { fakePack } from '../../support/fake-pack.ts';
import { tinyPack } from '../../support/tiny-pack.ts';

const logit = (p: number) => Math.log(p / (1 - p));

/** Logits of both targets for each picture of a batch: `bulge` by picture, `herniation` half of it. */
function votes(bulge: readonly number[]) {
  return ({ dims }: Tensor): Tensor => ({
    dims: [dims[0]!, 2],
    data: Float32Array.from({ length: dims[0]! * 2 }, (_, index) => {
      const p = bulge[Math.floor(index / 2)] ?? 0.2;
      return logit(index % 2 === 0 ? p : p / 2);
    }),
  });
}

/** Background in front, vertebra in the middle, canal behind, over the whole height of the crop. */
function stripes({ dims }: Tensor): Tensor {
  const [, , height = 0, width = 0] = dims;
  const data = new Float32Array(4 * height * width);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const share = (pixel % width) / width;
    data[(share < 0.3 ? 0 : share < 0.7 ? 1 : 3) * height * width + pixel] = 10;
  }
  return { dims: [1, 4, height, width], data };
}

function makePack(
  options: { gates?: Gates; a?: number[]; b?: number[]; edit?: (m: PackManifest) => PackManifest } = {},
) {
  const base = { ...tinyPack().manifest, gates: options.gates ?? {} };
  const manifest = options.edit?.(base) ?? base;
  return fakePack(manifest, {
    lumbar: () => regionAnswer(manifest, 0.9),
    disc: () => discAnswer(manifest, DISCS, 0.8),
    'classifier-a': votes(options.a ?? [0.9, 0.1, 0.1, 0.1, 0.1, 0.1]),
    'classifier-b': votes(options.b ?? [0.7, 0.3, 0.1, 0.1, 0.1, 0.1]),
    segmenter: stripes,
  });
}

async function analyze(
  pack: LoadedPack,
  tier: Tier,
  study: Study = drawnStudy('dicom', 1, [0.7, 0.7]),
  pixels: Grey16 = slicePixels(),
) {
  const { detection, upright, crops } = await detectSlices({ study, slices: study.slices.map(() => pixels) }, pack);
  return analyzeDiscs({ study, detection, upright, crops, tenant: study.tenant, runKey: 'b'.repeat(26) }, pack, tier);
}

/** The texture with no signal in the rows of one disc, counted from the lowest. */
function blackened(disc: number): Grey16 {
  const slice = slicePixels();
  const { y, height } = DISCS[disc]!;
  const data = slice.data.map((value, index) => {
    const row = Math.floor(index / slice.width);
    return row > y - 4 && row < y + height + 4 ? 0 : value;
  });
  return { ...slice, data };
}

const codes = ({ report }: Awaited<ReturnType<typeof analyze>>) => report.reasons.map(({ code }) => code);

describe('analyzeDiscs', () => {
  test('answers both questions for every disc, one batch a network', async () => {
    const pack = makePack();
    const { report, mask, networksMs } = await analyze(pack, 'ensemble');
    expect(reportSchema.parse(report)).toEqual(report);
    expect(report.status).toBe('done');
    expect(report.discs.map(({ level }) => level)).toEqual(LEVELS.slice(0, 6));
    expect(report.discs[0]!.bulgeOrHerniation).toEqual({
      assessable: true,
      probability: 0.85,
      positive: true,
      threshold: 0.5,
      disagreement: 0.0866,
      members: [
        { id: 'classifier-a', probability: 0.9, weight: 0.75 },
        { id: 'classifier-b', probability: 0.7, weight: 0.25 },
      ],
    });
    expect(report.discs[0]!.herniation).toMatchObject({ probability: 0.425, positive: false });
    expect(pack.ran.filter((id) => id.startsWith('classifier')).sort()).toEqual(['classifier-a', 'classifier-b']);
    expect(Object.keys(networksMs).sort()).toEqual(['classifier-a', 'classifier-b', 'segmenter']);
    expect([mask!.width, mask!.height]).toEqual([report.input!.columns, report.input!.rows]);
  });

  test('the report says what was segmented, by whom and with which pack', async () => {
    const { report } = await analyze(makePack(), 'ensemble');
    expect(report.segmentation!.members).toEqual([{ id: 'segmenter', weight: 1 }]);
    const { background, vertebra, disc, canal } = report.segmentation!.areasMm2!;
    expect(canal).toBeGreaterThan(0);
    expect(background + vertebra + disc + canal).toBeCloseTo(
      report.input!.rows! * report.input!.columns! * 0.7 ** 2,
      1,
    );
    expect(report.models).toEqual({ pack: 'tiny', version: '1', sha256: 'f'.repeat(64), tier: 'ensemble' });
    expect(report.limits).toEqual(['single_mid_sagittal_slice']);
  });

  test('single asks one classifier, and its probability counts alone', async () => {
    const pack = makePack();
    const { report } = await analyze(pack, 'single');
    expect(pack.ran).not.toContain('classifier-b');
    expect(report.discs[0]!.bulgeOrHerniation).toMatchObject({ probability: 0.9, disagreement: null });
  });

  test('auto asks the rest only for discs near a threshold', async () => {
    const pack = makePack({ a: [0.9, 0.45, 0.1, 0.1, 0.1, 0.1], b: [0.2] });
    const { report } = await analyze(pack, 'auto');
    expect(pack.ran.filter((id) => id.startsWith('classifier'))).toEqual(['classifier-a', 'classifier-b']);
    const answers = report.discs.map(({ bulgeOrHerniation }) => bulgeOrHerniation);
    expect(answers[1]!.members.map(({ id }) => id)).toEqual(['classifier-a', 'classifier-b']);
    expect(answers[1]!.probability).toBe(0.3875);
    expect(answers[2]!.members.map(({ id }) => id)).toEqual(['classifier-a']);
  });

  test('auto asks the rest for a disc just as far from a threshold as the pack says', async () => {
    const within = (escalateWithin: number) => (m: PackManifest) => ({
      ...m,
      tiers: { ...m.tiers, auto: { escalateWithin } },
    });
    const a = [0.2, 0.1, 0.1, 0.1, 0.1, 0.1];
    const reach = Math.abs(logit(0.2));
    const near = makePack({ edit: within(reach), a });
    await analyze(near, 'auto');
    expect(near.ran).toContain('classifier-b');
    const far = makePack({ edit: within(reach - 1e-9), a });
    await analyze(far, 'auto');
    expect(far.ran).not.toContain('classifier-b');
  });

  test('auto asks nobody else where everything is clear', async () => {
    const pack = makePack({ a: [0.2, 0.1, 0.1, 0.1, 0.1, 0.1] });
    await analyze(pack, 'auto');
    expect(pack.ran).not.toContain('classifier-b');
  });

  test('auto judges nearness in log odds: far above a low threshold is clear', async () => {
    const low = (m: PackManifest) => {
      const target = { ...m.targets.herniation, threshold: 0.05 };
      return { ...m, targets: { herniation: target, bulgeOrHerniation: target } };
    };
    const clear = makePack({ edit: low, a: [0.2, 0.01, 0.01, 0.01, 0.01, 0.01] });
    await analyze(clear, 'auto');
    expect(clear.ran).not.toContain('classifier-b');
    const near = makePack({ edit: low, a: [0.07, 0.01, 0.01, 0.01, 0.01, 0.01] });
    await analyze(near, 'auto');
    expect(near.ran).toContain('classifier-b');
  });

  test('a disc that auto leaves to the single tier keeps its answer, though that classifier has no weight', async () => {
    const unweighted = (m: PackManifest) => {
      const target = { ...m.targets.herniation, weights: { 'classifier-a': 0, 'classifier-b': 1 } };
      return { ...m, targets: { herniation: target, bulgeOrHerniation: target } };
    };
    const pack = makePack({ edit: unweighted, a: [0.45, 0.1, 0.1, 0.1, 0.1, 0.1], b: [0.9] });
    const { report } = await analyze(pack, 'auto');
    const [near, clear] = report.discs.map(({ bulgeOrHerniation }) => bulgeOrHerniation);
    expect(near).toMatchObject({ probability: 0.9, members: [{ id: 'classifier-b' }] });
    expect(clear).toMatchObject({ probability: 0.1, members: [{ id: 'classifier-a' }] });
    const whole = makePack({ edit: unweighted });
    await analyze(whole, 'ensemble');
    expect(whole.ran).not.toContain('classifier-a');
  });

  test('without a known spacing there are no measurements and no areas', async () => {
    const { report } = await analyze(makePack(), 'ensemble', drawnStudy('image'));
    expect(report.discs.every(({ measurements }) => measurements === null)).toBe(true);
    expect(report.segmentation!.areasMm2).toBeNull();
  });

  test('members that disagree on a lumbar disc need a review, on an upper one they do not', async () => {
    const gates = { membersDisagree: 0.3 };
    const disagreeing = await analyze(makePack({ gates, a: [0.1, 0.95], b: [0.1, 0.05] }), 'ensemble');
    expect(disagreeing.report.reasons).toMatchObject([{ code: 'members_disagree', level: 'L4-L5' }]);
    expect(disagreeing.report.status).toBe('needs_review');
    const upper = [0.1, 0.1, 0.1, 0.1, 0.1];
    const calm = await analyze(makePack({ gates, a: [...upper, 0.95], b: [...upper, 0.05] }), 'ensemble');
    expect(calm.report.status).toBe('done');
  });

  test('members that disagree just as much as allowed need none, and either question is asked', async () => {
    const alone = (m: PackManifest) => {
      const bulgeOrHerniation = {
        ...m.targets.bulgeOrHerniation,
        method: 'single' as const,
        weights: { 'classifier-a': 1 },
      };
      return { ...m, targets: { ...m.targets, bulgeOrHerniation } };
    };
    const ask = (membersDisagree: number) =>
      analyze(makePack({ gates: { membersDisagree }, edit: alone, a: [0.9, 0.1], b: [0.1, 0.1] }), 'ensemble');
    const { report } = await ask(0.01);
    expect(report.reasons).toMatchObject([{ code: 'members_disagree', level: 'L5-S1' }]);
    expect(report.discs[0]!.bulgeOrHerniation.disagreement).toBeNull();
    expect(codes(await ask(report.discs[0]!.herniation.disagreement!))).toEqual([]);
  });

  test('a bare picture whose canal is not bright is refused, a DICOM one is not', async () => {
    const gates = { minCanalToVertebraSignal: 5 };
    const picture = await analyze(makePack({ gates }), 'ensemble', drawnStudy('image'));
    expect(codes(picture)).toEqual(['no_t2_series']);
    expect(picture.report).toMatchObject({ status: 'rejected', discs: [], segmentation: null });
    expect(picture.mask).toBeNull();
    expect(reportSchema.parse(picture.report)).toEqual(picture.report);
    expect(codes(await analyze(makePack({ gates }), 'ensemble'))).toEqual([]);
  });

  test('a refusal outweighs what only asks for a review', async () => {
    const lowQuality = { minSide: 500, minContrast: 0, sharpness: { low: 0, high: 99 } };
    const gates = { minCanalToVertebraSignal: 5, lowQuality };
    const result = await analyze(makePack({ gates }), 'ensemble', drawnStudy('image'));
    expect(codes(result)).toEqual(['no_t2_series', 'low_quality']);
    expect(result.report).toMatchObject({ status: 'rejected', discs: [] });
  });

  test('the canal is looked for where the crop lies in the slice', async () => {
    const { data, ...slice } = slicePixels();
    const canal = REGION.x - 0.05 * REGION.width + 0.7 * 1.1 * REGION.width;
    const bright = data.map((value, index) => (index % slice.width >= canal ? 6000 : 0) + value / 2);
    const picture = { ...slice, data: bright };
    const gates = { minCanalToVertebraSignal: 3 };
    expect(codes(await analyze(makePack({ gates }), 'ensemble', drawnStudy('image'), picture))).toEqual([]);
  });

  test('pictures of low quality or far from the training need a review', async () => {
    const lowQuality = { minSide: 500, minContrast: 0, sharpness: { low: 0, high: 99 } };
    const outOfDistribution = { features: ['mean' as const], mean: [10], std: [0.1], limit: 9 };
    const result = await analyze(makePack({ gates: { lowQuality, outOfDistribution } }), 'ensemble');
    expect(codes(result)).toEqual(['low_quality', 'out_of_distribution']);
    expect(result.report.status).toBe('needs_review');
    expect(result.report.discs).toHaveLength(6);
  });

  test.each(['single', 'auto', 'ensemble'] as const)('a disc in a signal void has no answer, tier %s', async (tier) => {
    const pack = makePack({ a: [0.45], b: [0.45] });
    const { report } = await analyze(pack, tier, drawnStudy('dicom', 1, [0.7, 0.7]), blackened(1));
    expect(reportSchema.parse(report)).toEqual(report);
    expect(report.status).toBe('needs_review');
    expect(report.discs[1]).toMatchObject({
      level: 'L4-L5',
      herniation: { assessable: false, probability: null, positive: null, members: [] },
      bulgeOrHerniation: { assessable: false, probability: null, positive: null, members: [] },
      measurements: null,
    });
    expect(report.discs.map(({ herniation }) => herniation.assessable)).toEqual([true, false, true, true, true, true]);
    expect(report.discs.map(({ levelCertain }) => levelCertain)).toEqual([true, false, false, false, false, false]);
    expect(report.reasons.map(({ code, level }) => [code, level])).toEqual([
      ['low_quality', 'L4-L5'],
      ['level_uncertain', 'L4-L5'],
      ['level_uncertain', 'L3-L4'],
      ['level_uncertain', 'L2-L3'],
      ['level_uncertain', 'L1-L2'],
    ]);
  });

  test('a slice that leaves the canal is answered, with a flag a disc', async () => {
    const pack = makePack();
    const run: typeof pack.run = async (id, input) => {
      const answer = await pack.run(id, input);
      if (id !== 'segmenter') return answer;
      const { dims, data } = answer.output;
      return { ...answer, output: { dims, data: data.map((value, at) => (at < (data.length / 4) * 3 ? value : -99)) } };
    };
    const result = await analyze({ ...pack, run }, 'ensemble');
    expect(codes(result)).toEqual(new Array(5).fill('canal_not_seen'));
    expect(result.report.status).toBe('done');
  });

  test('flags of the study and reasons of detect stand in the report', async () => {
    const study = drawnStudy('dicom', 1, [0.7, 0.7]);
    const flagged = { ...study, flags: [{ code: 'age_unknown' as const, message: 'unknown' }] };
    const result = await analyze(makePack(), 'ensemble', flagged);
    expect(codes(result)).toEqual(['age_unknown']);
    expect(result.report.status).toBe('done');
  });

  test.each(['lumbar', 'disc', 'classifier-b', 'segmenter'])(
    'a %s whose answer is no number ends in an error, not in what the picture is blamed for',
    async (broken) => {
      const pack = makePack();
      const run = async (id: string, input: Tensor) => {
        const answer = await pack.run(id, input);
        if (id === broken) answer.output.data.fill(Number.NaN);
        return answer;
      };
      await expect(analyze({ ...pack, run }, 'ensemble')).rejects.toThrow(RangeError);
    },
  );

  test('the same input gives the same report', async () => {
    const [first, second] = [await analyze(makePack(), 'ensemble'), await analyze(makePack(), 'ensemble')];
    expect(JSON.stringify(first.report)).toBe(JSON.stringify(second.report));
  });
});
