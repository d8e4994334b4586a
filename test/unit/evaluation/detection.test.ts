import { describe, expect, it } from 'vitest';
import type { Box } from '../../../src/contracts/detection.ts';
import { type DetectedPicture, detectionFigures, matchPicture } from '../../../src/evaluation/detection.ts';

const box = (x0: number, y0: number, x1: number, y1: number): Box => ({
  x: x0,
  y: y0,
  width: x1 - x0,
  height: y1 - y0,
});
const picture = (
  predictions: ReadonlyArray<readonly [Box, number]>,
  truth: readonly Box[],
  extra: Partial<DetectedPicture> = {},
): DetectedPicture => ({
  patient: 0,
  predictions: predictions.map(([at, confidence]) => ({ box: at, confidence })),
  truth,
  ignored: [],
  judgedFromY: Number.NEGATIVE_INFINITY,
  ...extra,
});

const FEW = { draws: 20 } as const;
const A = box(0, 100, 40, 120);
const B = box(0, 60, 40, 80);
const ABOVE = box(0, 20, 40, 40);

describe('matchPicture', () => {
  it('gives each label to one prediction, the surest first', () => {
    const matches = matchPicture(
      picture(
        [
          [A, 0.6],
          [box(0, 101, 40, 121), 0.9],
        ],
        [A],
      ),
      0.5,
    );
    expect(matches.map(({ prediction, hit }) => [prediction, hit])).toEqual([
      [1, true],
      [0, false],
    ]);
  });

  it('takes an overlap of exactly the threshold as a hit', () => {
    expect(matchPicture(picture([[box(0, 100, 40, 110), 0.9]], [A]), 0.5)[0]?.hit).toBe(true);
    expect(matchPicture(picture([[box(0, 100, 40, 109), 0.9]], [A]), 0.5)[0]?.hit).toBe(false);
  });

  it('leaves out a prediction on a label that does not count', () => {
    expect(matchPicture(picture([[ABOVE, 0.9]], [A], { ignored: [ABOVE] }), 0.5)).toEqual([]);
  });

  it('leaves out a prediction above the highest label that counts, and counts one below it', () => {
    const below = box(0, 140, 40, 160);
    const matches = matchPicture(
      picture(
        [
          [ABOVE, 0.9],
          [below, 0.8],
        ],
        [A, B],
        { judgedFromY: B.y },
      ),
      0.5,
    );
    expect(matches.map(({ prediction, hit }) => [prediction, hit])).toEqual([[1, false]]);
  });

  it('judges a prediction by its centre: one that begins above the highest label that counts is extra', () => {
    const across = box(60, B.y - 5, 100, B.y + 15);
    expect(matchPicture(picture([[across, 0.9]], [A, B], { judgedFromY: B.y }), 0.5)[0]?.hit).toBe(false);
  });
});

describe('detectionFigures', () => {
  it('is 1 throughout where every label is found exactly', () => {
    const figures = detectionFigures(
      [
        picture(
          [
            [A, 0.9],
            [B, 0.8],
          ],
          [A, B],
        ),
      ],
      1,
      FEW,
    );
    expect(figures.ap50.value).toBe(1);
    expect(figures.ap50To95.value).toBe(1);
    expect([figures.recall.value, figures.precision.value, figures.allFound.value]).toEqual([1, 1, 1]);
    expect(figures.falsePerPicture.value).toBe(0);
  });

  it('interpolates precision at 101 points of recall', () => {
    // Ranked: hit, miss, hit of two labels. Precision 1 up to recall 0.5 (51 points), 2/3 beyond (50 points).
    const figures = detectionFigures(
      [
        picture(
          [
            [A, 0.9],
            [box(200, 0, 240, 20), 0.8],
            [B, 0.7],
          ],
          [A, B],
        ),
      ],
      1,
      FEW,
    );
    expect(figures.ap50.value).toBeCloseTo((51 + (50 * 2) / 3) / 101, 12);
    expect(figures.precision.value).toBeCloseTo(2 / 3, 12);
    expect(figures.falsePerPicture.value).toBe(1);
  });

  it('counts a picture without any prediction as missed labels', () => {
    const figures = detectionFigures([picture([[A, 0.9]], [A]), picture([], [A], { patient: 1 })], 2, FEW);
    expect(figures.recall.value).toBe(0.5);
    expect(figures.ap50.value).toBeCloseTo(51 / 101, 12);
    expect(figures.allFound.value).toBe(0.5);
  });

  it('has no value where nothing is labelled', () => {
    expect(detectionFigures([], 0, FEW).ap50).toEqual({ value: null, ci95: null });
  });

  it('gives the figures that the training code gives on six pictures with errors of every kind', () => {
    const figures = detectionFigures(SIX.map(sixth), 6, FEW);
    expect(figures.truths).toBe(30);
    expect(figures.ap50.value).toBeCloseTo(0.8271073385254158, 10);
    expect(figures.ap50To95.value).toBeCloseTo(0.310625948975935, 10);
    expect(figures.recall.value).toBeCloseTo(0.8666666666666667, 12);
    expect(figures.precision.value).toBeCloseTo(0.8387096774193549, 12);
  });

  it('spans an interval around the value that a larger set narrows', () => {
    const set = (patients: number) =>
      Array.from({ length: patients }, (_, patient) => picture(patient % 3 === 0 ? [] : [[A, 0.9]], [A], { patient }));
    const width = (patients: number) => {
      const { recall } = detectionFigures(set(patients), patients);
      expect(recall.ci95![0]).toBeLessThan(recall.value!);
      expect(recall.ci95![1]).toBeGreaterThan(recall.value!);
      return recall.ci95![1] - recall.ci95![0];
    };
    expect(width(240)).toBeLessThan(width(24) / 2);
  });
});

/** Labels of picture k are 50 x 25 at x 50 + 3k, y 300 to 120 in steps of 45. Rows: x0, y0, x1, y1, confidence. */
const SIX: ReadonlyArray<ReadonlyArray<readonly [number, number, number, number, number]>> = [
  [
    [58, 290, 102, 323, 0.301],
    [48, 254, 92, 279, 0.972],
    [47, 223, 101, 234, 0.506],
    [49, 162, 96, 188, 0.517],
    [52, 119, 104, 144, 0.915],
  ],
  [
    [55, 308, 102, 324, 0.906],
    [57, 251, 102, 284, 0.371],
    [55, 210, 106, 224, 0.886],
    [57, 161, 96, 191, 0.572],
    [56, 118, 99, 145, 0.631],
  ],
  [
    [55, 296, 108, 327, 0.845],
    [55, 252, 107, 270, 0.337],
    [59, 212, 99, 235, 0.555],
    [52, 168, 98, 186, 0.359],
    [59, 125, 97, 143, 0.435],
    [60, 340, 100, 360, 0.41],
  ],
  [
    [55, 306, 109, 324, 0.642],
    [52, 262, 112, 283, 0.387],
    [64, 211, 106, 232, 0.632],
    [56, 170, 103, 188, 0.67],
    [58, 121, 111, 140, 0.834],
  ],
  [
    [61, 301, 111, 328, 0.861],
    [59, 256, 112, 282, 0.866],
    [63, 220, 118, 241, 0.475],
    [54, 164, 110, 192, 0.633],
  ],
  [
    [64, 303, 116, 332, 0.534],
    [68, 260, 111, 279, 0.455],
    [62, 216, 118, 234, 0.67],
    [63, 167, 112, 186, 0.946],
    [67, 130, 114, 143, 0.387],
    [60, 20, 100, 40, 0.9],
    [70, 309, 122, 338, 0.5],
  ],
];

function sixth(rows: (typeof SIX)[number], index: number): DetectedPicture {
  const truth = [300, 255, 210, 165, 120].map((y) => ({ x: 50 + 3 * index, y, width: 50, height: 25 }));
  const predictions = rows.map(([x0, y0, x1, y1, confidence]) => [box(x0, y0, x1, y1), confidence] as const);
  return picture(predictions, truth, { patient: index, judgedFromY: 120 });
}
