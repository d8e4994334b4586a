import { type Affine, compose } from './affine.ts';
import type { Grey8, Grey16 } from './image.ts';
import { invertGrey, type Orientation, orientUpright, uprightToStored } from './orientation.ts';
import { resizeBilinear, squarePixelSize } from './resize.ts';
import { applyWindow, type Window, windowOf } from './window.ts';

/** The 8-bit picture that every network sees, and how it came from the stored pixels. */
export interface UprightSlice {
  readonly image: Grey8;
  readonly window: Window;
  /** Millimetres of one square pixel; null where the spacing is unknown. */
  readonly spacingMm: number | null;
  /** Upright to stored pixels, pixel-edge coordinates. */
  readonly sourceTransform: Affine;
}

/**
 * Stored pixels to the upright slice: inversion, exact turns, square pixels, one window from native depth
 * (docs/model-pack.md, "The upright slice"). `pixelSpacingMm` is [row, column] of the stored picture.
 */
export function uprightSlice(
  stored: Grey16,
  slice: { orientation: Orientation; pixelSpacingMm: readonly [number, number] | null; invert: boolean },
): UprightSlice {
  const { orientation, pixelSpacingMm, invert } = slice;
  const turned = orientUpright(invert ? invertGrey(stored) : stored, orientation);
  const toStored = uprightToStored(orientation, turned.width, turned.height);
  if (pixelSpacingMm === null) return windowed(turned, null, toStored);
  const spacing = orientation.transpose ? ([pixelSpacingMm[1], pixelSpacingMm[0]] as const) : pixelSpacingMm;
  const square = squarePixelSize(turned.width, turned.height, spacing);
  if (square.width === turned.width && square.height === turned.height)
    return windowed(turned, square.spacingMm, toStored);
  const toTurned: Affine = [turned.width / square.width, 0, 0, 0, turned.height / square.height, 0];
  const resized = resizeBilinear(turned, square.width, square.height);
  return windowed(resized, square.spacingMm, compose(toTurned, toStored));
}

function windowed(
  image: Parameters<typeof windowOf>[0],
  spacingMm: number | null,
  sourceTransform: Affine,
): UprightSlice {
  const window = windowOf(image);
  return { image: applyWindow(image, window), window, spacingMm, sourceTransform };
}
