import type { Grey8, Grey16 } from './image.ts';
import { componentsOf } from './mask.ts';
import { thinBright } from './opening.ts';
import { applyWindow, windowOf } from './window.ts';
export interface Glyph { left: number; right: number; top: number; bottom: number; width: number; height: number; fill: number; level: number }
const CONTRAST = Number(process.env.CONTRAST ?? 90);
const RATIO = Number(process.env.RATIO ?? 0.62);
const LEVEL = Number(process.env.LEVEL ?? 30);
const GAP = Number(process.env.GAP ?? 1.2);
export function lineLengths(image: Grey16): number[] {
  const grey = applyWindow(image, windowOf(image));
  return [longestLine(glyphsOf(grey)), longestLine(glyphsOf(inverted(grey)))];
}
export function holdsText(image: Grey16): boolean {
  return lineLengths(image).some((length) => length >= 6);
}
const inverted = (image: Grey8): Grey8 => ({ ...image, data: image.data.map((value) => 255 - value) });
export function strokes(image: Grey8): Grey8 {
  const thin = thinBright(image);
  return { ...image, data: thin.data.map((value) => (value > CONTRAST ? 1 : 0)) };
}
export function glyphsOf(grey: Grey8): Glyph[] {
  const mask = strokes(grey);
  return componentsOf(mask, 1).flatMap(({ pixels }) => {
    if (pixels.length > 4000 || pixels.length < 4) return [];
    let [left, right, top, bottom] = [mask.width, 0, mask.height, 0];
    let sum = 0;
    for (const index of pixels) {
      const x = index % mask.width; const y = (index - x) / mask.width;
      left = Math.min(left, x); right = Math.max(right, x + 1); top = Math.min(top, y); bottom = Math.max(bottom, y + 1);
      sum += grey.data[index]!;
    }
    const width = right - left; const height = bottom - top;
    const fill = pixels.length / (width * height);
    return height >= 5 && height <= 40 && width <= 6 * height && fill > 0.15 && fill <= 0.9 ? [{ left, right, top, bottom, width, height, fill, level: sum / pixels.length }] : [];
  });
}
const units = (g: Glyph) => Math.max(1, Math.min(6, Math.round(g.width / (0.75 * g.height))));
export function longestLine(glyphs: Glyph[]): number {
  let best = 0;
  const sorted = [...glyphs].sort((a, b) => a.left - b.left);
  for (const seed of sorted) {
    let [last, count] = [seed, units(seed)];
    const tolerance = Math.max(1, 0.12 * seed.height);
    for (const next of sorted) {
      if (next.left < last.right - 1 || next === last) continue;
      if (next.left - last.right > GAP * seed.height) { if (next.left - last.right > 3 * seed.height) break; continue; }
      if (Math.abs(next.bottom - seed.bottom) > tolerance || next.height < RATIO * seed.height || next.height > seed.height / RATIO || Math.abs(next.level-seed.level) > LEVEL) continue;
      last = next; count += units(next);
    }
    best = Math.max(best, count);
  }
  return best;
}
