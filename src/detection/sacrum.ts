import type { Box } from '../contracts/detection.ts';
import {
  centreDistance,
  centreOf,
  type DiscColumn,
  discSpacing,
  LUMBAR_DISCS,
  localSpacing,
  median,
} from './column.ts';

/**
 * Bounds on the lowest disc and what lies around it. Lengths are in disc spacings. They were set on train and val
 * pictures of YOLOspine and SPIDER (474 whole ones; 1,445 cut off between L5-S1 and L4-L5; the whole ones without their
 * lowest disc): whole ones stay inside in 98.7 %, cut-off ones outside in 99.7 %, those without L5-S1 outside in 98 %.
 */
const BOUNDS = {
  /** L5-S1's centre over the picture's lower edge: from 1.04; of a cut-off picture's lowest disc: 0.1 to 0.85. */
  belowCentre: 1,
  /** End of the region below the lowest disc's centre: 0.74 to 1.35; a spacing more where L5-S1 was missed. */
  regionBelow: { low: 0.2, high: 1.5 },
  /** Lowest disc's confidence over the median of the next four. */
  confidence: 0.55,
  /** Lowest spacing over that expected there. */
  spacing: 0.72,
  /** Turn of the spine to posterior at the lowest step, radians. */
  turn: { low: -0.2, high: 0.75 },
} as const;

/** Each holds for few L5-S1 and many L4-L5; two of them together make the lowest disc doubtful. */
const WEAK_SIGNS = {
  /** Height over width of the box: L5-S1 is tilted. */
  aspect: 0.62,
  regionBelow: 1.3,
  turn: 0,
  /** End of the region over the picture's lower edge. */
  regionAboveEdge: 0.35,
} as const;

/** Signs of S1-S2 in the place of L5-S1; two of them, and the box is left out. */
const SACRAL_SIGNS = { width: 0.75, confidence: 0.55, spacing: 0.8, regionBelow: 0.55 } as const;

interface LowestDisc {
  readonly belowCentre: number;
  readonly regionBelow: number;
  readonly regionAboveEdge: number;
  readonly confidence: number;
  readonly spacing: number;
  readonly width: number;
  readonly turn: number;
  readonly aspect: number;
}

/** Whether the lowest of at least three discs is L5-S1 beyond doubt. */
export function lowestIsCertain(column: DiscColumn, region: Box, pictureHeight: number): boolean {
  const lowest = describe(column, region, pictureHeight);
  const weak = [
    lowest.aspect < WEAK_SIGNS.aspect,
    lowest.regionBelow > WEAK_SIGNS.regionBelow,
    lowest.turn < WEAK_SIGNS.turn,
    lowest.regionAboveEdge < WEAK_SIGNS.regionAboveEdge,
  ];
  return (
    lowest.belowCentre >= BOUNDS.belowCentre &&
    inside(lowest.regionBelow, BOUNDS.regionBelow) &&
    lowest.confidence >= BOUNDS.confidence &&
    lowest.spacing >= BOUNDS.spacing &&
    inside(lowest.turn, BOUNDS.turn) &&
    weak.filter(Boolean).length < 2
  );
}

/** Whether the lowest box of a long column is a second sacral disc (S1-S2) rather than L5-S1. */
export function lowestIsSacral(column: DiscColumn, region: Box, pictureHeight: number): boolean {
  if (column.length <= LUMBAR_DISCS) return false;
  const lowest = describe(column, region, pictureHeight);
  const signs = [
    lowest.width < SACRAL_SIGNS.width,
    lowest.confidence < SACRAL_SIGNS.confidence,
    lowest.spacing < SACRAL_SIGNS.spacing,
    lowest.regionBelow < SACRAL_SIGNS.regionBelow,
  ];
  return signs.filter(Boolean).length >= 2;
}

function describe(column: DiscColumn, region: Box, pictureHeight: number): LowestDisc {
  const [lowest, second, third] = [column[0]!, column[1]!, column[2]!];
  const next = column.slice(1, LUMBAR_DISCS);
  const spacing = discSpacing(column);
  const { y } = centreOf(lowest.box);
  const regionEnd = region.y + region.height;
  return {
    belowCentre: (pictureHeight - y) / spacing,
    regionBelow: (regionEnd - y) / spacing,
    regionAboveEdge: (pictureHeight - regionEnd) / spacing,
    confidence: lowest.confidence / median(next.map(({ confidence }) => confidence)),
    spacing: centreDistance(lowest.box, second.box) / localSpacing(column, 0),
    width: lowest.box.width / median(next.map(({ box }) => box.width)),
    turn: lean(lowest.box, second.box) - lean(second.box, third.box),
    aspect: lowest.box.height / lowest.box.width,
  };
}

/** Angle of the step from an upper disc down to a lower one, radians from straight down, positive to posterior. */
function lean(lower: Box, upper: Box): number {
  const [from, to] = [centreOf(upper), centreOf(lower)];
  return Math.atan2(to.x - from.x, to.y - from.y);
}

function inside(value: number, { low, high }: { readonly low: number; readonly high: number }): boolean {
  return value >= low && value <= high;
}
