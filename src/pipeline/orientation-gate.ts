import type { NamedDisc } from '../contracts/detection.ts';
import { LEVELS, type Reason, reasonOf } from '../contracts/reasons.ts';
import { LUMBAR_DISCS } from '../detection/column.ts';
import type { Grey8 } from '../imaging/image.ts';
import { discSlopes } from '../measurement/slope.ts';

/**
 * Degrees, in the 483 pictures of training and validation patients whose levels are certain, and in those of 80 of them
 * that stay certain when mirrored, upside down or turned by 180 degrees.
 */
const SLOPE = {
  /** L5-S1 slopes down to anterior with the sacrum: from 7 in real pictures, to -7 in mirrored and turned ones. */
  lowest: 3,
  /** L5-S1 and the disc that slopes most the other way, summed: from -3 in real pictures, to -17 in those upside down. */
  balance: -8,
} as const;

/** L5-S1 and L4-L5 slope the same way; the discs above may slope the other. */
const FIRST_ABOVE = 2;

/**
 * A bare picture carries no orientation: it is taken as head up and anterior left. Where its discs slope as they do in no
 * such picture, its names are not certain and a person must look.
 */
export function orientationGate(
  discs: readonly NamedDisc[],
  mask: Grey8,
  kind: 'dicom' | 'image',
): { readonly discs: readonly NamedDisc[]; readonly reasons: readonly Reason[] } {
  if (kind !== 'image' || discs[0]?.levelCertain !== true || isUpright(mask, discs)) return { discs, reasons: [] };
  return {
    discs: discs.map((disc) => ({ ...disc, levelCertain: false })),
    reasons: [
      reasonOf('out_of_distribution', { detail: 'its discs slope as in a mirrored or turned picture' }),
      ...discs
        .filter(({ level, levelCertain }) => levelCertain && LEVELS.indexOf(level) < LUMBAR_DISCS)
        .map(({ level }) => reasonOf('level_uncertain', { level })),
    ],
  };
}

/** True too where the mask does not cover L5-S1: nothing tells the orientation then. */
function isUpright(mask: Grey8, discs: readonly NamedDisc[]): boolean {
  const slopes = discSlopes(
    mask,
    discs.map(({ box }) => box),
  );
  const lowest = slopes[0] ?? null;
  if (lowest === null) return true;
  const above = slopes.slice(FIRST_ABOVE).filter((slope) => slope !== null);
  return lowest >= SLOPE.lowest && lowest + Math.min(0, ...above) >= SLOPE.balance;
}
