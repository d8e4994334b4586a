import { describe, expect, test } from 'vitest';
import { planPlacement } from '../../../src/imaging/letterbox.ts';
import { addMember, argmaxClasses, emptyProbabilities } from '../../../src/segmentation/segmenter.ts';

const MEMBER = { id: 'net' };

/** Logits of 4 classes on a `width` x `height` frame. */
function logits(width: number, height: number, at: (value: number, x: number, y: number) => number) {
  const data = Float32Array.from({ length: 4 * width * height }, (_, index) => {
    const pixel = index % (width * height);
    return at(Math.floor(index / (width * height)), pixel % width, Math.floor(pixel / width));
  });
  return { dims: [1, 4, height, width], data };
}

describe('addMember', () => {
  test('the pad is cut away before the map is resized to the crop', () => {
    const placement = planPlacement({ width: 4, height: 8 }, { width: 8, height: 8 }, 'letterbox');
    expect(placement).toMatchObject({ left: 2, contentWidth: 4 });
    const sum = emptyProbabilities(4, 8);
    addMember(
      sum,
      logits(8, 8, (value, x) => (value === (x >= 2 && x < 6 ? 2 : 3) ? 20 : 0)),
      placement,
      1,
      MEMBER,
    );
    expect(new Set(argmaxClasses(sum))).toEqual(new Set([2]));
  });

  test('softmax over classes, resized by the shared rule, weighted', () => {
    const placement = planPlacement({ width: 4, height: 1 }, { width: 2, height: 1 }, 'stretch');
    const sum = emptyProbabilities(4, 1);
    const output = logits(2, 1, (value, x) => (value === 1 ? Math.log(x === 0 ? 1 : 9) : 0));
    addMember(sum, output, placement, 0.5, MEMBER);
    const expected = [0.25, 0.375, 0.625, 0.75].map((share) => share / 2);
    expect([...sum.data.subarray(4, 8)].map((value) => Number(value.toFixed(6)))).toEqual(expected);
  });

  test('two members add up to their weighted mean', () => {
    const placement = planPlacement({ width: 2, height: 2 }, { width: 2, height: 2 }, 'stretch');
    const sum = emptyProbabilities(2, 2);
    addMember(
      sum,
      logits(2, 2, (value) => (value === 1 ? 30 : 0)),
      placement,
      0.4,
      MEMBER,
    );
    addMember(
      sum,
      logits(2, 2, (value) => (value === 3 ? 30 : 0)),
      placement,
      0.6,
      MEMBER,
    );
    expect([...argmaxClasses(sum)]).toEqual([3, 3, 3, 3]);
    expect(sum.data[4]).toBeCloseTo(0.4, 5);
    expect(sum.data[12]).toBeCloseTo(0.6, 5);
  });

  test('large logits do not overflow', () => {
    const placement = planPlacement({ width: 2, height: 2 }, { width: 2, height: 2 }, 'stretch');
    const sum = emptyProbabilities(2, 2);
    addMember(
      sum,
      logits(2, 2, (value) => value * 1e4),
      placement,
      1,
      MEMBER,
    );
    expect(sum.data.every(Number.isFinite)).toBe(true);
    expect([...argmaxClasses(sum)]).toEqual([3, 3, 3, 3]);
  });

  test('dims that do not fit are refused', () => {
    const placement = planPlacement({ width: 2, height: 2 }, { width: 2, height: 2 }, 'stretch');
    const output = { dims: [1, 3, 2, 2], data: new Float32Array(12) };
    expect(() => addMember(emptyProbabilities(2, 2), output, placement, 1, MEMBER)).toThrow(RangeError);
  });
});

test('ties go to the lower class', () => {
  expect([...argmaxClasses({ width: 1, height: 1, data: Float32Array.from([0.1, 0.4, 0.4, 0.1]) })]).toEqual([1]);
});
