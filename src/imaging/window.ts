import type { Grey8, Grey16, GreyF32 } from './image.ts';

/** The native values that become 0 and 255. */
export interface Window {
  readonly low: number;
  readonly high: number;
}

/** Quantiles of the window: docs/model-pack.md, "The upright slice", step 3. */
const WINDOW_QUANTILES = [0.01, 0.995] as const;

/** Values at index `floor(q * (n - 1))` of all sorted pixels; `high` is at least `low + 1` where they coincide. */
export function windowOf(image: Grey16 | GreyF32): Window {
  const ranks = WINDOW_QUANTILES.map((q) => Math.floor(q * (image.data.length - 1))) as [number, number];
  const [low, high] = image.depth === 'u16' ? ranked16(image.data, ranks) : rankedFloat(image.data, ranks);
  return { low, high: high <= low ? low + 1 : high };
}

/** `floor(255 * clamp((v - low) / (high - low), 0, 1) + 0.5)` for every pixel. */
export function applyWindow(image: Grey16 | GreyF32, window: Window): Grey8 {
  const { low, high } = window;
  const data = new Uint8Array(image.data.length);
  for (let index = 0; index < data.length; index++) {
    const share = (image.data[index]! - low) / (high - low);
    data[index] = Math.floor(255 * Math.min(1, Math.max(0, share)) + 0.5);
  }
  return { depth: 'u8', width: image.width, height: image.height, data };
}

function ranked16(values: Uint16Array, ranks: readonly [number, number]): [number, number] {
  const counts = new Uint32Array(65536);
  for (const value of values) counts[value]!++;
  let seen = 0;
  let next = 0;
  const found: number[] = [];
  for (let value = 0; value < counts.length && next < ranks.length; value++) {
    seen += counts[value]!;
    while (next < ranks.length && seen > ranks[next]!) {
      found.push(value);
      next++;
    }
  }
  return [found[0] ?? 0, found[1] ?? 0];
}

function rankedFloat(values: Float32Array, ranks: readonly [number, number]): [number, number] {
  const sorted = values.slice().sort();
  return [sorted[ranks[0]] ?? 0, sorted[ranks[1]] ?? 0];
}
