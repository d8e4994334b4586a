import type { Grey8 } from '../imaging/image.ts';
import { blendPixel, type Canvas } from './canvas.ts';
import { CLASS_COLOURS } from './palette.ts';

const FILL_OPACITY = 0.2;
const OUTLINE_OPACITY = 0.9;
/** Half the outline's width, canvas pixels. */
const OUTLINE_RADIUS = 1.1;

/** Where a picture lies on the canvas: its top left corner and canvas pixels a picture pixel. */
export interface Placement {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

/** A class's share of each pixel of a part of the picture, 0..1; `x` and `y` place the part. */
interface Field {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/**
 * Paints a mask (0 background, 1 vertebra, 2 disc, 3 canal) as translucent fills with outlines. Each class is smoothed by
 * a 3 x 3 binomial before its 50 % line is drawn, so that outlines do not show the pixels' stairs.
 */
export function paintMask(canvas: Canvas, mask: Grey8, placement: Placement): void {
  CLASS_COLOURS.forEach((colour, index) => {
    const field = smoothedClass(mask, index + 1);
    if (field === null) return;
    paintField(field, placement.scale, (x, y, fill, outline) => {
      const px = placement.left + x;
      const py = placement.top + y;
      if (fill > 0) blendPixel(canvas, px, py, colour, fill * FILL_OPACITY);
      if (outline > 0) blendPixel(canvas, px, py, colour, outline * OUTLINE_OPACITY);
    });
  });
}

function smoothedClass(mask: Grey8, value: number): Field | null {
  const bounds = classBounds(mask, value);
  if (bounds === null) return null;
  const { x, y, width, height } = bounds;
  const inside = new Uint8Array((width + 2) * (height + 2));
  for (let row = 2; row < height; row++) {
    for (let column = 2; column < width; column++) {
      const at = (y + row - 1) * mask.width + x + column - 1;
      if (mask.data[at] === value) inside[row * (width + 2) + column] = 1;
    }
  }
  return { x, y, width, height, data: binomial(inside, width, height) };
}

/** Weights 1 2 1 along both axes of a plane that has one pixel more on each side than its result. */
function binomial(inside: Uint8Array, width: number, height: number): Float32Array {
  const data = new Float32Array(width * height);
  const stride = width + 2;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let sum = 0;
      for (let dy = 0; dy < 3; dy++) {
        const at = (row + dy) * stride + column;
        sum += (inside[at]! + 2 * inside[at + 1]! + inside[at + 2]!) * (dy === 1 ? 2 : 1);
      }
      data[row * width + column] = sum / 16;
    }
  }
  return data;
}

/** The class's bounding box with two pixels around it, which may lie outside the mask. */
function classBounds(mask: Grey8, value: number) {
  let [x0, y0, x1, y1] = [mask.width, mask.height, -1, -1];
  for (let y = 0; y < mask.height; y++) {
    for (let x = 0; x < mask.width; x++) {
      if (mask.data[y * mask.width + x] !== value) continue;
      x0 = Math.min(x0, x);
      x1 = Math.max(x1, x);
      y0 = Math.min(y0, y);
      y1 = y;
    }
  }
  return x1 < 0 ? null : { x: x0 - 2, y: y0 - 2, width: x1 - x0 + 5, height: y1 - y0 + 5 };
}

/** Bilinear samples of a field at the centres of canvas pixels, a row at a time; zero outside the field. */
class EnlargedField {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly #field: Field;
  readonly #scale: number;
  /** The field's column left of each canvas column's centre, and how far the centre lies from it to the next. */
  readonly #left: Int32Array;
  readonly #along: Float64Array;
  /** The first and the last column of each row of the field that is not zero. */
  readonly #bounds: readonly (readonly [first: number, last: number])[];

  constructor(field: Field, scale: number) {
    this.x = Math.floor(field.x * scale);
    this.y = Math.floor(field.y * scale);
    this.width = Math.ceil(field.width * scale) + 1;
    this.height = Math.ceil(field.height * scale) + 1;
    this.#field = field;
    this.#scale = scale;
    this.#left = new Int32Array(this.width);
    this.#along = new Float64Array(this.width);
    for (let column = 0; column < this.width; column++) {
      const fx = (this.x + column + 0.5) / scale - 0.5 - field.x;
      this.#left[column] = Math.floor(fx);
      this.#along[column] = fx - Math.floor(fx);
    }
    this.#bounds = Array.from({ length: field.height }, (_, row) => {
      const values = field.data.subarray(row * field.width, (row + 1) * field.width);
      const first = values.findIndex((value) => value > 0);
      return first < 0 ? [field.width, -1] : [first, values.findLastIndex((value) => value > 0)];
    });
  }

  /** Fills a row; returns the columns that may differ from zero, the last one excluded. */
  row(row: number, into: Float32Array): readonly [from: number, to: number] {
    const { width, height, data } = this.#field;
    into.fill(0);
    const fy = (this.y + row + 0.5) / this.#scale - 0.5 - this.#field.y;
    const top = Math.floor(fy);
    if (top < 0 || top + 1 >= height) return [0, 0];
    const down = fy - top;
    const first = Math.min(this.#bounds[top]![0], this.#bounds[top + 1]![0]);
    const last = Math.min(width - 2, Math.max(this.#bounds[top]![1], this.#bounds[top + 1]![1]));
    let from = 0;
    while (from < this.width && this.#left[from]! < Math.max(0, first - 1)) from++;
    let to = from;
    for (; to < this.width && this.#left[to]! <= last; to++) {
      const at = top * width + this.#left[to]!;
      const along = this.#along[to]!;
      const upper = data[at]! * (1 - along) + data[at + 1]! * along;
      const lower = data[at + width]! * (1 - along) + data[at + width + 1]! * along;
      into[to] = upper + (lower - upper) * down;
    }
    return [from, to];
  }
}

/** Calls back with the fill and outline coverage of each pixel near or inside the class, in canvas pixels. */
function paintField(
  field: Field,
  scale: number,
  paint: (x: number, y: number, fill: number, outline: number) => void,
): void {
  const enlarged = new EnlargedField(field, scale);
  const { x, y, width, height } = enlarged;
  let [above, here, below] = [new Float32Array(width), new Float32Array(width), new Float32Array(width)];
  enlarged.row(0, above);
  let [from, to] = enlarged.row(1, here);
  for (let row = 1; row < height - 1; row++) {
    const next = enlarged.row(row + 1, below);
    for (let column = Math.max(1, from); column < Math.min(width - 1, to); column++) {
      const value = here[column]!;
      if (value === 0) continue;
      // Math.hypot guards against an overflow that shares cannot reach, and takes longer.
      const across = here[column + 1]! - here[column - 1]!;
      const down = below[column]! - above[column]!;
      const slope = Math.sqrt(across * across + down * down) / 2;
      const inside = slope < 1e-4 ? Math.sign(value - 0.5) * 100 : (value - 0.5) / slope;
      const fill = clamp(inside + 0.5);
      const outline = clamp(OUTLINE_RADIUS + 0.5 - Math.abs(inside));
      if (fill > 0 || outline > 0) paint(x + column, y + row, fill, outline);
    }
    [above, here, below] = [here, below, above];
    [from, to] = next;
  }
}

const clamp = (value: number) => Math.min(1, Math.max(0, value));
