import type { Box } from '../contracts/detection.ts';
import type { Grey8 } from '../imaging/image.ts';
import { CLASS, componentsOf } from '../imaging/mask.ts';

/**
 * A disc's own frame: origin at its centroid, `along` the mid-line from anterior to posterior, `across` it from caudal
 * to cranial. Unit vectors in pixels of the upright slice (y points down).
 */
export interface DiscFrame {
  readonly x: number;
  readonly y: number;
  readonly along: Vector;
  readonly across: Vector;
  /** Ends of the mid-line: positions along it, pixels. */
  readonly anterior: number;
  readonly posterior: number;
  /** Sub-pixel samples of the disc: position along and across, pixels; each stands for `sampleArea`. */
  readonly samples: ReadonlyArray<{ readonly t: number; readonly s: number }>;
  /** Pixels of the disc. */
  readonly area: number;
}

export interface Vector {
  readonly x: number;
  readonly y: number;
}

/** Samples a pixel and side. */
const SUBSAMPLES = 3;
/** Area of one sample, pixels. */
export const SAMPLE_AREA = 1 / SUBSAMPLES ** 2;
/** A disc shorter than this part of its box's longer side is not covered by the mask. */
const MIN_LENGTH = 0.45;
const MIN_PIXELS = 12;
/** Discs are looked for a little outside their box. */
const BOX_MARGIN = 0.12;

/** The frame of a disc of these pixels; null where they are too few or too short for the detected box. */
export function discFrame(pixels: readonly number[], width: number, box: Box): DiscFrame | null {
  if (pixels.length < MIN_PIXELS) return null;
  const points = subsample(pixels, width);
  const x = mean(points.map((point) => point.x));
  const y = mean(points.map((point) => point.y));
  const centred = points.map((point) => ({ x: point.x - x, y: point.y - y }));
  let angle = principalAngle(centred);
  for (let round = 0; round < 2; round++) angle += midlineTilt(project(centred, angle));
  const samples = project(centred, angle);
  const ordered = Float64Array.from(samples, ({ t }) => t).sort();
  const at = (share: number) => ordered[Math.round(share * (ordered.length - 1))]!;
  const [along, across] = axes(angle);
  if (at(0.995) - at(0.005) < MIN_LENGTH * Math.max(box.width, box.height)) return null;
  return { x, y, along, across, anterior: at(0.005), posterior: at(0.995), samples, area: pixels.length };
}

/** A point of the frame in pixels of the slice. */
export function fromDiscFrame(frame: DiscFrame, t: number, s: number): Vector {
  return { x: frame.x + t * frame.along.x + s * frame.across.x, y: frame.y + t * frame.along.y + s * frame.across.y };
}

/**
 * The disc pixels that belong to each box: every connected piece goes to the box that holds most of it, clipped to that
 * box with its margin. A thin disc may be of several pieces. Pixel indices, in the order of `boxes`.
 */
export function discPixels(mask: Grey8, boxes: readonly Box[]): number[][] {
  const result = boxes.map((): number[] => []);
  const enlarged = boxes.map(({ x, y, width, height }) => ({
    x0: x - width * BOX_MARGIN,
    x1: x + width * (1 + BOX_MARGIN),
    y0: y - height * BOX_MARGIN,
    y1: y + height * (1 + BOX_MARGIN),
  }));
  for (const { pixels } of componentsOf(mask, CLASS.disc)) {
    const inside = enlarged.map(({ x0, x1, y0, y1 }) =>
      [...pixels].filter((pixel) => {
        const x = (pixel % mask.width) + 0.5;
        const y = Math.floor(pixel / mask.width) + 0.5;
        return x >= x0 && x < x1 && y >= y0 && y < y1;
      }),
    );
    const most = inside.reduce((best, held, index) => (held.length > inside[best]!.length ? index : best), 0);
    if (inside[most] !== undefined) result[most]!.push(...inside[most]);
  }
  return result;
}

function subsample(pixels: readonly number[], width: number): Vector[] {
  const points: Vector[] = [];
  for (const pixel of pixels) {
    const x = pixel % width;
    const y = Math.floor(pixel / width);
    for (let i = 0; i < SUBSAMPLES; i++) {
      for (let j = 0; j < SUBSAMPLES; j++)
        points.push({ x: x + (i + 0.5) / SUBSAMPLES, y: y + (j + 0.5) / SUBSAMPLES });
    }
  }
  return points;
}

/** Direction of the largest spread, turned so that it points to posterior (x upwards). */
function principalAngle(points: readonly Vector[]): number {
  let [xx, xy, yy] = [0, 0, 0];
  for (const { x, y } of points) {
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  return 0.5 * Math.atan2(2 * xy, xx - yy);
}

function axes(angle: number): [Vector, Vector] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [
    { x: cos, y: sin },
    { x: sin, y: -cos },
  ];
}

function project(points: readonly Vector[], angle: number): Array<{ t: number; s: number }> {
  const [along, across] = axes(angle);
  return points.map(({ x, y }) => ({ t: x * along.x + y * along.y, s: x * across.x + y * across.y }));
}

/** Angle of the line through the middles of the disc's columns, over the central 80 %, to be added to the frame's. */
function midlineTilt(samples: ReadonlyArray<{ t: number; s: number }>): number {
  const columns = new Map<number, { low: number; high: number }>();
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { t, s } of samples) {
    const key = Math.floor(t);
    first = Math.min(first, t);
    last = Math.max(last, t);
    const column = columns.get(key);
    if (column === undefined) columns.set(key, { low: s, high: s });
    else {
      column.low = Math.min(column.low, s);
      column.high = Math.max(column.high, s);
    }
  }
  const margin = 0.1 * (last - first);
  const middles = [...columns]
    .filter(([t]) => t >= first + margin && t + 1 <= last - margin)
    .map(([t, { low, high }]) => ({ t: t + 0.5, s: (low + high) / 2 }));
  if (middles.length < 3) return 0;
  const [meanT, meanS] = [mean(middles.map(({ t }) => t)), mean(middles.map(({ s }) => s))];
  const spread = middles.reduce((sum, { t }) => sum + (t - meanT) ** 2, 0);
  const slope = middles.reduce((sum, { t, s }) => sum + (t - meanT) * (s - meanS), 0) / spread;
  return -Math.atan(slope);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
