import type { PhantomSpec } from '../../src/phantom/phantom.ts';
import { createPictureEncoder } from '../../src/pictures/encoder.ts';
import { phantomOnce } from './drawn-once.ts';

/** A drawn T2 slice as an 8-bit PNG; another seed is another patient. */
export async function phantomPng(seed: number, size: Pick<PhantomSpec, 'rows' | 'columns'> = {}): Promise<Buffer> {
  const { image } = phantomOnce({ ...size, seed, prolapses: [{ level: 'L4-L5', kind: 'extrusion', depthMm: 6 }] });
  const top = image.data.reduce((high, value) => Math.max(high, value), 1);
  const data = Uint8Array.from(image.data, (value) => Math.round((255 * value) / top));
  return createPictureEncoder().pngGrey({ depth: 'u8', width: image.width, height: image.height, data });
}
