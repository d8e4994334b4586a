import type { Box } from '../contracts/detection.ts';
import type { CropRule } from '../contracts/pack.ts';
import type { Grey8 } from './image.ts';

/** Whole pixels `[x0, x1) x [y0, y1)` of a picture. */
export interface PixelRect {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/**
 * The pixels that a rule cuts out around a box: enlarged about the centre, clipped to the picture, rounded outwards.
 * Null where nothing of the box lies in the picture.
 */
export function cropRect(box: Box, rule: CropRule, picture: { width: number; height: number }): PixelRect | null {
  const square = Math.max(box.width, box.height);
  const halfWidth = ((rule.kind === 'square' ? square : box.width) * rule.factor) / 2;
  const halfHeight = ((rule.kind === 'square' ? square : box.height) * rule.factor) / 2;
  const centreX = box.x + box.width / 2;
  const centreY = box.y + box.height / 2;
  const rect = {
    x0: Math.floor(Math.max(0, centreX - halfWidth)),
    y0: Math.floor(Math.max(0, centreY - halfHeight)),
    x1: Math.ceil(Math.min(picture.width, centreX + halfWidth)),
    y1: Math.ceil(Math.min(picture.height, centreY + halfHeight)),
  };
  return rect.x1 > rect.x0 && rect.y1 > rect.y0 ? rect : null;
}

/** A copy of the pixels of a rectangle that lies inside the picture. */
export function cropPixels(image: Grey8, rect: PixelRect): Grey8 {
  const width = rect.x1 - rect.x0;
  const height = rect.y1 - rect.y0;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const start = (rect.y0 + y) * image.width + rect.x0;
    data.set(image.data.subarray(start, start + width), y * width);
  }
  return { depth: 'u8', width, height, data };
}
