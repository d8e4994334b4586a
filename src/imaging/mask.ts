import type { SEGMENTATION_CLASSES } from '../contracts/report.ts';
import type { Grey8 } from './image.ts';

/** Pixel values of a class mask, as `mask.png` has them. */
export const CLASS = { background: 0, vertebra: 1, disc: 2, canal: 3 } as const satisfies Record<
  (typeof SEGMENTATION_CLASSES)[number],
  number
>;

/** Connected pixels of one class: indices `y * width + x`, ascending in the order of discovery. */
export interface Component {
  readonly pixels: Int32Array;
  /** Mean of pixel centres, pixel-edge coordinates. */
  readonly x: number;
  readonly y: number;
}

/** 8-connected components of the pixels that equal `value`, largest first, ties by the first pixel in reading order. */
export function componentsOf(mask: Grey8, value: number): Component[] {
  const { width, height, data } = mask;
  const seen = new Uint8Array(data.length);
  const stack = new Int32Array(data.length);
  const found: Component[] = [];
  for (let start = 0; start < data.length; start++) {
    if (data[start] !== value || seen[start] === 1) continue;
    let size = 0;
    let at = 0;
    stack[size++] = start;
    seen[start] = 1;
    let [sumX, sumY] = [0, 0];
    while (at < size) {
      const index = stack[at++]!;
      const x = index % width;
      const y = (index - x) / width;
      sumX += x;
      sumY += y;
      const [left, right] = [x > 0 ? -1 : 0, x < width - 1 ? 1 : 0];
      const [up, down] = [y > 0 ? -width : 0, y < height - 1 ? width : 0];
      for (let step = up; step <= down; step += width) {
        for (let next = index + step + left; next <= index + step + right; next++) {
          if (data[next] === value && seen[next] === 0) {
            seen[next] = 1;
            stack[size++] = next;
          }
        }
      }
    }
    found.push({ pixels: stack.slice(0, size), x: sumX / size + 0.5, y: sumY / size + 0.5 });
  }
  return found.sort((a, b) => b.pixels.length - a.pixels.length);
}

/** Pixels of each class, by value. */
export function countClasses(mask: Grey8): [number, number, number, number] {
  const counts: [number, number, number, number] = [0, 0, 0, 0];
  for (const value of mask.data) counts[value as 0 | 1 | 2 | 3]++;
  return counts;
}

/** The class at a point, background outside the mask; pixel-edge coordinates. */
export function classAt(mask: Grey8, x: number, y: number): number {
  const column = Math.floor(x);
  const row = Math.floor(y);
  if (column < 0 || row < 0 || column >= mask.width || row >= mask.height) return CLASS.background;
  return mask.data[row * mask.width + column]!;
}
