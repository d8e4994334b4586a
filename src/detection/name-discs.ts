import type { Box, NamedDisc, ScoredBox } from '../contracts/detection.ts';
import { LEVELS } from '../contracts/reasons.ts';
import { intersectionOverUnion } from './yolov8.ts';

/**
 * Bounds in units of the disc spacing (median distance of neighbouring disc centres among the lowest five). They come
 * from 535 labelled pictures (train and val) of YOLOspine and SPIDER; quantiles are of whole, unbroken columns.
 */
const RULES = {
  /** Spacings lie below 1.3 in 99.9 %; a missed disc gives about 2. */
  gap: 1.55,
  /** Nearer than this two boxes are one disc. Real spacings lie above 0.53. */
  double: 0.35,
  /** Nearer than this the upper one may be a double. 0.1 % of real spacings. */
  near: 0.6,
  /** L5-S1's centre lies farther than this from the picture's lower edge in 99.7 %; in a picture cut off above it, L4-L5's lies nearer. */
  belowLowest: 0.95,
  /** The region ends 0.5 below the lowest disc's box, 0.6 to 1.1 below its centre. */
  regionBelow: { low: 0.15, high: 1.35 },
  /** Two of these three make the lowest disc a likely S1-S2. */
  sacral: { width: 0.66, confidence: 0.6, spacing: 0.8 },
  /** With fewer discs there is no spacing to judge by. */
  minDiscs: 3,
} as const;

/** How many of the lowest levels are lumbar: L5-S1 to L1-L2. */
export const LUMBAR_DISCS = 5;

/** Discs from L5-S1 upwards, and the codes of what was seen on the way; codes are for tests and logs. */
export interface NamedColumn {
  readonly discs: NamedDisc[];
  readonly notes: ReadonlyArray<'double' | 'near' | 'gap' | 'sacrum_missing' | 'sacrum_far' | 'second_sacral' | 'few'>;
}

/**
 * Sorts discs along the spine and names them from the lowest, L5-S1, upwards. Whatever makes a name doubtful takes the
 * certainty from it and from all names that depend on it: a gap from the levels above it, a doubtful sacrum from all.
 * Boxes are in pixels of the upright slice of `picture`'s size. Discs above the twelfth are dropped.
 */
export function nameDiscs(
  found: readonly ScoredBox[],
  region: Box,
  picture: { readonly width: number; readonly height: number },
): NamedColumn {
  const notes: Array<NamedColumn['notes'][number]> = [];
  const deduplicated = dropDoubles(
    [...found].sort((a, b) => centre(b.box).y - centre(a.box).y || centre(a.box).x - centre(b.box).x),
  );
  if (deduplicated.length < found.length) notes.push('double');
  if (deduplicated.length < RULES.minDiscs) {
    return { discs: deduplicated.map((disc, index) => named(disc, index, false)), notes: [...notes, 'few'] };
  }
  const sacral = lowestIsSacral(deduplicated);
  const column = sacral ? deduplicated.slice(1) : deduplicated;
  if (sacral) notes.push('second_sacral');
  const spacing = discSpacing(column);
  let certain = !sacral && column.length >= RULES.minDiscs;
  const sacrum = judgeSacrum(column[0]!.box, spacing, region, picture);
  if (sacrum !== null) {
    notes.push(sacrum);
    certain = false;
  }
  let level = 0;
  const discs: NamedDisc[] = [];
  for (const [index, disc] of column.entries()) {
    if (index > 0) {
      const step = distance(column[index - 1]!.box, disc.box) / localSpacing(column, index - 1, spacing);
      if (step > RULES.gap) notes.push('gap');
      if (step < RULES.near) notes.push('near');
      if (step > RULES.gap || step < RULES.near) certain = false;
      level += step > RULES.gap ? Math.max(2, Math.round(step)) : 1;
    }
    if (level >= LEVELS.length) break;
    discs.push(named(disc, level, certain));
  }
  return { discs, notes };
}

function named({ box, confidence }: ScoredBox, level: number, levelCertain: boolean): NamedDisc {
  return { level: LEVELS[Math.min(level, LEVELS.length - 1)]!, levelCertain, box, confidence };
}

/** Where two boxes stand for one disc, the weaker goes. */
function dropDoubles(sorted: readonly ScoredBox[]): ScoredBox[] {
  const kept = [...sorted];
  for (;;) {
    const spacing = discSpacing(kept);
    const index = kept.findIndex((disc, at) => at > 0 && isDouble(kept[at - 1]!.box, disc.box, spacing));
    if (index < 0) return kept;
    kept.splice(kept[index]!.confidence > kept[index - 1]!.confidence ? index - 1 : index, 1);
  }
}

function isDouble(a: Box, b: Box, spacing: number): boolean {
  return (
    intersectionOverUnion(a, b) > 0.5 || distance(a, b) < RULES.double * spacing || contains(a, b) || contains(b, a)
  );
}

/** More than 80 % of `inner` lies in `outer`. */
function contains(outer: Box, inner: Box): boolean {
  const width = Math.min(outer.x + outer.width, inner.x + inner.width) - Math.max(outer.x, inner.x);
  const height = Math.min(outer.y + outer.height, inner.y + inner.height) - Math.max(outer.y, inner.y);
  return width > 0 && height > 0 && width * height > 0.8 * inner.width * inner.height;
}

/** A small, weak, near lowest box of a long column is S1-S2 rather than L5-S1. */
function lowestIsSacral(column: readonly ScoredBox[]): boolean {
  if (column.length < LUMBAR_DISCS) return false;
  const lowest = column[0]!;
  const next = column.slice(1, LUMBAR_DISCS);
  const signs = [
    lowest.box.width < RULES.sacral.width * median(next.map(({ box }) => box.width)),
    lowest.confidence < RULES.sacral.confidence * median(next.map(({ confidence }) => confidence)),
    distance(lowest.box, column[1]!.box) < RULES.sacral.spacing * discSpacing(column.slice(1)),
  ];
  return signs.filter(Boolean).length >= 2;
}

function judgeSacrum(
  lowest: Box,
  spacing: number,
  region: Box,
  picture: { readonly height: number },
): 'sacrum_missing' | 'sacrum_far' | null {
  const { y } = centre(lowest);
  if (picture.height - y < RULES.belowLowest * spacing) return 'sacrum_missing';
  const below = (region.y + region.height - y) / spacing;
  return below < RULES.regionBelow.low || below > RULES.regionBelow.high ? 'sacrum_far' : null;
}

/** Median distance of neighbours among the lowest five discs, pixels; infinite below two discs. */
export function discSpacing(column: ReadonlyArray<{ readonly box: Box }>): number {
  const distances = column.slice(1, LUMBAR_DISCS).map((disc, index) => distance(column[index]!.box, disc.box));
  return distances.length === 0 ? Number.POSITIVE_INFINITY : median(distances);
}

/** Spacing expected at a step: the median of up to two steps on each side, as spacings shrink towards the thorax. */
function localSpacing(column: readonly ScoredBox[], step: number, fallback: number): number {
  const around = [step - 2, step - 1, step + 1, step + 2].flatMap((at) => {
    const [lower, upper] = [column[at], column[at + 1]];
    return lower === undefined || upper === undefined ? [] : [distance(lower.box, upper.box)];
  });
  return around.length < 2 ? fallback : median(around);
}

function centre(box: Box): { x: number; y: number } {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

function distance(a: Box, b: Box): number {
  const [from, to] = [centre(a), centre(b)];
  return Math.hypot(from.x - to.x, from.y - to.y);
}

/** Lower of the two middle values for an even count, so that one outlier in two does not move it. */
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
