import type { Box, NamedDisc, ScoredBox } from '../contracts/detection.ts';
import { LEVELS } from '../contracts/reasons.ts';
import { centreDistance, centreOf, type DiscColumn, discSpacing, LUMBAR_DISCS, lean, localSpacing } from './column.ts';
import { lowestIsL5S1, lowestIsPlausible, showsMoreBelow } from './lowest-disc.ts';
import { intersectionOverUnion } from './yolov8.ts';

/** Bounds on a step between neighbours, in spacings expected there (labelled pictures of train and val). */
const STEP = {
  /** 99.9 % of real steps lie below 1.3; a missed disc gives about 2. */
  gap: 1.55,
  /** 99.9 % of real steps lie above; nearer, and one of the two may be no disc. */
  near: 0.6,
  /** Radians between neighbouring steps: real ones turn by up to 0.63; a leap to a ghost of the spine beside it by 1 to 2. */
  turn: 0.75,
} as const;

/** Two boxes stand for one disc where they overlap, lie in one another, or lie nearer than this part of the spacing. */
const DOUBLE = { iou: 0.5, inside: 0.8, distance: 0.35 } as const;

/** With fewer discs there is no spacing to judge by. */
const MIN_DISCS = 3;

/**
 * The lowest disc is L5-S1 for certain from this logit on, and so much above the other candidate's: `kept` where it is
 * the lowest box, `sacral` where the box below it was left out, as nearly all wrong names were. Chosen on the table that
 * `scripts/fit-levels.ts` prints: five-fold predictions for training patients, and validation patients.
 */
const CERTAIN = { logit: -0.405, kept: 1, sacral: 3 } as const;

/**
 * Sorts discs along the spine and names them from the lowest, L5-S1, upwards. Of two boxes for one disc the weaker goes;
 * so does a second sacral disc below L5-S1. Whatever makes a name doubtful takes the certainty from it and from all names
 * that hang on it: a gap, a crowded step or a leap aside from the levels above it, a doubtful sacrum or fewer than three
 * discs from all. Boxes are in pixels of the upright slice, of which `seenRows` rows show something; discs above the
 * twelfth are left out.
 */
export function nameDiscs(found: readonly ScoredBox[], region: Box, seenRows: number): NamedDisc[] {
  const all = columnOf(found);
  if (all.length < MIN_DISCS) return all.map((disc, index) => named(disc, index, false));
  const { column, certain } = chooseColumn(all, region, seenRows);
  return nameUpwards(column, certain);
}

/**
 * The column whose lowest disc is L5-S1: all of it, or what is left without a box that is S1-S2. That one must be likely
 * and the likelier of the two; with little between them nothing is certain, nor where the picture ends at the lowest box.
 */
function chooseColumn(all: DiscColumn, region: Box, seenRows: number): { column: DiscColumn; certain: boolean } {
  const [whole, shorter] = columnsToName(all).map((column) => ({
    column,
    logit: lowestIsL5S1(column, region, seenRows),
  })) as [Candidate, Candidate?];
  const open = showsMoreBelow(all, seenRows);
  const sacral = open && shorter !== undefined && shorter.logit > whole.logit && shorter.logit >= CERTAIN.logit;
  const { column, logit } = sacral ? shorter : whole;
  const other = (sacral ? whole : shorter)?.logit ?? Number.NEGATIVE_INFINITY;
  const margin = sacral ? CERTAIN.sacral : CERTAIN.kept;
  const certain = open && logit >= CERTAIN.logit && logit - other >= margin && lowestIsPlausible(column);
  return { column, certain };
}

interface Candidate {
  readonly column: DiscColumn;
  readonly logit: number;
}

/** Found discs from the lowest upwards, each once. */
export function columnOf(found: readonly ScoredBox[]): DiscColumn {
  return dropDoubles(
    [...found].sort((a, b) => centreOf(b.box).y - centreOf(a.box).y || centreOf(a.box).x - centreOf(b.box).x),
  );
}

/** The column as it is, and without its lowest box where that may be S1-S2: five lumbar discs are left then. */
export function columnsToName(column: DiscColumn): DiscColumn[] {
  return column.length > LUMBAR_DISCS ? [column, column.slice(1)] : [column];
}

function nameUpwards(column: DiscColumn, lowestCertain: boolean): NamedDisc[] {
  const discs: NamedDisc[] = [];
  let certain = lowestCertain;
  let level = 0;
  for (const [index, disc] of column.entries()) {
    if (index > 0) {
      const step = centreDistance(column[index - 1]!.box, disc.box) / localSpacing(column, index - 1);
      certain &&= step >= STEP.near && step <= STEP.gap && turnBelow(column, index) <= STEP.turn;
      level += step > STEP.gap ? Math.round(step) : 1;
    }
    if (level >= LEVELS.length) break;
    discs.push(named(disc, level, certain));
  }
  return discs;
}

/** How far the step up to a disc turns from the one below it, radians; 0 where there is none below. */
function turnBelow(column: DiscColumn, index: number): number {
  if (index < 2) return 0;
  const [first, second, third] = column.slice(index - 2, index + 1) as [ScoredBox, ScoredBox, ScoredBox];
  return Math.abs(lean(second.box, third.box) - lean(first.box, second.box));
}

function named({ box, confidence }: ScoredBox, level: number, levelCertain: boolean): NamedDisc {
  return { level: LEVELS[level]!, levelCertain, box, confidence };
}

/** `sorted` by height; of each pair that stands for one disc the weaker is left out, the upper one of equals. */
function dropDoubles(sorted: DiscColumn): ScoredBox[] {
  const kept = [...sorted];
  for (;;) {
    const spacing = discSpacing(kept);
    const index = kept.findIndex((disc, at) => at > 0 && isDouble(kept[at - 1]!.box, disc.box, spacing));
    if (index < 0) return kept;
    kept.splice(kept[index]!.confidence > kept[index - 1]!.confidence ? index - 1 : index, 1);
  }
}

function isDouble(a: Box, b: Box, spacing: number): boolean {
  const near = Number.isFinite(spacing) && centreDistance(a, b) < DOUBLE.distance * spacing;
  return near || intersectionOverUnion(a, b) > DOUBLE.iou || shareInside(a, b) > DOUBLE.inside;
}

/** The part of the smaller box that lies in the other, 0 to 1. */
export function shareInside(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width <= 0 || height <= 0 ? 0 : (width * height) / Math.min(a.width * a.height, b.width * b.height);
}
