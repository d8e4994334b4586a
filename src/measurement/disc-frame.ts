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
  /** Sub-pixel samples of the disc: positions `t` along and `s` across, pixels; each stands for `SAMPLE_AREA`. */
  readonly samples: Samples;
  /** Pixels of the disc. */
  readonly area: number;
}

export interface Samples {
  readonly t: Float64Array;
  readonly s: Float64Array;
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
/** A box filled less than this holds scraps of a disc that the network hardly saw, unless they reach through most of it. */
const MIN_FILL = 0.08;
const THIN_LENGTH = 0.75;
/** The mid-line ends where this part of the disc lies beyond it. */
const END_SHARE = 0.005;
/** Discs are looked for a little outside their box. */
const BOX_MARGIN = 0.12;

/** The frame of a disc of these pixels; null where they are too few or too short for the detected box. */
export function discFrame(pixels: readonly number[], width: number, box: Box): DiscFrame | null {
  if (pixels.length < MIN_PIXELS) return null;
  const points = subsample(pixels, width);
  const centre = { x: mean(points.x), y: mean(points.y) };
  let angle = principalAngle(points, centre);
  for (let round = 0; round < 2; round++) angle += midlineTilt(project(points, centre, angle));
  const samples = project(points, centre, angle);
  const ordered = samples.t.slice().sort();
  const anterior = ordered[Math.round(END_SHARE * (ordered.length - 1))]!;
  const posterior = ordered[Math.round((1 - END_SHARE) * (ordered.length - 1))]!;
  const isThin = pixels.length < MIN_FILL * box.width * box.height;
  if (posterior - anterior < (isThin ? THIN_LENGTH : MIN_LENGTH) * Math.max(box.width, box.height)) return null;
  const [along, across] = axes(angle);
  return { ...centre, along, across, anterior, posterior, samples, area: pixels.length };
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
    const inside = enlarged.map((): number[] => []);
    for (const pixel of pixels) {
      const x = (pixel % mask.width) + 0.5;
      const y = Math.floor(pixel / mask.width) + 0.5;
      enlarged.forEach(({ x0, x1, y0, y1 }, index) => {
        if (x >= x0 && x < x1 && y >= y0 && y < y1) inside[index]!.push(pixel);
      });
    }
    const most = inside.reduce((best, held, index) => (held.length > inside[best]!.length ? index : best), 0);
    for (const pixel of inside[most] ?? []) result[most]!.push(pixel);
  }
  return result;
}

interface Points {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

function subsample(pixels: readonly number[], width: number): Points {
  const x = new Float64Array(pixels.length * SUBSAMPLES ** 2);
  const y = new Float64Array(x.length);
  let at = 0;
  for (const pixel of pixels) {
    const column = pixel % width;
    const row = (pixel - column) / width;
    for (let i = 0; i < SUBSAMPLES; i++) {
      for (let j = 0; j < SUBSAMPLES; j++) {
        x[at] = column + (i + 0.5) / SUBSAMPLES;
        y[at++] = row + (j + 0.5) / SUBSAMPLES;
      }
    }
  }
  return { x, y };
}

/** Direction of the largest spread, turned so that it points to posterior (x upwards). */
function principalAngle(points: Points, centre: Vector): number {
  let [xx, xy, yy] = [0, 0, 0];
  for (let at = 0; at < points.x.length; at++) {
    const dx = points.x[at]! - centre.x;
    const dy = points.y[at]! - centre.y;
    xx += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
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

function project(points: Points, centre: Vector, angle: number): Samples {
  const [along, across] = axes(angle);
  const t = new Float64Array(points.x.length);
  const s = new Float64Array(points.x.length);
  for (let at = 0; at < t.length; at++) {
    const dx = points.x[at]! - centre.x;
    const dy = points.y[at]! - centre.y;
    t[at] = dx * along.x + dy * along.y;
    s[at] = dx * across.x + dy * across.y;
  }
  return { t, s };
}

/** Angle of the line through the middles of the disc's columns, over the central 80 %, to be added to the frame's. */
function midlineTilt({ t, s }: Samples): number {
  const first = t.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);
  const last = t.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY);
  const low = new Float64Array(Math.floor(last - first) + 1).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(low.length).fill(Number.NEGATIVE_INFINITY);
  for (let at = 0; at < t.length; at++) {
    const column = Math.floor(t[at]! - first);
    low[column] = Math.min(low[column]!, s[at]!);
    high[column] = Math.max(high[column]!, s[at]!);
  }
  const margin = Math.ceil(0.1 * low.length);
  const middles: Array<{ t: number; s: number }> = [];
  for (let column = margin; column < low.length - margin; column++) {
    if (low[column]! <= high[column]!) middles.push({ t: column, s: (low[column]! + high[column]!) / 2 });
  }
  if (middles.length < 3) return 0;
  const [meanT, meanS] = [mean(middles.map((middle) => middle.t)), mean(middles.map((middle) => middle.s))];
  const spread = middles.reduce((sum, middle) => sum + (middle.t - meanT) ** 2, 0);
  const slope = middles.reduce((sum, middle) => sum + (middle.t - meanT) * (middle.s - meanS), 0) / spread;
  return -Math.atan(slope);
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at]!;
  return sum / values.length;
}
