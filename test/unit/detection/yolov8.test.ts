import { describe, expect, test } from 'vitest';
import { decodeYolov8, intersectionOverUnion, suppress } from '../../../src/detection/yolov8.ts';

const RULES = { classes: 1, targetClass: 0, confidence: 0.25, nmsIou: 0.7 };

/** Anchors as [cx, cy, w, h, ...scores] to the export's layout. */
function output(anchors: number[][]): { dims: number[]; data: Float32Array } {
  const rows = anchors[0]?.length ?? 5;
  const data = new Float32Array(rows * anchors.length);
  anchors.forEach((anchor, index) => {
    anchor.forEach((value, row) => {
      data[row * anchors.length + index] = value;
    });
  });
  return { dims: [1, rows, anchors.length], data };
}

describe('decodeYolov8', () => {
  test('centre and size become a box from the top left, best first', () => {
    const found = decodeYolov8(
      output([
        [10, 20, 4, 6, 0.5],
        [50, 60, 20, 10, 0.75],
      ]),
      RULES,
    );
    expect(found).toEqual([
      { box: { x: 40, y: 55, width: 20, height: 10 }, confidence: 0.75 },
      { box: { x: 8, y: 17, width: 4, height: 6 }, confidence: 0.5 },
    ]);
  });

  test('a score counts above the confidence, not at it', () => {
    expect(
      decodeYolov8(
        output([
          [10, 10, 4, 4, 0.25],
          [30, 30, 4, 4, 0.2501],
        ]),
        RULES,
      ),
    ).toHaveLength(1);
  });

  test('of two boxes that overlap by more than the limit the better stays', () => {
    const found = decodeYolov8(
      output([
        [10, 10, 10, 10, 0.6],
        [10.5, 10, 10, 10, 0.9],
        [16, 10, 10, 10, 0.5],
      ]),
      RULES,
    );
    expect(found.map(({ box }) => box.x)).toEqual([5.5, 11]);
  });

  test('ties go to the lower anchor', () => {
    const found = decodeYolov8(
      output([
        [10.5, 10, 10, 10, 0.5],
        [10, 10, 10, 10, 0.5],
      ]),
      RULES,
    );
    expect(found.map(({ box }) => box.x)).toEqual([5.5]);
  });

  test('a foreign export of 80 classes is read at its target class alone', () => {
    const scores = (hot: Record<number, number>) => Array.from({ length: 80 }, (_, index) => hot[index] ?? 0.01);
    const found = decodeYolov8(
      output([
        [10, 10, 4, 4, ...scores({ 3: 0.9 })],
        [40, 40, 8, 8, ...scores({ 42: 0.6, 3: 0.8 })],
        [40.2, 40, 8, 8, ...scores({ 3: 0.95 })],
      ]),
      { ...RULES, classes: 80, targetClass: 42 },
    );
    expect(found).toHaveLength(1);
    expect(found[0]!.box).toEqual({ x: 36, y: 36, width: 8, height: 8 });
    expect(found[0]!.confidence).toBeCloseTo(0.6, 6);
  });

  test('a score above one is one', () => {
    expect(decodeYolov8(output([[10, 10, 4, 4, 1.0001]]), RULES)[0]!.confidence).toBe(1);
  });

  test('boxes that are not finite or have no area are dropped', () => {
    const found = decodeYolov8(
      output([
        [Number.NaN, 10, 4, 4, 0.9],
        [10, 10, 0, 4, 0.9],
        [10, 10, 4, Number.POSITIVE_INFINITY, 0.9],
        [10, 10, 4, -4, 0.9],
        [10, 10, 2e6, 4, 0.9],
      ]),
      RULES,
    );
    expect(found).toEqual([]);
  });

  test('nothing above the confidence gives nothing', () => {
    expect(decodeYolov8({ dims: [1, 5, 0], data: new Float32Array() }, RULES)).toEqual([]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'a score of %s is refused: a broken network does not pass for a picture without discs',
    (score) => {
      const answer = output([
        [10, 10, 4, 4, 0.9],
        [1, 1, 1, 1, score],
      ]);
      expect(() => decodeYolov8(answer, RULES)).toThrow(RangeError);
    },
  );

  test.each([[[1, 84, 3]], [[2, 5, 3]], [[5, 3]]])('dims %j are refused', (dims) => {
    expect(() => decodeYolov8({ dims, data: new Float32Array(1000) }, RULES)).toThrow(RangeError);
  });
});

test('overlap of boxes', () => {
  const box = { x: 0, y: 0, width: 10, height: 10 };
  expect(intersectionOverUnion(box, box)).toBe(1);
  expect(intersectionOverUnion(box, { ...box, x: 5 })).toBeCloseTo(1 / 3, 12);
  expect(intersectionOverUnion(box, { ...box, x: 10 })).toBe(0);
});

test('suppression compares with kept boxes only', () => {
  const at = (x: number, confidence: number) => ({ box: { x, y: 0, width: 10, height: 10 }, confidence });
  const kept = suppress([at(0, 0.9), at(1, 0.8), at(2, 0.7)], 0.7);
  expect(kept.map(({ box }) => box.x)).toEqual([0, 2]);
});
