import type { Grey16 } from '../imaging/image.ts';
import type { PixelDescription } from './pixel-description.ts';

/**
 * Gives padded pixels the darkest value that the others have, so that no window spans to a value that nobody measured.
 * The image itself where nothing is padded, or everything.
 */
export function withoutPadding(image: Grey16, description: PixelDescription): Grey16 {
  const { padding, invert } = description;
  if (padding === null) return image;
  const ends = [greyOf(padding.value, description), greyOf(padding.limit, description)] as const;
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const isPadded = (value: number) => value >= low && value <= high;
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of image.data) {
    if (isPadded(value)) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (least > most) return image;
  const darkest = invert ? most : least;
  return { ...image, data: image.data.map((value) => (isPadded(value) ? darkest : value)) };
}

/** A stored word on the scale of `greyFromWords`. */
const greyOf = (word: number, { signed, bitsStored }: PixelDescription): number =>
  signed ? (word > 0x7fff ? word - 0x10000 : word) + 2 ** (bitsStored - 1) : word;
