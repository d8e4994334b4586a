import type { GreyF32, GreyImage } from './image.ts';

interface Taps {
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly weight: Float64Array;
}

/** Source indices and weights of one axis: half-pixel centres, clamped at the edges, no antialias. */
function taps(from: number, to: number): Taps {
  const lower = new Int32Array(to);
  const upper = new Int32Array(to);
  const weight = new Float64Array(to);
  const scale = from / to;
  for (let index = 0; index < to; index++) {
    const source = Math.max(0, (index + 0.5) * scale - 0.5);
    const base = Math.min(Math.floor(source), from - 1);
    lower[index] = base;
    upper[index] = Math.min(base + 1, from - 1);
    weight[index] = source - base;
  }
  return { lower, upper, weight };
}

/** A part of a plane of values: `data[offset + y * stride + x]`, `width` x `height`. */
export interface Plane {
  readonly data: Uint8Array | Uint16Array | Float32Array;
  readonly offset: number;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

export const planeOf = (image: GreyImage): Plane => ({
  data: image.data,
  offset: 0,
  stride: image.width,
  width: image.width,
  height: image.height,
});

/**
 * Bilinear resize of a plane into a part of `target` (same layout), as docs/model-pack.md and
 * `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)` do it. Each value becomes `value * scale + shift`.
 */
export function resizeInto(source: Plane, target: Plane & { readonly data: Float32Array }, scale = 1, shift = 0): void {
  const columns = taps(source.width, target.width);
  const rows = taps(source.height, target.height);
  const { data } = source;
  for (let y = 0; y < target.height; y++) {
    const top = source.offset + rows.lower[y]! * source.stride;
    const bottom = source.offset + rows.upper[y]! * source.stride;
    const down = rows.weight[y]!;
    const out = target.offset + y * target.stride;
    for (let x = 0; x < target.width; x++) {
      const left = columns.lower[x]!;
      const right = columns.upper[x]!;
      const along = columns.weight[x]!;
      const upper = data[top + left]! + (data[top + right]! - data[top + left]!) * along;
      const lower = data[bottom + left]! + (data[bottom + right]! - data[bottom + left]!) * along;
      target.data[out + x] = (upper + (lower - upper) * down) * scale + shift;
    }
  }
}

/** Bilinear resize to `width` x `height`, values unrounded. */
export function resizeBilinear(image: GreyImage, width: number, height: number): GreyF32 {
  const data = new Float32Array(width * height);
  resizeInto(planeOf(image), { data, offset: 0, stride: width, width, height });
  return { depth: 'f32', width, height, data };
}

/** Size of the square-pixel picture: both spacings become the smaller one. `spacingMm` is [row, column]. */
export function squarePixelSize(
  width: number,
  height: number,
  spacingMm: readonly [number, number],
): { width: number; height: number; spacingMm: number } {
  const smaller = Math.min(spacingMm[0], spacingMm[1]);
  return {
    width: Math.floor((width * spacingMm[1]) / smaller + 0.5),
    height: Math.floor((height * spacingMm[0]) / smaller + 0.5),
    spacingMm: smaller,
  };
}
