import { describe, expect, test } from 'vitest';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { resizeBilinear, squarePixelSize } from '../../../src/imaging/resize.ts';

const grey = (width: number, height: number, values: number[]): Grey8 => ({
  depth: 'u8',
  width,
  height,
  data: Uint8Array.from(values),
});

describe('resizeBilinear, by hand from half-pixel centres', () => {
  test('two pixels to four: a quarter of the way in at each inner pixel, clamped at the ends', () => {
    expect([...resizeBilinear(grey(2, 1, [0, 100]), 4, 1).data]).toEqual([0, 25, 75, 100]);
  });

  test('four pixels to two: the mean of the two nearest, no wider antialias', () => {
    expect([...resizeBilinear(grey(4, 1, [0, 100, 20, 60]), 2, 1).data]).toEqual([50, 40]);
  });

  test('five pixels to two: sources 0.75 and 3.25', () => {
    expect([...resizeBilinear(grey(5, 1, [0, 100, 0, 40, 80]), 2, 1).data]).toEqual([75, 50]);
  });

  test('both axes at once', () => {
    const { data } = resizeBilinear(grey(2, 2, [0, 100, 200, 60]), 4, 4);
    expect([...data.subarray(0, 4)]).toEqual([0, 25, 75, 100]);
    expect([...data.subarray(4, 8)]).toEqual([50, 60, 80, 90]);
    expect([...data.subarray(12, 16)]).toEqual([200, 165, 95, 60]);
  });

  test('the same size gives the same values', () => {
    expect([...resizeBilinear(grey(3, 2, [1, 2, 3, 4, 5, 6]), 3, 2).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('one pixel fills any size', () => {
    expect([...resizeBilinear(grey(1, 1, [7]), 3, 2).data]).toEqual([7, 7, 7, 7, 7, 7]);
  });
});

describe('squarePixelSize', () => {
  test('the coarser axis grows to the finer spacing', () => {
    expect(squarePixelSize(256, 256, [1, 0.5])).toEqual({ width: 256, height: 512, spacingMm: 0.5 });
    expect(squarePixelSize(100, 80, [0.6, 0.8])).toEqual({ width: 133, height: 80, spacingMm: 0.6 });
  });

  test('square pixels stay as they are', () => {
    expect(squarePixelSize(511, 513, [0.7, 0.7])).toEqual({ width: 511, height: 513, spacingMm: 0.7 });
  });
});
