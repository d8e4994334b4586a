import sharp from 'sharp';

/** Dots an inch at which one SVG pixel is two picture pixels. */
const DOUBLE_DENSITY = 144;

/**
 * Draws an SVG of this program's own at twice its size, as PNG. Text needs a font of the machine: give outlines instead.
 * Never for an SVG that somebody uploaded.
 */
export function pngOfOwnSvg(svg: string): Promise<Buffer> {
  return sharp(Buffer.from(svg), { density: DOUBLE_DENSITY }).png().toBuffer();
}
