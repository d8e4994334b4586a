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

/** Median distance of neighbours among the lowest five discs, pixels; infinite below two discs. */
export function discSpacing(column: DiscColumn): number {
  const distances = column.slice(1, LUMBAR_DISCS).map((disc, index) => centreDistance(column[index]!.box, disc.box));
  return distances.length === 0 ? Number.POSITIVE_INFINITY : median(distances);
}

/** Spacing expected at a step: the median of up to two steps on each side, as spacings shrink towards the thorax. */
export function localSpacing(column: DiscColumn, step: number): number {
  const around = [step - 2, step - 1, step + 1, step + 2].flatMap((at) => {
    const [lower, upper] = [column[at], column[at + 1]];
    return lower === undefined || upper === undefined ? [] : [centreDistance(lower.box, upper.box)];
  });
  return around.length < 2 ? discSpacing(column) : median(around);
}

/** The lower of the two middle values for an even count, so that one outlier of two does not move it. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
