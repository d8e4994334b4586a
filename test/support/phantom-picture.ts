import type { PhantomSpec } from '../../src/phantom/phantom.ts';
import { createPictureEncoder } from '../../src/pictures/encoder.ts';
import { phantomOnce } from './drawn-once.ts';

type Matrix = Pick<PhantomSpec, 'rows' | 'columns' | 'spacingMm'>;

/** A matrix that is drawn and analysed in a quarter of the time: for tests that ask nothing of the picture. */
export const COARSE = { rows: 192, columns: 192, spacingMm: [1.375, 1.375] } as const;

/** A drawn T2 slice as an 8-bit PNG; another seed is another patient. */
export const phantomPng = async (seed: number, matrix: Matrix = {}): Promise<Buffer> =>
  (await phantomPngs(seed, 1, matrix))[0]!;

/** Pictures of one slice that differ in the pixel of a corner: other content each, drawn once. */
export async function phantomPngs(seed: number, count: number, matrix: Matrix = {}): Promise<Buffer[]> {
  const { image } = phantomOnce({ ...matrix, seed, prolapses: [{ level: 'L4-L5', kind: 'extrusion', depthMm: 6 }] });
  const top = image.data.reduce((high, value) => Math.max(high, value), 1);
  const data = Uint8Array.from(image.data, (value) => Math.round((255 * value) / top));
  const encoder = createPictureEncoder();
  const [{ width, height }, corner] = [image, data[0]!];
  return Promise.all(
    Array.from({ length: count }, (_, index) =>
      encoder.pngGrey({ depth: 'u8', width, height, data: Uint8Array.from(data).fill(corner + index, 0, 1) }),
    ),
  );
}
