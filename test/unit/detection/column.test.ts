import { describe, expect, test } from 'vitest';
import { type DiscColumn, discSpacing, localSpacing } from '../../../src/detection/column.ts';

/** Discs above one another, the lowest first, with these distances of their centres. */
function columnOf(steps: readonly number[]): DiscColumn {
  let y = 1000;
  return [0, ...steps].map((step) => {
    y -= step;
    return { box: { x: 100, y, width: 50, height: 20 }, confidence: 0.9 };
  });
}

describe('discSpacing', () => {
  test('is the median of the lowest four steps, the upper of the two in the middle', () => {
    expect(discSpacing(columnOf([40, 44, 45, 100, 10, 10, 10]))).toBe(45);
    expect(discSpacing(columnOf([40, 44, 45]))).toBe(44);
  });

  test('is infinite where there are not two discs', () => {
    expect(discSpacing(columnOf([]))).toBe(Number.POSITIVE_INFINITY);
    expect(discSpacing([])).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('localSpacing', () => {
  test('is the median of two steps on each side, without the step itself', () => {
    const column = columnOf([40, 44, 45, 100, 38, 37, 60]);
    expect(localSpacing(column, 3)).toBe(44);
    expect(localSpacing(column, 2)).toBe(44);
  });

  test('takes the steps that there are at an end, and the lowest discs’ spacing below two', () => {
    expect(localSpacing(columnOf([40, 44, 45]), 0)).toBe(45);
    expect(localSpacing(columnOf([40, 44, 45]), 2)).toBe(44);
    expect(localSpacing(columnOf([40, 44]), 0)).toBe(44);
  });

  test('stays between 0.75 and 1.15 of the lowest discs’ spacing', () => {
    expect(localSpacing(columnOf([40, 40, 40, 40, 20, 20, 20, 20]), 6)).toBe(0.75 * 40);
    expect(localSpacing(columnOf([40, 40, 40, 40, 60, 60, 60, 60]), 6)).toBe(1.15 * 40);
  });
});
