import type { MemberInput } from '../contracts/pack.ts';
import type { Grey8 } from './image.ts';
import { type Placement, placeInto, planPlacement } from './letterbox.ts';

/** A batch for one network: `data` is `N x channels x height x width`, normalised; one placement a picture. */
export interface InputBatch {
  readonly dims: readonly [number, number, number, number];
  readonly data: Float32Array;
  readonly placements: readonly Placement[];
}

/**
 * Pictures to a network's input: resized and placed by the member's rule, then `(v / 255 - mean) / std`, pad
 * included; three channels are three equal planes. Throws `RangeError` for an empty batch.
 */
export function inputBatch(pictures: readonly Grey8[], input: MemberInput): InputBatch {
  if (pictures.length === 0) throw new RangeError('a batch holds at least one picture');
  const { width, height, channels, mean, std, pad } = input;
  const plane = width * height;
  const scale = 1 / (255 * std);
  const shift = -mean / std;
  const data = new Float32Array(pictures.length * channels * plane).fill(pad * scale + shift);
  const placements = pictures.map((picture, index) => {
    const placement = planPlacement(picture, input, input.resize);
    const start = index * channels * plane;
    placeInto(picture, placement, data, start, scale, shift);
    for (let channel = 1; channel < channels; channel++) {
      data.copyWithin(start + channel * plane, start, start + plane);
    }
    return placement;
  });
  return { dims: [pictures.length, channels, height, width], data, placements };
}
