import { InputFault } from '../contracts/reasons.ts';
import { fromTheMiddle, type OrderedSlice } from '../dicom/slice-order.ts';
import type { Grey16 } from '../imaging/image.ts';
import type { PixelDecoder } from './ports.ts';
import type { ReadObject } from './prepare-read.ts';
import type { FileTally } from './prepare-tally.ts';

/** Slices handed on at most, and slices tried for them. */
export const MAX_CANDIDATES = 5;
const MAX_TRIED = 15;

export interface DecodedSlice {
  readonly ordered: OrderedSlice;
  readonly pixels: Grey16;
}

/**
 * Decodes up to five slices around the middle, nearest first, reading each file's bytes anew and letting them go. A
 * slice that cannot be decoded, or that shows one value alone, gives its place to the next.
 */
export async function decodeCandidates(
  slices: readonly OrderedSlice[],
  objects: readonly ReadObject[],
  decoder: PixelDecoder,
  tally: FileTally,
): Promise<DecodedSlice[]> {
  const decoded: DecodedSlice[] = [];
  for (const ordered of fromTheMiddle(slices).slice(0, MAX_TRIED)) {
    if (decoded.length === MAX_CANDIDATES) break;
    const { source, frame } = ordered.frame;
    try {
      const bytes = await objects[source]!.file.read();
      const pixels = await decoder.decodeFrame(bytes, frame);
      if (isConstant(pixels)) throw new InputFault('low_quality', 'a slice of one value');
      decoded.push({ ordered, pixels });
    } catch (error) {
      tally.addFault(error);
    }
  }
  return decoded;
}

const isConstant = ({ data }: Grey16): boolean => data.every((value) => value === data[0]);
