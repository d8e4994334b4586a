import { describe, expect, it } from 'vitest';
import { blendPixel, type Colour, createCanvas, fillContours, type Point } from '../../../src/reporting/canvas.ts';
import { circleContour, rectangleContour, strokeLine } from '../../../src/reporting/shapes.ts';

const BLACK: Colour = [0, 0, 0, 1];
const WHITE: Colour = [255, 255, 255, 1];

const redAt = (canvas: { width: number; data: Uint8Array }, x: number, y: number) =>
  canvas.data[(y * canvas.width + x) * 3];
const painted = (canvas: { data: Uint8Array }) => {
  let sum = 0;
  for (let offset = 0; offset < canvas.data.length; offset += 3) sum += canvas.data[offset]! / 255;
  return sum;
};

describe('blendPixel', () => {
  it('mixes a pixel by opacity and coverage, and paints nothing for one outside on any side', () => {
    const canvas = createCanvas(4, 3, BLACK);
    for (const [x, y] of [
      [-1, 1],
      [4, 1],
      [1, -1],
      [1, 3],
    ] as const)
      blendPixel(canvas, x, y, WHITE);
    expect(painted(canvas)).toBe(0);
    blendPixel(canvas, 2, 1, [200, 200, 200, 0.5], 0.5);
    expect(redAt(canvas, 2, 1)).toBe(50);
  });
});

describe('fillContours', () => {
  it('covers a pixel by the share of its area', () => {
    const canvas = createCanvas(4, 4, BLACK);
    fillContours(canvas, [rectangleContour({ x: 1.5, y: 1, width: 1.5, height: 1.25 })], WHITE);
    expect([redAt(canvas, 1, 1), redAt(canvas, 2, 1), redAt(canvas, 3, 1)]).toEqual([128, 255, 0]);
    expect([redAt(canvas, 1, 2), redAt(canvas, 2, 2)]).toEqual([32, 64]);
  });

  it('paints a slanted shape with its exact area', () => {
    const canvas = createCanvas(40, 40, BLACK);
    const triangle: Point[] = [
      [3.3, 2.2],
      [36.1, 11.7],
      [9.4, 35.9],
    ];
    const [a, b, c] = triangle as [Point, Point, Point];
    const area = Math.abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2;
    fillContours(canvas, [triangle], WHITE);
    expect(painted(canvas)).toBeCloseTo(area, 0);
  });

  it('leaves a hole where an inner contour runs the other way round', () => {
    const canvas = createCanvas(10, 10, BLACK);
    const inner = rectangleContour({ x: 3, y: 3, width: 4, height: 4 }).reverse();
    fillContours(canvas, [rectangleContour({ x: 1, y: 1, width: 8, height: 8 }), inner], WHITE);
    expect(redAt(canvas, 5, 5)).toBe(0);
    expect(painted(canvas)).toBe(48);
  });

  it('does not darken where contours overlap', () => {
    const canvas = createCanvas(10, 10, BLACK);
    const one = rectangleContour({ x: 1, y: 1, width: 5, height: 5 });
    const other = rectangleContour({ x: 3, y: 3, width: 5, height: 5 });
    fillContours(canvas, [one, other], [255, 255, 255, 0.5]);
    expect(redAt(canvas, 4, 4)).toBe(redAt(canvas, 1, 1));
  });

  it('clips shapes that leave the canvas on every side', () => {
    const canvas = createCanvas(6, 6, BLACK);
    fillContours(canvas, [rectangleContour({ x: -5, y: -5, width: 20, height: 20 })], WHITE);
    expect(painted(canvas)).toBe(36);
    fillContours(canvas, [circleContour([100, 100], 5)], BLACK);
    expect(painted(canvas)).toBe(36);
  });
});

describe('strokeLine', () => {
  it('paints the length times the width plus the round ends', () => {
    const canvas = createCanvas(60, 60, BLACK);
    strokeLine(
      canvas,
      [
        [10, 10],
        [40, 50],
      ],
      4,
      WHITE,
    );
    expect(painted(canvas)).toBeGreaterThan(50 * 4 + Math.PI * 4 - 3);
    expect(painted(canvas)).toBeLessThan(50 * 4 + Math.PI * 4 + 3);
  });
});
