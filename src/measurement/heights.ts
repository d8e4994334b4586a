import type { Grey8 } from '../imaging/image.ts';
import { CLASS, classAt } from '../imaging/mask.ts';
import { type DiscFrame, SAMPLE_AREA } from './disc-frame.ts';

/** Where along the mid-line heights are read: middle of each strip, and its half width, as parts of its length. */
const STRIPS = { anterior: 0.2, middle: 0.5, posterior: 0.8 } as const;
const HALF_STRIP = 0.1;
/** A vertebra is crossed by rays over this part of the disc's length, about its middle. */
const VERTEBRA_SPAN = 0.4;
const RAYS = 7;
/** Step along a ray, pixels. */
const STEP = 0.25;

export interface DiscHeights {
  readonly anterior: number;
  readonly middle: number;
  readonly posterior: number;
}

/** Endplate to endplate, perpendicular to the disc's mid-line, pixels: area of a strip over its width. */
export function discHeights(frame: DiscFrame): DiscHeights {
  const length = frame.posterior - frame.anterior;
  const at = (share: number): number => {
    const low = frame.anterior + (share - HALF_STRIP) * length;
    const high = frame.anterior + (share + HALF_STRIP) * length;
    let inside = 0;
    for (const t of frame.samples.t) if (t >= low && t < high) inside++;
    return (inside * SAMPLE_AREA) / (high - low);
  };
  return { anterior: at(STRIPS.anterior), middle: at(STRIPS.middle), posterior: at(STRIPS.posterior) };
}

/**
 * Height of the vertebral body between two neighbouring discs, pixels: the median length of vertebra along rays parallel
 * to the line between the discs' centres. Null where less than half of that line is vertebra.
 */
export function vertebraHeight(mask: Grey8, lower: DiscFrame, upper: DiscFrame): number | null {
  const [dx, dy] = [upper.x - lower.x, upper.y - lower.y];
  const distance = Math.hypot(dx, dy);
  const [alongX, alongY] = [dx / distance, dy / distance];
  const span = (VERTEBRA_SPAN * (lower.posterior - lower.anterior + upper.posterior - upper.anterior)) / 2;
  const lengths: number[] = [];
  for (let ray = 0; ray < RAYS; ray++) {
    const aside = span * (ray / (RAYS - 1) - 0.5);
    let inside = 0;
    for (let at = 0; at < distance; at += STEP) {
      const x = lower.x + alongX * at - alongY * aside;
      const y = lower.y + alongY * at + alongX * aside;
      if (classAt(mask, x, y) === CLASS.vertebra) inside += STEP;
    }
    lengths.push(inside);
  }
  const height = lengths.sort((a, b) => a - b)[(RAYS - 1) / 2]!;
  return height < distance / 2 ? null : height;
}
