import type { Affine } from './affine.ts';
import type { Grey8, Grey16 } from './image.ts';

/** Stored to upright: the transpose first, then the flips. */
export interface Orientation {
  readonly transpose: boolean;
  readonly flipX: boolean;
  readonly flipY: boolean;
}

/** Turns stored pixels head up, anterior left by exact index moves; a transpose swaps width and height. */
export function orientUpright<Image extends Grey8 | Grey16>(image: Image, orientation: Orientation): Image {
  const { transpose, flipX, flipY } = orientation;
  if (!transpose && !flipX && !flipY) return image;
  const width = transpose ? image.height : image.width;
  const height = transpose ? image.width : image.height;
  const data = image.depth === 'u8' ? new Uint8Array(width * height) : new Uint16Array(width * height);
  const stepX = transpose ? image.width : 1;
  const stepY = transpose ? 1 : image.width;
  for (let y = 0; y < height; y++) {
    const row = (flipY ? height - 1 - y : y) * stepY;
    const out = y * width;
    for (let x = 0; x < width; x++) {
      data[out + x] = image.data[row + (flipX ? width - 1 - x : x) * stepX]!;
    }
  }
  return { ...image, width, height, data };
}

/** Maps upright pixels of a `width` x `height` picture (its upright size) to stored pixels. */
export function uprightToStored(orientation: Orientation, width: number, height: number): Affine {
  const { transpose, flipX, flipY } = orientation;
  const alongX: [number, number] = flipX ? [-1, width] : [1, 0];
  const alongY: [number, number] = flipY ? [-1, height] : [1, 0];
  return transpose
    ? [0, alongY[0], alongY[1], alongX[0], 0, alongX[1]]
    : [alongX[0], 0, alongX[1], 0, alongY[0], alongY[1]];
}

/** MONOCHROME1 to MONOCHROME2: `65535 - v`, so that percentiles and windows see bright as high. */
export function invertGrey(image: Grey16): Grey16 {
  return { ...image, data: image.data.map((value) => 65535 - value) };
}
