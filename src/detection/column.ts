import type { Box, ScoredBox } from '../contracts/detection.ts';

/** How many of the lowest levels are lumbar: L5-S1 to L1-L2. */
export const LUMBAR_DISCS = 5;

/** Discs from the lowest upwards, in pixels of the upright slice. */
export type DiscColumn = readonly ScoredBox[];

export function centreOf(box: Box): { x: number; y: number } {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Distance of two boxes' centres, pixels. */
export function centreDistance(a: Box, b: Box): number {
  const [from, to] = [centreOf(a), centreOf(b)];
  return Math.hypot(from.x - to.x, from.y - to.y);
}

/** Angle of the step from an upper disc down to a lower one, radians from straight down, positive to posterior. */
export function lean(lower: Box, upper: Box): number {
  const [from, to] = [centreOf(upper), centreOf(lower)];
  return Math.atan2(to.x - from.x, to.y - from.y);
}

/** Median distance of neighbours among the lowest five discs, pixels; infinite below two discs. */
export function discSpacing(column: DiscColumn): number {
  const distances = column.slice(1, LUMBAR_DISCS).map((disc, index) => centreDistance(column[index]!.box, disc.box));
  return distances.length === 0 ? Number.POSITIVE_INFINITY : median(distances);
}

/** How far the spacing expected at a step may lie from that of the lowest five discs: it shrinks towards the thorax. */
const LOCAL = { low: 0.75, high: 1.15 } as const;

/** Spacing expected at a step: the median of up to two steps on each side, held near that of the lowest five discs. */
export function localSpacing(column: DiscColumn, step: number): number {
  const typical = discSpacing(column);
  const around = [step - 2, step - 1, step + 1, step + 2].flatMap((at) => {
    const [lower, upper] = [column[at], column[at + 1]];
    return lower === undefined || upper === undefined ? [] : [centreDistance(lower.box, upper.box)];
  });
  if (around.length < 2) return typical;
  return Math.min(LOCAL.high * typical, Math.max(LOCAL.low * typical, median(around)));
}

/** The upper of the two middle values for an even count: an intruder makes two short steps, a gap one long one. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
