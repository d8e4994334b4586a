import { type Canvas, type Colour, fillContours, type Point } from './canvas.ts';

/** A rectangle in canvas pixels, pixel edges. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Control distance of a cubic quarter circle. */
const QUARTER_CIRCLE = 0.5522847498;
const ARC_STEPS = 6;

/** Points of a cubic Bézier curve after its start. */
export function cubic(start: Point, first: Point, second: Point, end: Point, steps: number): Point[] {
  return Array.from({ length: steps }, (_, index) => {
    const t = (index + 1) / steps;
    const u = 1 - t;
    const at = (axis: 0 | 1) =>
      u * u * u * start[axis] + 3 * u * u * t * first[axis] + 3 * u * t * t * second[axis] + t * t * t * end[axis];
    return [at(0), at(1)];
  });
}

/** A rectangle's contour, clockwise, with corners of a radius (0 for square ones). */
export function rectangleContour({ x, y, width, height }: Rectangle, radius = 0): Point[] {
  const [right, bottom] = [x + width, y + height];
  if (radius <= 0)
    return [
      [x, y],
      [right, y],
      [right, bottom],
      [x, bottom],
    ];
  const corners: Array<[corner: Point, inward: Point, outward: Point]> = [
    [
      [right, y],
      [-1, 0],
      [0, 1],
    ],
    [
      [right, bottom],
      [0, -1],
      [-1, 0],
    ],
    [
      [x, bottom],
      [1, 0],
      [0, -1],
    ],
    [
      [x, y],
      [0, 1],
      [1, 0],
    ],
  ];
  return corners.flatMap(([corner, from, to]) => {
    const along = (direction: Point, distance: number): Point => [
      corner[0] + direction[0] * distance,
      corner[1] + direction[1] * distance,
    ];
    const start = along(from, radius);
    const pull = radius * (1 - QUARTER_CIRCLE);
    return [start, ...cubic(start, along(from, pull), along(to, pull), along(to, radius), ARC_STEPS)];
  });
}

export function circleContour([x, y]: Point, radius: number): Point[] {
  return rectangleContour({ x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius }, radius);
}

export function fillRectangle(canvas: Canvas, rectangle: Rectangle, colour: Colour, radius = 0): void {
  fillContours(canvas, [rectangleContour(rectangle, radius)], colour);
}

export function fillCircle(canvas: Canvas, centre: Point, radius: number, colour: Colour): void {
  fillContours(canvas, [circleContour(centre, radius)], colour);
}

/** A line of a width with round ends and joins; `closed` joins the last point to the first. */
export function strokeLine(
  canvas: Canvas,
  points: readonly Point[],
  width: number,
  colour: Colour,
  closed = false,
): void {
  const last = closed ? points.length : points.length - 1;
  const segments = Array.from({ length: last }, (_, index) =>
    segmentContour(points[index]!, points[(index + 1) % points.length]!, width),
  );
  fillContours(canvas, [...segments, ...points.map((point) => circleContour(point, width / 2))], colour);
}

/** The same line in dashes: `dash` pixels drawn, `gap` pixels left out, beginning anew at each point. */
export function strokeDashed(
  canvas: Canvas,
  points: readonly Point[],
  style: { width: number; dash: number; gap: number; closed?: boolean },
  colour: Colour,
): void {
  const last = style.closed === true ? points.length : points.length - 1;
  for (let index = 0; index < last; index++) {
    const from = points[index]!;
    const to = points[(index + 1) % points.length]!;
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const at = (distance: number): Point => [
      from[0] + ((to[0] - from[0]) * distance) / length,
      from[1] + ((to[1] - from[1]) * distance) / length,
    ];
    for (let start = 0; start < length; start += style.dash + style.gap) {
      fillContours(canvas, [segmentContour(at(start), at(Math.min(length, start + style.dash)), style.width)], colour);
    }
  }
}

/** A segment's outline, clockwise like `rectangleContour`, so that segments and round joins add up. */
function segmentContour(from: Point, to: Point, width: number): Point[] {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  if (length === 0) return [];
  const across: Point = [((to[1] - from[1]) / length) * (width / 2), (-(to[0] - from[0]) / length) * (width / 2)];
  return [
    [from[0] + across[0], from[1] + across[1]],
    [to[0] + across[0], to[1] + across[1]],
    [to[0] - across[0], to[1] - across[1]],
    [from[0] - across[0], from[1] - across[1]],
  ];
}
