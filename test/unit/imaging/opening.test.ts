import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { thinBright } from '../../../src/imaging/opening.ts';

const picture = (width: number, height: number, value: (x: number, y: number) => number): Grey8 => {
  const data = Uint8Array.from({ length: width * height }, (_, at) => value(at % width, Math.floor(at / width)));
  return { depth: 'u8', width, height, data };
};

/** The greatest, over the 7 x 7 squares that hold a pixel, of the least value in the square; borders are continued. */
function opened({ width, height, data }: Grey8, x: number, y: number): number {
  const clamp = (at: number, size: number) => Math.min(size - 1, Math.max(0, at));
  let greatest = 0;
  for (let top = y - 6; top <= y; top++) {
    for (let left = x - 6; left <= x; left++) {
      let least = 255;
      for (let at = 0; at < 49; at++) {
        const [column, row] = [clamp(left + (at % 7), width), clamp(top + Math.floor(at / 7), height)];
        least = Math.min(least, data[row * width + column]!);
      }
      greatest = Math.max(greatest, least);
    }
  }
  return greatest;
}

describe('thinBright', () => {
  test('a stroke of six pixels is left with its contrast to the ground, one of seven is ground', () => {
    const strokes = picture(40, 30, (x) => (x >= 4 && x < 10 ? 200 : x >= 20 && x < 27 ? 220 : 50));
    const { data } = thinBright(strokes);
    const row = [...data.subarray(15 * 40, 16 * 40)];
    expect(row).toEqual(Array.from({ length: 40 }, (_, x) => (x >= 4 && x < 10 ? 150 : 0)));
  });

  test('is the picture less its opening by a 7 x 7 square, up to the borders', () => {
    const size = fc.integer({ min: 1, max: 18 });
    fc.assert(
      fc.property(size, size, fc.infiniteStream(fc.integer({ min: 0, max: 255 })), (width, height, values) => {
        const image = picture(width, height, () => values.next().value as number);
        const expected = picture(width, height, (x, y) => image.data[y * width + x]! - opened(image, x, y));
        expect(thinBright(image)).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });
});
