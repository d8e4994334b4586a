import { describe, expect, test } from 'vitest';
import { planPlacement } from '../../../src/imaging/letterbox.ts';
import { argmaxClasses, shareOf, sumOfShares } from '../../../src/segmentation/segmenter.ts';

/** Logits of 4 classes on a `width` x `height` frame. */
function logits(width: number, height: number, at: (value: number, x: number, y: number) => number) {
  const data = Float32Array.from({ length: 4 * width * height }, (_, index) => {
    const pixel = index % (width * height);
    return at(Math.floor(index / (width * height)), pixel % width, Math.floor(pixel / width));
  });
  return { dims: [1, 4, height, width], data };
}

const stretch = (width: number, height: number, to = { width, height }) =>
  planPlacement(to, { width, height }, 'stretch');

describe('sumOfShares', () => {
  test('the pad is cut away before the map is resized to the crop', () => {
    const crop = { width: 4, height: 8 };
    const placement = planPlacement(crop, { width: 8, height: 8 }, 'letterbox');
    expect(placement).toMatchObject({ left: 2, contentWidth: 4 });
    const output = logits(8, 8, (value, x) => (value === (x >= 2 && x < 6 ? 2 : 3) ? 20 : 0));
    const map = sumOfShares([{ id: 'net', weight: 1, output, placement }].map(shareOf), crop);
    expect(new Set(argmaxClasses(map))).toEqual(new Set([2]));
  });

  test('softmax over classes, resized by the shared rule, weighted', () => {
    const crop = { width: 4, height: 1 };
    const output = logits(2, 1, (value, x) => (value === 1 ? Math.log(x === 0 ? 1 : 9) : 0));
    const { data } = sumOfShares(
      [{ id: 'net', weight: 0.5, output, placement: stretch(2, 1, crop) }].map(shareOf),
      crop,
    );
    const expected = [0.25, 0.375, 0.625, 0.75].map((share) => share / 2);
    expect([...data.subarray(4, 8)].map((value) => Number(value.toFixed(6)))).toEqual(expected);
  });

  test.each([
    ['of one size', 2, 2],
    ['of different sizes', 6, 6],
    ['of one width and different heights', 2, 6],
  ])('two members %s add up to their weighted mean', (_, width, height) => {
    const crop = { width: 2, height: 2 };
    const first = logits(2, 2, (value) => (value === 1 ? 30 : 0));
    const second = logits(width, height, (value) => (value === 3 ? 30 : 0));
    const map = sumOfShares(
      [
        { id: 'a', weight: 0.4, output: first, placement: stretch(2, 2) },
        { id: 'b', weight: 0.6, output: second, placement: stretch(width, height, crop) },
      ].map(shareOf),
      crop,
    );
    expect([...argmaxClasses(map)]).toEqual([3, 3, 3, 3]);
    expect(map.data[4]).toBeCloseTo(0.4, 5);
    expect(map.data[12]).toBeCloseTo(0.6, 5);
  });

  test('no share is changed, so that it can be added up again with others', () => {
    const crop = { width: 2, height: 2 };
    const shares = [1, 3].map((best) =>
      shareOf({
        id: 'a',
        weight: 0.5,
        output: logits(2, 2, (value) => (value === best ? 3 : 0)),
        placement: stretch(2, 2),
      }),
    );
    expect(sumOfShares(shares, crop)).toEqual(sumOfShares(shares, crop));
  });

  test('large logits do not overflow', () => {
    const output = logits(2, 2, (value) => value * 1e4);
    const map = sumOfShares([{ id: 'net', weight: 1, output, placement: stretch(2, 2) }].map(shareOf), {
      width: 2,
      height: 2,
    });
    expect(map.data.every(Number.isFinite)).toBe(true);
    expect([...argmaxClasses(map)]).toEqual([3, 3, 3, 3]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('a logit of %s is refused: its pixel has no class', (logit) => {
    const output = logits(2, 2, (value, x, y) => (value === 2 && x === 1 && y === 1 ? logit : 0));
    const member = { id: 'net', weight: 1, output, placement: stretch(2, 2) };
    expect(() => shareOf(member)).toThrow('net answers logits that are not finite');
  });

  test('dims that do not fit are refused', () => {
    const output = { dims: [1, 3, 2, 2], data: new Float32Array(12) };
    const member = { id: 'net', weight: 1, output, placement: stretch(2, 2) };
    expect(() => sumOfShares([member].map(shareOf), { width: 2, height: 2 })).toThrow(/net answers 1 x 4/);
  });
});

test('ties go to the lower class', () => {
  expect([...argmaxClasses({ width: 1, height: 1, data: Float32Array.from([0.1, 0.4, 0.4, 0.1]) })]).toEqual([1]);
});
