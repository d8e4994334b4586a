import type { Grey16 } from '../imaging/image.ts';
import type { DataSet } from './data-set.ts';
import type { PixelDescription } from './pixel-description.ts';
import { TAG } from './tags.ts';
import { number } from './values.ts';

/** Stored values outside what was imaged, PS3.3 C.7.5.1.1.2: those between the two, which stand in no order. */
export interface PixelPadding {
  /** 16-bit words, two's complement where pixels are signed. */
  readonly value: number;
  readonly limit: number;
}

/** Null where PixelPaddingValue (0028,0120) is absent; without PixelPaddingRangeLimit (0028,0121) one value pads. */
export function pixelPaddingOf(set: DataSet): PixelPadding | null {
  const value = number(set, TAG.pixelPaddingValue);
  if (value === null) return null;
  const limit = number(set, TAG.pixelPaddingRangeLimit) ?? value;
  return { value: value & 0xffff, limit: limit & 0xffff };
}

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
