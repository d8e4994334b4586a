import type { Grey8, Grey16 } from './image.ts';
import { componentsOf } from './mask.ts';
import { applyWindow, windowOf } from './window.ts';

/** Strokes are thinner than this, pixels. */
const ELEMENT = 7;
/** A stroke stands out from its ground by this much of the window's 255. */
const CONTRAST = 90;

export interface Glyph { left: number; right: number; top: number; bottom: number; width: number; height: number; fill: number }

export function lineLengths(image: Grey16): number[] {
  const grey = applyWindow(image, windowOf(image));
  return [longestLine(glyphsOf(strokes(grey))), longestLine(glyphsOf(strokes(inverted(grey))))];
}

export function holdsText(image: Grey16): boolean {
  return lineLengths(image).some((length) => length >= 6);
}

const inverted = (image: Grey8): Grey8 => ({ ...image, data: image.data.map((value) => 255 - value) });

export function strokes(image: Grey8): Grey8 {
  const opened = slide(slide(image, Math.min, 255), Math.max, 0);
  return { ...image, data: image.data.map((value, index) => (value - opened.data[index]! > CONTRAST ? 1 : 0)) };
}

function slide(image: Grey8, pick: (a: number, b: number) => number, start: number): Grey8 {
  const { width, height, data } = image;
  const half = (ELEMENT - 1) / 2;
  const across = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    let v = start;
    for (let n = Math.max(0, x - half); n <= Math.min(width - 1, x + half); n++) v = pick(v, data[y * width + n]!);
    across[y * width + x] = v;
  }
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    let v = start;
    for (let n = Math.max(0, y - half); n <= Math.min(height - 1, y + half); n++) v = pick(v, across[n * width + x]!);
    out[y * width + x] = v;
  }
  return { ...image, data: out };
}

export function glyphsOf(mask: Grey8): Glyph[] {
  return componentsOf(mask, 1).flatMap(({ pixels }) => {
    let [left, right, top, bottom] = [mask.width, 0, mask.height, 0];
    for (const index of pixels) {
      const x = index % mask.width; const y = (index - x) / mask.width;
      left = Math.min(left, x); right = Math.max(right, x + 1); top = Math.min(top, y); bottom = Math.max(bottom, y + 1);
    }
    const width = right - left; const height = bottom - top;
    const fill = pixels.length / (width * height);
    return height >= 5 && height <= 40 && width <= 3 * height && fill > 0.15 && fill <= 0.9 ? [{ left, right, top, bottom, width, height, fill }] : [];
  });
}

export function longestLine(glyphs: Glyph[]): number {
  let best = 0;
  const sorted = [...glyphs].sort((a, b) => a.left - b.left);
  for (const seed of sorted) {
    let [last, count] = [seed, 1];
    const tolerance = Math.max(1, 0.15 * seed.height);
    for (const next of sorted) {
      if (next.left < last.right - 1 || next === last) continue;
      if (next.left - last.right > 1.5 * seed.height) { if (next.left - last.right > 3 * seed.height) break; continue; }
      if (Math.abs(next.bottom - seed.bottom) > tolerance || Math.abs(next.height - seed.height) > tolerance) continue;
      last = next; count++;
    }
    best = Math.max(best, count);
  }
  return best;
}
