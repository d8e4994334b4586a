import type { Grey16 } from '../imaging/image.ts';
import type { PixelDescription } from './pixel-description.ts';

/** Native words of a frame as they are stored, unused bits and all. PS3.5 section 8.1.1. */
export function nativeWords(bytes: Uint8Array, description: PixelDescription, littleEndian: boolean): Uint16Array {
  const pixels = description.rows * description.columns;
  const words = new Uint16Array(pixels);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (description.bitsAllocated === 16) {
    for (let index = 0; index < pixels; index += 1) words[index] = view.getUint16(2 * index, littleEndian);
    return words;
  }
  // Bytes in OW words of a big endian data set lie swapped: PS3.5 annex A.3.
  const swap = !littleEndian && description.element.vr === 'OW' ? 1 : 0;
  for (let index = 0; index < pixels; index += 1) words[index] = bytes[index ^ swap] ?? 0;
  return words;
}

/**
 * Stored words to pixels: the stored bits are cut out, whatever the other bits hold, and signed values are shifted by
 * 2^(bitsStored - 1), so that the smallest possible stored value is 0. Rescale and windows are not applied.
 */
export function greyFromWords(words: Uint16Array, description: PixelDescription): Grey16 {
  const { rows, columns, bitsStored, highBit, signed } = description;
  const shift = highBit + 1 - bitsStored;
  const mask = 2 ** bitsStored - 1;
  const flip = signed ? 2 ** (bitsStored - 1) : 0;
  const data = new Uint16Array(words.length);
  for (let index = 0; index < words.length; index += 1) data[index] = ((words[index]! >> shift) & mask) ^ flip;
  return { depth: 'u16', width: columns, height: rows, data };
}
