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
  stretchRows(source, target.width, target.height, (above, below, down, y) => {
    mixRows(above, below, down, target.data, target.offset + y * target.stride, scale, shift);
  });
}

/** The rows of `resizeBilinear` from the top down, in one buffer that is used again for the next row. */
export function resizeRows(
  image: GreyImage,
  width: number,
  height: number,
  visit: (row: Float32Array, y: number) => void,
): void {
  const row = new Float32Array(width);
  stretchRows(planeOf(image), width, height, (above, below, down, y) => {
    mixRows(above, below, down, row, 0, 1, 0);
    visit(row, y);
  });
}

/** Calls back with the two source rows, stretched along x, that each row of the result lies between. */
function stretchRows(
  source: Plane,
  width: number,
  height: number,
  visit: (above: Float64Array, below: Float64Array, down: number, y: number) => void,
): void {
  const columns = taps(source.width, width);
  const rows = taps(source.height, height);
  // Rows that are stretched along x already, so that each row of the source is stretched once.
  let above = new Float64Array(width);
  let below = new Float64Array(width);
  let [aboveRow, belowRow] = [-1, -1];
  for (let y = 0; y < height; y++) {
    const lower = rows.lower[y]!;
    const upper = rows.upper[y]!;
    if (lower !== aboveRow) {
      if (lower === belowRow) {
        [above, below] = [below, above];
        belowRow = -1;
      } else {
        stretchRow(source, lower, columns, above);
      }
      aboveRow = lower;
    }
    if (upper !== belowRow) {
      stretchRow(source, upper, columns, below);
      belowRow = upper;
    }
    visit(above, below, rows.weight[y]!, y);
  }
}

function mixRows(
  above: Float64Array,
  below: Float64Array,
  down: number,
  into: Float32Array,
  start: number,
  scale: number,
  shift: number,
): void {
  for (let x = 0; x < above.length; x++) {
    into[start + x] = (above[x]! + (below[x]! - above[x]!) * down) * scale + shift;
  }
}

function stretchRow(source: Plane, row: number, columns: Taps, into: Float64Array): void {
  const { data } = source;
  const { lower, upper, weight } = columns;
  const start = source.offset + row * source.stride;
  for (let x = 0; x < into.length; x++) {
    const left = data[start + lower[x]!]!;
    into[x] = left + (data[start + upper[x]!]! - left) * weight[x]!;
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
