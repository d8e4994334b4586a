import { SEGMENTATION_CLASSES } from '../contracts/report.ts';
import type { Placement } from '../imaging/letterbox.ts';
import { resizeInto } from '../imaging/resize.ts';

/** A segmenter's answer: `dims` are 1, 4, height, width of its input. */
export interface SegmentationOutput {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

const CLASSES = SEGMENTATION_CLASSES.length;

/** Class probabilities: `data` is classes x height x width. */
export interface ProbabilityMap {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** One member's answer with its place in the ensemble; `placement` is that of its input. */
export interface WeightedOutput {
  readonly id: string;
  readonly weight: number;
  readonly output: SegmentationOutput;
  readonly placement: Placement;
}

/**
 * The members' weighted mean on the crop, of each one's `shareOf`: resized to the crop's pixels and added. Members whose
 * content has one size are added before they are resized, which is the same (resizing is linear) and costs one resize.
 */
export function sumOfShares(
  shares: readonly ProbabilityMap[],
  crop: { readonly width: number; readonly height: number },
): ProbabilityMap {
  const bySize = new Map<string, ProbabilityMap>();
  for (const share of shares) {
    const key = `${share.width}x${share.height}`;
    const sum = bySize.get(key);
    if (sum === undefined) bySize.set(key, { ...share, data: share.data.slice() });
    else addInto(sum.data, share.data);
  }
  const total = new Float32Array(CLASSES * crop.width * crop.height);
  for (const [index, content] of [...bySize.values()].entries()) {
    const resized = index === 0 ? total : new Float32Array(total.length);
    resizeClasses(content, crop, resized);
    if (index > 0) addInto(total, resized);
  }
  return { width: crop.width, height: crop.height, data: total };
}

function addInto(sum: Float32Array, values: Float32Array): void {
  for (let at = 0; at < sum.length; at++) sum[at]! += values[at]!;
}

function resizeClasses(content: ProbabilityMap, crop: { width: number; height: number }, into: Float32Array): void {
  const { width, height, data } = content;
  for (let index = 0; index < CLASSES; index++) {
    resizeInto(
      { data, offset: index * width * height, stride: width, width, height },
      {
        data: into,
        offset: index * crop.width * crop.height,
        stride: crop.width,
        width: crop.width,
        height: crop.height,
      },
    );
  }
}

/**
 * A member's weighted softmax over the classes, of its content alone. Throws `RangeError` where dims do not fit or a pixel
 * has no softmax: such a mask would be background, and tell of a slice that misses the canal.
 */
export function shareOf({ id, weight, output, placement }: WeightedOutput): ProbabilityMap {
  const { width, height, contentWidth, contentHeight, left, top } = placement;
  const expected = [1, CLASSES, height, width];
  if (output.dims.length !== 4 || expected.some((size, axis) => output.dims[axis] !== size)) {
    throw new RangeError(`${id} answers ${expected.join(' x ')}, not ${output.dims.join(' x ')}`);
  }
  const logits = output.data;
  const plane = width * height;
  const inner = contentWidth * contentHeight;
  const data = new Float32Array(CLASSES * inner);
  for (let y = 0; y < contentHeight; y++) {
    let from = (top + y) * width + left;
    let to = y * contentWidth;
    for (let x = 0; x < contentWidth; x++, from++, to++) {
      const a = logits[from]!;
      const b = logits[from + plane]!;
      const c = logits[from + 2 * plane]!;
      const d = logits[from + 3 * plane]!;
      const largest = Math.max(a, b, c, d);
      const ea = Math.exp(a - largest);
      const eb = Math.exp(b - largest);
      const ec = Math.exp(c - largest);
      const ed = Math.exp(d - largest);
      const sum = ea + eb + ec + ed;
      if (Number.isNaN(sum)) throw new RangeError(`${id} answers logits that are not finite`);
      const share = weight / sum;
      data[to] = ea * share;
      data[to + inner] = eb * share;
      data[to + 2 * inner] = ec * share;
      data[to + 3 * inner] = ed * share;
    }
  }
  return { width: contentWidth, height: contentHeight, data };
}

/** The most probable class of each pixel, 0 to 3; ties go to the lower class. */
export function argmaxClasses(map: ProbabilityMap): Uint8Array {
  const size = map.width * map.height;
  const classes = new Uint8Array(size);
  for (let pixel = 0; pixel < size; pixel++) {
    let best = map.data[pixel]!;
    for (let index = 1; index < CLASSES; index++) {
      const value = map.data[index * size + pixel]!;
      if (value > best) {
        best = value;
        classes[pixel] = index;
      }
    }
  }
  return classes;
}
