import type { Rgb8 } from '../imaging/image.ts';

/** Red, green, blue in 0..255 and opacity in 0..1. */
export type Colour = readonly [red: number, green: number, blue: number, opacity: number];

/** A point in canvas pixels, pixel edges, origin top left, y downwards. */
export type Point = readonly [x: number, y: number];

/** An opaque picture that shapes are painted on; `data` holds red, green and blue of each pixel, row major. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A canvas of one opaque colour. */
export function createCanvas(width: number, height: number, [red, green, blue]: Colour): Canvas {
  const data = new Uint8Array(width * height * 3);
  const row = data.subarray(0, width * 3);
  for (let offset = 0; offset < row.length; offset += 3) row.set([red, green, blue], offset);
  for (let y = 1; y < height; y++) data.set(row, y * width * 3);
  return { width, height, data };
}

/** The canvas as a picture; it shares the canvas's memory. */
export function pictureOf(canvas: Canvas): Rgb8 {
  return { depth: 'rgb8', ...canvas };
}

/** Paints one pixel with `coverage` of 0..1 times the colour's opacity; outside the canvas nothing happens. */
export function blendPixel(canvas: Canvas, x: number, y: number, colour: Colour, coverage = 1): void {
  if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
  const alpha = colour[3] * coverage;
  const offset = (y * canvas.width + x) * 3;
  const { data } = canvas;
  data[offset] = data[offset]! + (colour[0] - data[offset]!) * alpha + 0.5;
  data[offset + 1] = data[offset + 1]! + (colour[1] - data[offset + 1]!) * alpha + 0.5;
  data[offset + 2] = data[offset + 2]! + (colour[2] - data[offset + 2]!) * alpha + 0.5;
}

/**
 * Fills closed contours (each closes itself) by non-zero winding, with exact area coverage at the edges; contours that
 * overlap must run the same way round, holes the other way. Signed areas are accumulated along each row, as font
 * rasterisers do.
 */
export function fillContours(canvas: Canvas, contours: readonly (readonly Point[])[], colour: Colour): void {
  const bounds = boundsOf(canvas, contours);
  if (bounds === null) return;
  const { left, top, width, height } = bounds;
  const stride = width + 2;
  const areas = new Float64Array(stride * height);
  for (const contour of contours) {
    contour.forEach((from, index) => {
      const to = contour[(index + 1) % contour.length]!;
      accumulateEdge(areas, stride, height, [from[0] - left, from[1] - top], [to[0] - left, to[1] - top]);
    });
  }
  for (let row = 0; row < height; row++) {
    let winding = 0;
    for (let column = 0; column < width; column++) {
      winding += areas[row * stride + column]!;
      const coverage = Math.min(1, Math.abs(winding));
      if (coverage > 1 / 512) blendPixel(canvas, left + column, top + row, colour, coverage);
    }
  }
}

function boundsOf(canvas: Canvas, contours: readonly (readonly Point[])[]) {
  let [x0, y0, x1, y1] = [
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  for (const contour of contours) {
    for (const point of contour) {
      x0 = Math.min(x0, point[0]);
      y0 = Math.min(y0, point[1]);
      x1 = Math.max(x1, point[0]);
      y1 = Math.max(y1, point[1]);
    }
  }
  const left = Math.max(0, Math.floor(x0));
  const top = Math.max(0, Math.floor(y0));
  const width = Math.min(canvas.width, Math.ceil(x1)) - left;
  const height = Math.min(canvas.height, Math.ceil(y1)) - top;
  return width > 0 && height > 0 ? { left, top, width, height } : null;
}

/** Adds the area that one edge covers to the right of itself, row by row; x is clipped to the buffer. */
function accumulateEdge(areas: Float64Array, stride: number, height: number, from: Point, to: Point): void {
  if (from[1] === to[1]) return;
  const [direction, upper, lower] = from[1] < to[1] ? [1, from, to] : [-1, to, from];
  const slope = (lower[0] - upper[0]) / (lower[1] - upper[1]);
  const limit = stride - 2;
  for (let row = Math.max(0, Math.floor(upper[1])); row < Math.min(height, Math.ceil(lower[1])); row++) {
    const yStart = Math.max(upper[1], row);
    const yEnd = Math.min(lower[1], row + 1);
    const xa = Math.min(limit, Math.max(0, upper[0] + (yStart - upper[1]) * slope));
    const xb = Math.min(limit, Math.max(0, upper[0] + (yEnd - upper[1]) * slope));
    spread(areas, row * stride, direction * (yEnd - yStart), Math.min(xa, xb), Math.max(xa, xb));
  }
}

/** Shares a signed height between the pixels from `x0` to `x1` of a row, as differences that a running sum restores. */
function spread(areas: Float64Array, offset: number, signedHeight: number, x0: number, x1: number): void {
  const first = Math.floor(x0);
  const last = Math.max(first + 1, Math.ceil(x1));
  let before = 0;
  for (let column = first; column < last; column++) {
    const covered = signedHeight * coveredBy(column, x0, x1);
    areas[offset + column] = areas[offset + column]! + covered - before;
    before = covered;
  }
  areas[offset + last] = areas[offset + last]! + signedHeight - before;
}

/** Mean part of pixel `column` that lies right of an edge running evenly from `x0` to `x1`. */
function coveredBy(column: number, x0: number, x1: number): number {
  if (x1 - x0 < 1e-9) return Math.min(1, Math.max(0, column + 1 - x0));
  return (rampIntegral(column + 1, x0, x1) - rampIntegral(column, x0, x1)) / (x1 - x0);
}

/** Integral up to `x` of a ramp from 0 at `x0` to `x1 - x0` at `x1` and level beyond. */
function rampIntegral(x: number, x0: number, x1: number): number {
  const inside = Math.min(Math.max(x - x0, 0), x1 - x0);
  return (inside * inside) / 2 + Math.max(0, x - x1) * (x1 - x0);
}
