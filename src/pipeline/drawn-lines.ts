import { type Reason, reasonOf } from '../contracts/reasons.ts';
import type { Grey8 } from '../imaging/image.ts';
import { orientUpright } from '../imaging/orientation.ts';
import { quantileOf } from '../imaging/quantile.ts';

/** Grey values by which a pixel of a line stands out from the tissue on both of its sides. */
const CONTRAST = 30;
/** The sides lie so many pixels from it: a line of three is seen whole. */
const REACH = 2;
/** The longer side of a finer crop is brought to so many pixels at most, each square to its brightest: a line stays whole. */
const MOST_PIXELS = 400;
/** Slopes from -1 to 1 in so many steps, along rows and along columns: every direction. */
const SLOPES = 81;
/** A line counts at least as so long a part of the crop: the corner of one is short of pixels, not a whole line. */
const LEAST_LENGTH = 0.7;
/**
 * Part of a straight line that must stand out: bright edges of tissue reach 0.6. Lines of two and three pixels reach 0.75 to
 * 1, drawn ones of a single pixel 0.5 to 0.95. None of 1046 pictures of public data and 300 imitated ones has a line by these
 * rules; 270 of 270 with solid ones drawn through their discs have, 27 of 30 that are then shrunk by half, 29 of 30 with dashed ones.
 */
const SOLID = 0.65;
/**
 * Dashed lines, and thin ones on bright tissue, stand out on less, but in one grey value: the middle half of their pixels
 * within so many. Along columns fat behind the spine does so too, saturated, on up to 0.41.
 */
const DASHED = 0.33;
const ONE_GREY = 8;
/** Columns as rows. */
const TRANSPOSED = { transpose: true, flipX: false, flipY: false };

/**
 * Why a person must look where straight lines are drawn across the lumbar crop, as the reference lines of a screenshot are:
 * discs under them are missed or read wrongly. No bright edge of tissue is as straight, as thin and as long.
 */
export function drawnLineReasons(crop: Grey8): Reason[] {
  const image = brightest(crop, Math.ceil(Math.max(crop.width, crop.height) / MOST_PIXELS));
  const drawn = hasLine(image, DASHED) || hasLine(orientUpright(image, TRANSPOSED), SOLID);
  return drawn ? [reasonOf('low_quality', { detail: 'straight lines are drawn across it' })] : [];
}

/** Whether a line that runs more along rows than along columns stands out, on `oneGrey` of its length in one grey value. */
function hasLine(image: Grey8, oneGrey: number): boolean {
  const { width, height, data } = image;
  const ridges = ridgesOf(image);
  for (let step = 0; step < SLOPES; step++) {
    const slope = (2 * step) / (SLOPES - 1) - 1;
    const rises = Int32Array.from({ length: width }, (_, x) => Math.round(slope * (x - width / 2)));
    // Counted by the row in which a line crosses the middle column, those of the corners beyond the first and last row.
    const counts = new Uint32Array(height + 2 * width);
    for (const { x, y } of ridges) counts[y - rises[x]! + width]!++;
    const least = oneGrey * LEAST_LENGTH * width;
    for (let index = 0; index < counts.length; index++) {
      const count = counts[index]!;
      if (count < least) continue;
      const line = [...rises]
        .map((rise, x) => ({ x, y: index - width + rise }))
        .filter(({ y }) => y >= 0 && y < height);
      const share = count / Math.max(line.length, LEAST_LENGTH * width);
      if (share >= SOLID) return true;
      if (share < oneGrey) continue;
      const values = line.filter(({ x, y }) => standsOut(image, x, y)).map(({ x, y }) => data[y * width + x]!);
      if (middleHalf(values) <= ONE_GREY) return true;
    }
  }
  return false;
}

/** The pixels of bright lines. */
function ridgesOf(image: Grey8): Array<{ x: number; y: number }> {
  const found: Array<{ x: number; y: number }> = [];
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) if (standsOut(image, x, y)) found.push({ x, y });
  }
  return found;
}

/** Whether a pixel is brighter than those above and below the line that it may belong to. */
function standsOut({ width, height, data }: Grey8, x: number, y: number): boolean {
  const above = data[Math.max(0, y - REACH) * width + x]!;
  const below = data[Math.min(height - 1, y + REACH) * width + x]!;
  return data[y * width + x]! - Math.max(above, below) >= CONTRAST;
}

/** Each square of `side` pixels as its brightest one; those cut off by the edge are squares too. */
function brightest({ width, height, data }: Grey8, side: number): Grey8 {
  const [across, down] = [Math.ceil(width / side), Math.ceil(height / side)];
  const found = new Uint8Array(across * down);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = Math.floor(y / side) * across + Math.floor(x / side);
      found[at] = Math.max(found[at]!, data[y * width + x]!);
    }
  }
  return { depth: 'u8', width: across, height: down, data: found };
}

function middleHalf(values: number[]): number {
  values.sort((a, b) => a - b);
  return quantileOf(values, 0.75) - quantileOf(values, 0.25);
}
