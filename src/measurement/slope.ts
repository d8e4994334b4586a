import type { Box } from '../contracts/detection.ts';
import type { Grey8 } from '../imaging/image.ts';
import { discFrame, discPixels } from './disc-frame.ts';

/**
 * How much higher each disc's posterior end lies than its anterior one, degrees from level in the upright slice (anterior
 * left), in the order of `boxes`. Null where the mask does not cover the disc.
 */
export function discSlopes(mask: Grey8, boxes: readonly Box[]): Array<number | null> {
  return discPixels(mask, boxes).map((pixels, index) => {
    const frame = discFrame(pixels, mask.width, boxes[index]!);
    return frame === null ? null : (Math.atan2(-frame.along.y, frame.along.x) * 180) / Math.PI;
  });
}
