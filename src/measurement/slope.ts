import type { Box } from '../contracts/detection.ts';
import { discFrame } from './disc-frame.ts';

/**
 * How much higher each disc's posterior end lies than its anterior one, degrees from level in the upright slice (anterior
 * left), in the order of `boxes`, from the pixels of `discPixels` in a mask of that width. Null where the mask does not
 * cover the disc.
 */
export function discSlopes(
  owned: ReadonlyArray<readonly number[]>,
  width: number,
  boxes: readonly Box[],
): Array<number | null> {
  return owned.map((pixels, index) => {
    const frame = discFrame(pixels, width, boxes[index]!);
    return frame === null ? null : (Math.atan2(-frame.along.y, frame.along.x) * 180) / Math.PI;
  });
}
