import { describe, expect, test } from 'vitest';
import { FEATURES, gatesSchema } from '../../../src/contracts/pack.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { CLASS } from '../../../src/imaging/mask.ts';
import { cropFeatures, distanceFromTraining, pictureGates } from '../../../src/pipeline/gates.ts';

const WIDTH = 120;
const HEIGHT = 256;

/** Vertebra in the left third, disc in the middle one, canal in the right one. */
const mask: Grey8 = {
  depth: 'u8',
  width: WIDTH,
  height: HEIGHT,
  data: Uint8Array.from({ length: WIDTH * HEIGHT }, (_, index) => {
    const column = index % WIDTH;
    return column < 40 ? CLASS.vertebra : column < 80 ? CLASS.disc : CLASS.canal;
  }),
};

const picture = (value: (x: number, y: number) => number): Grey8 => ({
  ...mask,
  data: Uint8Array.from(mask.data, (_, index) => value(index % WIDTH, Math.floor(index / WIDTH))),
});

const t2 = picture((x, y) => (x < 40 ? 80 : x < 80 ? 40 : 160) + ((x * 31 + y * 17) % 9));
const SLICE = { width: 400, height: 400 };

describe('cropFeatures', () => {
  test('signal ratios are those of the drawn tissues', () => {
    const { canalToVertebra, discToVertebra } = cropFeatures(t2, mask);
    expect(canalToVertebra).toBeCloseTo(164 / 84, 1);
    expect(discToVertebra).toBeCloseTo(44 / 84, 1);
  });

  test('a missing tissue gives a ratio of 0', () => {
    const empty = { ...mask, data: new Uint8Array(mask.data.length) };
    expect(cropFeatures(t2, empty)).toMatchObject({ canalToVertebra: 0, discToVertebra: 0 });
  });

  test('noise is sharper than a ramp, and a ramp to the right is shaded to the right', () => {
    const ramp = cropFeatures(
      picture((x) => x * 2),
      mask,
    );
    const noise = cropFeatures(
      picture((x, y) => (x * 7919 + y * 104729) % 251),
      mask,
    );
    expect(noise.sharpness).toBeGreaterThan(10 * ramp.sharpness);
    expect(ramp.shading).toBeGreaterThan(1);
    expect(Math.abs(noise.shading)).toBeLessThan(0.1);
  });

  test('a ramp of two grey values a column has the statistics of its formula', () => {
    const ramp = cropFeatures(
      picture((x) => 2 * x),
      mask,
    );
    const contrast = 2 * Math.sqrt((WIDTH ** 2 - 1) / 12);
    expect(ramp.mean).toBeCloseTo(WIDTH - 1, 6);
    expect(ramp.contrast).toBeCloseTo(contrast, 4);
    expect([ramp.q10, ramp.q50, ramp.q90]).toEqual([22, 118, 214]);
    expect(ramp.gradient).toBeCloseTo(1 / contrast, 6);
    expect(ramp.sharpness).toBeCloseTo(0, 6);
    // The mean of the right half, without the borders, less that of the left one.
    expect(ramp.shading).toBeCloseTo((WIDTH - 2) / contrast, 6);
  });

  test('a chequered crop has the statistics of its formula', () => {
    const { contrast, gradient, sharpness, shading } = cropFeatures(
      picture((x, y) => ((x + y) % 2 === 0 ? 90 : 110)),
      mask,
    );
    expect(contrast).toBeCloseTo(10, 6);
    expect(gradient).toBeCloseTo(20 / 10, 6);
    expect(sharpness).toBeCloseTo(80 / 10, 6);
    expect(shading).toBeCloseTo(0, 6);
  });

  test('twice the matrix changes little', () => {
    const large: Grey8 = {
      depth: 'u8',
      width: 2 * WIDTH,
      height: 2 * HEIGHT,
      data: new Uint8Array(4 * WIDTH * HEIGHT),
    };
    const largeMask = { ...large, data: new Uint8Array(large.data.length) };
    for (let index = 0; index < large.data.length; index++) {
      const from = Math.floor(Math.floor(index / large.width) / 2) * WIDTH + Math.floor((index % large.width) / 2);
      large.data[index] = t2.data[from]!;
      largeMask.data[index] = mask.data[from]!;
    }
    const [small, big] = [cropFeatures(t2, mask), cropFeatures(large, largeMask)];
    for (const name of FEATURES)
      expect(Math.abs(big[name] - small[name])).toBeLessThan(0.02 + 0.02 * Math.abs(small[name]));
  });

  test('the logarithm of a ratio doubles where a darker window squares it, and a tissue that is missing says nothing', () => {
    const plain = cropFeatures(t2, mask);
    const darker = cropFeatures({ ...t2, data: t2.data.map((value) => Math.round(value ** 2 / 255)) }, mask);
    expect(plain.logCanalToVertebra).toBeCloseTo(Math.log(plain.canalToVertebra), 12);
    expect(darker.logCanalToVertebra / plain.logCanalToVertebra).toBeCloseTo(2, 1);
    const bare = { ...mask, data: mask.data.map(() => CLASS.background) };
    expect(cropFeatures(t2, bare)).toMatchObject({ logCanalToVertebra: 0, logDiscToVertebra: 0 });
  });

  test('a flat crop has finite features', () => {
    expect(
      Object.values(
        cropFeatures(
          picture(() => 9),
          mask,
        ),
      ).every(Number.isFinite),
    ).toBe(true);
  });
});

describe('distanceFromTraining', () => {
  const features = cropFeatures(t2, mask);
  test('is the mean squared z-score of the gate’s features', () => {
    const gate = {
      features: ['mean' as const, 'contrast' as const],
      mean: [features.mean - 6, features.contrast],
      std: [2, 1],
      limit: 4,
    };
    expect(distanceFromTraining(features, gate)).toBeCloseTo(4.5, 9);
  });

  test('a statistic that is not known is refused with the pack, not with each study', () => {
    const gate = (name: string) => ({ outOfDistribution: { features: [name], mean: [0], std: [1], limit: 1 } });
    expect(gatesSchema.safeParse(gate('mean')).success).toBe(true);
    expect(gatesSchema.safeParse(gate('colour')).success).toBe(false);
  });
});

describe('pictureGates', () => {
  const features = cropFeatures(t2, mask);
  const quality = { minSide: 200, minContrast: 10, sharpness: { low: 0, high: 9 } };
  const codesOf = (...args: Parameters<typeof pictureGates>) => pictureGates(...args).map(({ code }) => code);

  test('gates that the pack does not have do not judge', () => {
    expect(pictureGates(features, { width: 1, height: 1 }, {}, 'unknown')).toEqual([]);
  });

  test('a good picture passes', () => {
    const outOfDistribution = { features: ['mean' as const], mean: [features.mean], std: [5], limit: 3 };
    const gates = { lowQuality: quality, outOfDistribution, minCanalToVertebraSignal: 1.2 };
    expect(pictureGates(features, SLICE, gates, 'unknown')).toEqual([]);
  });

  test.each([
    ['a coarse slice', { width: 400, height: 150 }, quality],
    ['a flat crop', SLICE, { ...quality, minContrast: 90 }],
    ['a blurred crop', SLICE, { ...quality, sharpness: { low: 5, high: 9 } }],
    ['a noisy crop', SLICE, { ...quality, sharpness: { low: 0, high: 0.01 } }],
  ])('%s is of low quality', (_, slice, lowQuality) => {
    expect(codesOf(features, slice, { lowQuality }, 't2')).toEqual(['low_quality']);
  });

  const { contrast, sharpness } = features;
  const { width, height } = SLICE;
  const within = {
    minSide: Math.min(width, height),
    minContrast: contrast,
    sharpness: { low: sharpness, high: sharpness },
  };
  test.each([
    ['side', { ...within, minSide: within.minSide + 1 }],
    ['contrast', { ...within, minContrast: contrast + 1e-9 }],
    ['least sharpness', { ...within, sharpness: { low: sharpness + 1e-9, high: 9 } }],
    ['greatest sharpness', { ...within, sharpness: { low: 0, high: sharpness - 1e-9 } }],
  ])('what lies at every bound of quality passes, and not what lies just beyond that of the %s', (_, lowQuality) => {
    expect(codesOf(features, SLICE, { lowQuality: within }, 't2')).toEqual([]);
    expect(codesOf(features, SLICE, { lowQuality }, 't2')).toEqual(['low_quality']);
  });

  test('a distance at the limit passes, one just beyond does not; so does a canal at its bound', () => {
    const gate = { features: ['mean' as const], mean: [features.mean - 6], std: [2], limit: 9 };
    expect(codesOf(features, SLICE, { outOfDistribution: gate }, 't2')).toEqual([]);
    const beyond = { ...gate, limit: 9 - 1e-9 };
    expect(codesOf(features, SLICE, { outOfDistribution: beyond }, 't2')).toEqual(['out_of_distribution']);
    const { canalToVertebra: minCanalToVertebraSignal } = features;
    expect(codesOf(features, SLICE, { minCanalToVertebraSignal }, 'unknown')).toEqual([]);
  });

  test('a dark canal refuses a slice whose weighting no header tells, and no other', () => {
    const t1 = cropFeatures(
      picture((x) => (x < 40 ? 160 : x < 80 ? 120 : 60)),
      mask,
    );
    expect(codesOf(t1, SLICE, { minCanalToVertebraSignal: 0.8 }, 'unknown')).toEqual(['no_t2_series']);
    expect(codesOf(t1, SLICE, { minCanalToVertebraSignal: 0.8 }, 't2')).toEqual([]);
  });
});
