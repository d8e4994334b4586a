import { describe, expect, test } from 'vitest';
import { seenRows } from '../../../src/imaging/seen-rows.ts';

function picture(width: number, height: number, value: (row: number, column: number) => number) {
  const data = Uint8Array.from({ length: width * height }, (_, at) => value(Math.floor(at / width), at % width));
  return { depth: 'u8', width, height, data } as const;
}

describe('seenRows', () => {
  test('a picture that shows something down to its last row is seen whole', () => {
    expect(seenRows(picture(40, 30, () => 120))).toBe(30);
  });

  test('black rows below are not seen, nor rows with noise or a few bright pixels', () => {
    expect(seenRows(picture(40, 30, (row) => (row < 20 ? 120 : 0)))).toBe(20);
    expect(seenRows(picture(40, 30, (row, column) => (row < 20 ? 120 : (row + column) % 8)))).toBe(20);
    expect(seenRows(picture(40, 30, (row, column) => (row < 20 || column < 2 ? 120 : 0)))).toBe(20);
  });

  test('black rows between bright ones do not end it', () => {
    expect(seenRows(picture(40, 30, (row) => (row > 10 && row < 20 ? 0 : 120)))).toBe(30);
  });

  test('nothing is seen of a black picture', () => {
    expect(seenRows(picture(40, 30, () => 0))).toBe(0);
  });
});
