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
    const enlarged = enlarge(field, placement.scale);
    paintField(enlarged, (x, y, fill, outline) => {
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

/** Bilinear samples at the centres of canvas pixels; zero outside the field. */
function enlarge(field: Field, scale: number): Field {
  const x = Math.floor(field.x * scale);
  const y = Math.floor(field.y * scale);
  const width = Math.ceil(field.width * scale) + 1;
  const height = Math.ceil(field.height * scale) + 1;
  const data = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    const fy = (y + row + 0.5) / scale - 0.5 - field.y;
    const top = Math.floor(fy);
    if (top < 0 || top + 1 >= field.height) continue;
    for (let column = 0; column < width; column++) {
      const fx = (x + column + 0.5) / scale - 0.5 - field.x;
      const left = Math.floor(fx);
      if (left < 0 || left + 1 >= field.width) continue;
      const at = top * field.width + left;
      const along = fx - left;
      const upper = field.data[at]! * (1 - along) + field.data[at + 1]! * along;
      const lower = field.data[at + field.width]! * (1 - along) + field.data[at + field.width + 1]! * along;
      data[row * width + column] = upper + (lower - upper) * (fy - top);
    }
  }
  return { x, y, width, height, data };
}

/** Calls back with the fill and outline coverage of each pixel near or inside the class, in canvas pixels. */
function paintField(field: Field, paint: (x: number, y: number, fill: number, outline: number) => void): void {
  const { width, height, data } = field;
  for (let row = 1; row < height - 1; row++) {
    for (let column = 1; column < width - 1; column++) {
      const at = row * width + column;
      const value = data[at]!;
      if (value === 0) continue;
      // Math.hypot guards against an overflow that shares cannot reach, and takes longer.
      const across = data[at + 1]! - data[at - 1]!;
      const down = data[at + width]! - data[at - width]!;
      const slope = Math.sqrt(across * across + down * down) / 2;
      const inside = slope < 1e-4 ? Math.sign(value - 0.5) * 100 : (value - 0.5) / slope;
      const fill = clamp(inside + 0.5);
      const outline = clamp(OUTLINE_RADIUS + 0.5 - Math.abs(inside));
      if (fill > 0 || outline > 0) paint(field.x + column, field.y + row, fill, outline);
    }
  }
}

const clamp = (value: number) => Math.min(1, Math.max(0, value));
