import { describe, expect, test } from 'vitest';
import { seenRows } from '../../../src/imaging/seen-rows.ts';
import { randomOf } from '../../../src/phantom/random.ts';

function picture(width: number, height: number, value: (row: number, column: number) => number) {
  const data = Uint8Array.from({ length: width * height }, (_, at) => value(Math.floor(at / width), at % width));
  return { depth: 'u8', width, height, data } as const;
}

/** Dark in front, bright fat behind, as the rows of a sagittal slice. */
const tissue = (column: number) => (column < 30 ? 6 : 120);

describe('seenRows', () => {
  test('a picture that shows something down to its last row is seen whole', () => {
    expect(seenRows(picture(40, 30, (_, column) => tissue(column)))).toBe(30);
    expect(seenRows(picture(400, 300, (_, column) => tissue(column % 40)))).toBe(300);
  });

  test.each([
    ['black', 0],
    ['grey, as a viewer around its picture', 40],
    ['white, as a page', 255],
  ])('rows below of one value are not seen: %s', (_, level) => {
    expect(seenRows(picture(40, 30, (row, column) => (row < 20 ? tissue(column) : level)))).toBe(20);
    expect(seenRows(picture(400, 300, (row, column) => (row < 200 ? tissue(column % 40) : level)))).toBe(200);
  });

  test('rows below with noise are not seen', () => {
    const random = randomOf(1);
    const noisy = picture(400, 300, (row, column) => (row < 200 ? tissue(column % 40) : 60 * random()));
    expect(Math.abs(seenRows(noisy) - 200)).toBeLessThan(5);
  });

  test('a line across the rows below, or a few bright pixels in them, are not seen', () => {
    expect(
      seenRows(picture(40, 30, (row, column) => (row < 20 ? tissue(column) : row === 25 ? 200 : (row + column) % 8))),
    ).toBe(20);
    expect(seenRows(picture(40, 30, (row, column) => (row < 20 ? tissue(column) : column < 2 ? 120 : 0)))).toBe(20);
  });

  test('empty rows between others do not end it', () => {
    expect(seenRows(picture(40, 30, (row, column) => (row > 10 && row < 20 ? 0 : tissue(column))))).toBe(30);
  });

  test('nothing is seen of a picture of one value', () => {
    expect(seenRows(picture(40, 30, () => 0))).toBe(0);
    expect(seenRows(picture(40, 30, () => 255))).toBe(0);
  });
});
