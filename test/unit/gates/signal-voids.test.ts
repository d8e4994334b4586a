import { describe, expect, test } from 'vitest';
import type { Box, NamedDisc } from '../../../src/contracts/detection.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { uprightSlice } from '../../../src/imaging/upright.ts';
import type { PhantomSpec } from '../../../src/phantom/phantom.ts';
import { discsInVoids, voidReasons } from '../../../src/pipeline/signal-voids.ts';
import { phantomOnce } from '../../support/drawn-once.ts';

interface Drawn {
  readonly upright: Grey8;
  readonly discs: readonly NamedDisc[];
}

/** A drawn slice and its discs, their boxes as loose about them as a detector's. */
function drawn(spec: PhantomSpec): Drawn {
  const phantom = phantomOnce(spec);
  const upright = uprightSlice(phantom.image, {
    orientation: { transpose: false, flipX: false, flipY: false },
    pixelSpacingMm: null,
    invert: false,
  }).image;
  const discs = phantom.discs.map(({ level, box: { x, y, width, height } }) => ({
    level,
    levelCertain: true,
    confidence: 0.9,
    box: { x: x - 0.1 * width, y: y - 0.25 * height, width: 1.2 * width, height: 1.5 * height },
  }));
  return { upright, discs };
}

/** A dark ellipse about a point, so many boxes wide and high, with noise of 0 to 9 in it. */
function withVoid(upright: Grey8, { x, y, width, height }: Box, wide: number, high: number, down = 0): Grey8 {
  const data = Uint8Array.from(upright.data, (value, index) => {
    const across = ((index % upright.width) + 0.5 - x - width / 2) / (wide * width);
    const along = (Math.floor(index / upright.width) + 0.5 - y - height * (0.5 + down)) / (high * height);
    const depth = Math.min(1, Math.max(0, 1.1 - Math.hypot(across, along)) * 10);
    return Math.round(value * (1 - depth) + depth * ((index * 7919) % 10));
  });
  return { ...upright, data };
}

const found = ({ upright, discs }: Drawn) => [...discsInVoids(upright, discs)];
const boxOf = ({ discs }: Drawn, level: string) => discs.find((disc) => disc.level === level)!.box;

describe('discsInVoids', () => {
  test.each([2, 7, 12, 31])('finds none on phantom %d, shaded, noisy or with black degenerated discs', (seed) => {
    const grades = { 'L5-S1': 5, 'L4-L5': 5 } as const;
    expect(found(drawn({ seed }))).toEqual([]);
    expect(found(drawn({ seed, grades, shading: 1, noise: 0.03 }))).toEqual([]);
  });

  test.each([
    ['L5-S1', 0.8, 0.8],
    ['L4-L5', 0.7, 0.95],
    ['L3-L4', 1.2, 1.6],
    ['L1-L2', 0.9, 1],
  ])('finds the disc %s inside a void %d boxes wide and %d high', (level, wide, high) => {
    for (const seed of [2, 7, 12, 31]) {
      const slice = drawn({ seed, shading: 0.5, noise: 0.02 });
      expect(found({ ...slice, upright: withVoid(slice.upright, boxOf(slice, level), wide, high) })).toContain(level);
    }
  });

  test('finds a disc that was drawn at the edge of a void: half its box is black', () => {
    const slice = drawn({ seed: 7 });
    const upright = withVoid(slice.upright, boxOf(slice, 'L3-L4'), 1, 0.8, 0.7);
    expect(found({ ...slice, upright })).toEqual(['L3-L4']);
  });

  test('finds two neighbours in one void: the other discs tell the signal of the slice', () => {
    const slice = drawn({ seed: 12 });
    const first = withVoid(slice.upright, boxOf(slice, 'L5-S1'), 1, 1.2);
    const upright = withVoid(first, boxOf(slice, 'L4-L5'), 1, 1.2);
    expect(found({ ...slice, upright })).toEqual(['L5-S1', 'L4-L5']);
  });

  test('finds none above L1-L2, where pictures end, nor in a black slice', () => {
    const slice = drawn({ seed: 7 });
    const upright = withVoid(slice.upright, boxOf(slice, 'T12-L1'), 1, 0.8);
    expect(found({ ...slice, upright })).toEqual([]);
    const black = { ...slice.upright, data: new Uint8Array(slice.upright.data.length) };
    expect(found({ ...slice, upright: black })).toEqual([]);
  });

  test('a box beyond the picture is no void, and says nothing of the slice', () => {
    const slice = drawn({ seed: 7 });
    const discs = slice.discs.map((disc) =>
      disc.level === 'L1-L2' ? { ...disc, box: { ...disc.box, y: -2 * disc.box.height } } : disc,
    );
    expect(found({ ...slice, discs })).toEqual([]);
  });
});

test('each disc in a void is a reason to look', () => {
  expect(voidReasons(new Set(['L4-L5']))).toMatchObject([{ code: 'low_quality', level: 'L4-L5' }]);
});
