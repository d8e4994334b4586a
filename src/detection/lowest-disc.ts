import type { Box } from '../contracts/detection.ts';
import {
  centreDistance,
  centreOf,
  type DiscColumn,
  discSpacing,
  LUMBAR_DISCS,
  lean,
  localSpacing,
  median,
} from './column.ts';
import { LOWEST_DISC_MODEL } from './lowest-disc-model.ts';

/**
 * What tells L5-S1 from another lowest disc, in the order of the model's weights. Lengths are in disc spacings, angles
 * in radians; each is held within the range that it takes in real pictures, so that an odd value does not decide alone.
 */
export const LOWEST_DISC_SIGNS = [
  /** From the lowest disc's centre to the end of what the picture shows. */
  'belowCentre',
  /** How far the region's end below the lowest disc's centre is from where it ends below L5-S1. */
  'regionMismatch',
  /** From the region's end to the end of what the picture shows. */
  'regionAboveEdge',
  /** Confidence over the median of the next four. */
  'confidence',
  /** Lowest step over the one expected there. */
  'spacing',
  /** Width over the median of the next four. */
  'width',
  /** Height over width, over the median of the next four: L5-S1 is tilted, so its box is taller. */
  'aspect',
  /** Logarithm of the two lowest steps over the two highest: a picture that stands on its head tapers downwards. */
  'taper',
  /** Lean of the lowest step and of the next: the spine turns to posterior at the sacrum. */
  'lean',
  'leanAbove',
] as const;

/** Where the region ends below L5-S1's centre, in spacings (median of training pictures). */
const REGION_BELOW = 0.95;

/** At least three discs from the lowest upwards; `seenRows` is the height of what the picture shows, pixels. */
export function lowestDiscSigns(column: DiscColumn, region: Box, seenRows: number): number[] {
  const [lowest, second, third] = [column[0]!.box, column[1]!.box, column[2]!.box];
  const next = column.slice(1, LUMBAR_DISCS);
  const spacing = discSpacing(column);
  const { y } = centreOf(lowest);
  const regionEnd = region.y + region.height;
  const aspects = median(next.map(({ box }) => box.height / box.width));
  return [
    within((seenRows - y) / spacing, 0, 1.6),
    within(Math.abs((regionEnd - y) / spacing - REGION_BELOW), 0, 1.2),
    within((seenRows - regionEnd) / spacing, -0.5, 0.6),
    within(column[0]!.confidence / median(next.map(({ confidence }) => confidence)), 0.3, 1),
    within(centreDistance(lowest, second) / localSpacing(column, 0), 0.6, 1.2),
    within(lowest.width / median(next.map(({ box }) => box.width)), 0.5, 1.1),
    within(lowest.height / lowest.width / aspects, 0.7, 2),
    within(taper(column), -0.4, 0.4),
    within(lean(lowest, second), -0.4, 0.6),
    within(lean(second, third), -0.4, 0.3),
  ];
}

/** The logit that the lowest of at least three discs is L5-S1. */
export function lowestIsL5S1(column: DiscColumn, region: Box, seenRows: number): number {
  const { bias, signs } = LOWEST_DISC_MODEL;
  const values = lowestDiscSigns(column, region, seenRows);
  return signs.reduce((sum, { mean, spread, weight }, index) => {
    return sum + (weight * (values[index]! - mean)) / spread;
  }, bias);
}

/** No labelled L5-S1 of training and validation pictures lies outside; outside, no name is certain. */
const PLAUSIBLE = {
  /** Confidence over the median of the next four: from 0.76. */
  confidence: 0.55,
  /** Lowest step over the one expected there: from 0.77. */
  spacing: 0.72,
  /** Turn to posterior at the lowest step, radians: -0.14 to 0.64. */
  turn: { low: -0.2, high: 0.75 },
} as const;

/** Whether the lowest of at least three discs lies where an L5-S1 may lie. */
export function lowestIsPlausible(column: DiscColumn): boolean {
  const [lowest, second, third] = [column[0]!, column[1]!, column[2]!];
  const others = median(column.slice(1, LUMBAR_DISCS).map(({ confidence }) => confidence));
  const turn = lean(lowest.box, second.box) - lean(second.box, third.box);
  return (
    lowest.confidence >= PLAUSIBLE.confidence * others &&
    centreDistance(lowest.box, second.box) >= PLAUSIBLE.spacing * localSpacing(column, 0) &&
    turn >= PLAUSIBLE.turn.low &&
    turn <= PLAUSIBLE.turn.high
  );
}

/** From L5-S1's centre to the end of what the picture shows, in spacings: from 0.97; of a cut-off picture's, to 0.75. */
const SHOWN_BELOW = 0.9;

/** Whether the picture goes on below the lowest of at least three discs, as it does below L5-S1 and S1-S2. */
export function showsMoreBelow(column: DiscColumn, seenRows: number): boolean {
  return seenRows - centreOf(column[0]!.box).y >= SHOWN_BELOW * discSpacing(column);
}

/** Below five discs the two ends of the column share steps: 0. */
function taper(column: DiscColumn): number {
  if (column.length < LUMBAR_DISCS) return 0;
  const steps = column.slice(1).map(({ box }, index) => centreDistance(column[index]!.box, box));
  return Math.log((steps[0]! + steps[1]!) / (steps.at(-1)! + steps.at(-2)!));
}

const within = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));
