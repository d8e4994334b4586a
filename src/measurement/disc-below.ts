import type { Box } from '../contracts/detection.ts';
import type { Grey8 } from '../imaging/image.ts';
import { CLASS, componentsOf } from '../imaging/mask.ts';

/** A piece that lies in boxes by more than this part is a disc of theirs. */
const IN_BOXES = 0.5;

/**
 * The largest piece of disc in the mask that lies below the lowest of `boxes` (their first), outside of them, over the
 * median area of the boxes' own discs; 0 where there is none. `owned` is `discPixels(mask, boxes)`.
 */
export function discBelow(mask: Grey8, boxes: readonly Box[], owned: ReadonlyArray<readonly number[]>): number {
  const [lowest] = boxes;
  if (lowest === undefined) return 0;
  const areas = owned.map(({ length }) => length).sort((a, b) => a - b);
  const median = areas[Math.floor(areas.length / 2)]!;
  if (median === 0) return 0;
  const held = new Set(owned.flat());
  const floor = lowest.y + lowest.height / 2;
  const below = componentsOf(mask, CLASS.disc)
    .map(({ pixels }) => pixels)
    .filter((pixels) => pixels.filter((pixel) => held.has(pixel)).length <= IN_BOXES * pixels.length)
    .filter((pixels) => pixels.reduce((sum, pixel) => sum + Math.floor(pixel / mask.width), 0) / pixels.length > floor);
  return Math.max(0, ...below.map(({ length }) => length)) / median;
}
