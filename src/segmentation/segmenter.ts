import type { SpineSegmenter } from '../contracts/pack.ts';
import { SEGMENTATION_CLASSES } from '../contracts/report.ts';
import type { Placement } from '../imaging/letterbox.ts';
import { resizeInto } from '../imaging/resize.ts';

/** A segmenter's answer: `dims` are 1, 4, height, width of its input. */
export interface SegmentationOutput {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

const CLASSES = SEGMENTATION_CLASSES.length;

/** Class probabilities of a crop: `data` is classes x height x width, summed over weighted members. */
export interface ProbabilityMap {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

export function emptyProbabilities(width: number, height: number): ProbabilityMap {
  return { width, height, data: new Float32Array(CLASSES * width * height) };
}

/**
 * Adds one member's weighted softmax to the map: pad cut away, each class resized to the crop's pixels.
 * `placement` is that of the member's input. Throws `RangeError` where dims do not fit.
 */
export function addMember(
  sum: ProbabilityMap,
  output: SegmentationOutput,
  placement: Placement,
  weight: number,
  member: Pick<SpineSegmenter, 'id'>,
): void {
  const { width, height } = placement;
  const expected = [1, CLASSES, height, width];
  if (output.dims.length !== 4 || expected.some((size, axis) => output.dims[axis] !== size)) {
    throw new RangeError(`${member.id} answers ${expected.join(' x ')}, not ${output.dims.join(' x ')}`);
  }
  const probabilities = softmaxInside(output.data, placement);
  const inside = { stride: placement.contentWidth, width: placement.contentWidth, height: placement.contentHeight };
  const plane = placement.contentWidth * placement.contentHeight;
  const resized = new Float32Array(sum.width * sum.height);
  for (let index = 0; index < CLASSES; index++) {
    resizeInto(
      { data: probabilities, offset: index * plane, ...inside },
      { data: resized, offset: 0, stride: sum.width, width: sum.width, height: sum.height },
      weight,
    );
    const offset = index * resized.length;
    for (let pixel = 0; pixel < resized.length; pixel++) sum.data[offset + pixel]! += resized[pixel]!;
  }
}

/** Softmax over classes of the content alone: classes x contentHeight x contentWidth. */
function softmaxInside(logits: Float32Array, placement: Placement): Float32Array {
  const { width, height, contentWidth, contentHeight, left, top } = placement;
  const plane = width * height;
  const inner = contentWidth * contentHeight;
  const result = new Float32Array(CLASSES * inner);
  for (let y = 0; y < contentHeight; y++) {
    for (let x = 0; x < contentWidth; x++) {
      const from = (top + y) * width + left + x;
      const to = y * contentWidth + x;
      const [a, b, c, d] = [logits[from]!, logits[from + plane]!, logits[from + 2 * plane]!, logits[from + 3 * plane]!];
      const largest = Math.max(a, b, c, d);
      const [ea, eb, ec, ed] = [
        Math.exp(a - largest),
        Math.exp(b - largest),
        Math.exp(c - largest),
        Math.exp(d - largest),
      ];
      const total = ea + eb + ec + ed;
      result[to] = ea / total;
      result[to + inner] = eb / total;
      result[to + 2 * inner] = ec / total;
      result[to + 3 * inner] = ed / total;
    }
  }
  return result;
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
