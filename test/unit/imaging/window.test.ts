import { describe, expect, test } from 'vitest';
import { applyAffine } from '../../../src/imaging/affine.ts';
import type { Grey16 } from '../../../src/imaging/image.ts';
import { uprightSlice } from '../../../src/imaging/upright.ts';
import { applyWindow, windowOf } from '../../../src/imaging/window.ts';

const grey16 = (width: number, height: number, value: (x: number, y: number) => number): Grey16 => ({
  depth: 'u16',
  width,
  height,
  data: Uint16Array.from({ length: width * height }, (_, index) => value(index % width, Math.floor(index / width))),
});
const PLAIN = { transpose: false, flipX: false, flipY: false };

describe('windowOf', () => {
  test('takes the values at index floor(q * (n - 1)) of the sorted pixels', () => {
    const image = grey16(20, 10, (x, y) => 1000 + y * 20 + x);
    expect(windowOf(image)).toEqual({ low: 1001, high: 1198 });
  });

  test('native depth and float pixels give the same window', () => {
    const image = grey16(31, 17, (x, y) => (x * 7919 + y * 104729) % 4096);
    const { low, high } = windowOf(image);
    const float = { depth: 'f32', width: 31, height: 17, data: Float32Array.from(image.data) } as const;
    expect(windowOf(float)).toEqual({ low, high });
  });

  test('a flat picture gets a window of width one and stays black', () => {
    const image = grey16(4, 4, () => 500);
    expect(windowOf(image)).toEqual({ low: 500, high: 501 });
    expect(new Set(applyWindow(image, windowOf(image)).data)).toEqual(new Set([0]));
  });
});

test('applyWindow clamps and rounds half up', () => {
  const image = grey16(5, 1, (x) => [0, 10, 11, 20, 40][x]!);
  expect([...applyWindow(image, { low: 10, high: 20 }).data]).toEqual([0, 0, 26, 255, 255]);
});

describe('uprightSlice', () => {
  test('non-square pixels become square, and the transform leads back to the stored pixel', () => {
    const stored = grey16(40, 20, (x, y) => (x >= 10 && x < 12 && y >= 5 && y < 6 ? 4000 : 100));
    const orientation = { transpose: true, flipX: true, flipY: false };
    const slice = uprightSlice(stored, { orientation, pixelSpacingMm: [1, 0.5], invert: false });
    expect([slice.image.width, slice.image.height, slice.spacingMm]).toEqual([40, 40, 0.5]);
    let [sumX, sumY, weight] = [0, 0, 0];
    for (const [index, value] of slice.image.data.entries()) {
      sumX += value * ((index % 40) + 0.5);
      sumY += value * (Math.floor(index / 40) + 0.5);
      weight += value;
    }
    const centre = applyAffine(slice.sourceTransform, sumX / weight, sumY / weight);
    expect(centre.x).toBeCloseTo(11, 1);
    expect(centre.y).toBeCloseTo(5.5, 1);
  });

  test('unknown spacing leaves the size alone', () => {
    const slice = uprightSlice(
      grey16(30, 50, (x) => x),
      { orientation: PLAIN, pixelSpacingMm: null, invert: false },
    );
    expect([slice.image.width, slice.image.height, slice.spacingMm]).toEqual([30, 50, null]);
    expect(slice.sourceTransform).toEqual([1, 0, 0, 0, 1, 0]);
  });

  test('MONOCHROME1 is inverted before the window', () => {
    const slice = uprightSlice(
      grey16(30, 50, (x) => x),
      { orientation: PLAIN, pixelSpacingMm: null, invert: true },
    );
    expect(slice.image.data[0]).toBe(255);
    expect(slice.image.data[29]).toBe(0);
  });
});
