import type { Grey8 } from './image.ts';

/** Side of the square element, pixels. */
const ELEMENT = 7;
const PAD = ELEMENT - 1;

/**
 * What is brighter than its ground and thinner than seven pixels: the picture less its grey opening by a 7 x 7 square
 * (white top-hat), 0..255. Borders are continued by their outermost pixels.
 */
export function thinBright(image: Grey8): Grey8 {
  const { width, height, data } = image;
  const stride = width + 2 * PAD;
  const padded = pad(image, stride);
  const eroded = runningMinimum(runningMinimum(padded, 1), stride);
  const opened = runningMaximum(runningMaximum(eroded, 1), stride);
  const result = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    const row = (y + PAD) * stride + PAD;
    for (let x = 0; x < width; x++) result[y * width + x] = data[y * width + x]! - opened[row + x]!;
  }
  return { ...image, data: result };
}

function pad({ width, height, data }: Grey8, stride: number): Uint8Array {
  const padded = new Uint8Array(stride * (height + 2 * PAD));
  for (let y = 0; y < height + 2 * PAD; y++) {
    const row = Math.min(height - 1, Math.max(0, y - PAD)) * width;
    padded.fill(data[row]!, y * stride, y * stride + PAD);
    padded.set(data.subarray(row, row + width), y * stride + PAD);
    padded.fill(data[row + width - 1]!, y * stride + PAD + width, (y + 1) * stride);
  }
  return padded;
}

/** The least of the seven values at `i`, `i + step`, …, by windows of two, four and seven. */
function runningMinimum(values: Uint8Array, step: number): Uint8Array {
  const least = values.slice();
  for (const reach of [step, 2 * step, 3 * step]) {
    for (let index = 0; index + reach < least.length; index++) {
      const more = least[index + reach]! - least[index]!;
      // Without a branch, which noise would make unpredictable: the difference where it is negative, else 0.
      least[index]! += more & (more >> 31);
    }
  }
  return least;
}

/** The greatest of the seven values at `i`, `i - step`, …. */
function runningMaximum(values: Uint8Array, step: number): Uint8Array {
  const greatest = values.slice();
  for (const reach of [step, 2 * step, 3 * step]) {
    for (let index = greatest.length - 1; index >= reach; index--) {
      const more = greatest[index - reach]! - greatest[index]!;
      greatest[index]! += more & ~(more >> 31);
    }
  }
  return greatest;
}
