import { mkdir, readFile, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import type { Rgb8 } from '../../src/imaging/image.ts';
import { createPictureEncoder } from '../../src/pictures/encoder.ts';
import { drawOverlay } from '../../src/reporting/overlay.ts';
import { sampleMask, sampleReport, sampleSlice } from '../unit/reporting/report-samples.ts';

/** Renewed by `UPDATE_GOLDENS=1 npx vitest run --project golden overlay`; look at the picture before committing it. */
const GOLDEN = new URL('./fixtures/overlay.png', import.meta.url);
const DIFFERENCE = new URL('./out/overlay-difference.png', import.meta.url);

it('draws the sample report as the stored picture, pixel by pixel', async () => {
  const drawn = drawOverlay({ slice: sampleSlice(), report: sampleReport(), mask: sampleMask() });
  if (process.env.UPDATE_GOLDENS === '1') await writeFile(GOLDEN, await createPictureEncoder().pngRgb(drawn));
  const golden = await sharp(await readFile(GOLDEN))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([drawn.width, drawn.height]).toEqual([golden.info.width, golden.info.height]);
  const differing = differingPixels(drawn, golden.data);
  if (differing.length > 0) await writeDifference(drawn, differing);
  expect(differing.length).toBe(0);
});

function differingPixels(drawn: Rgb8, golden: Uint8Array): number[] {
  const differing: number[] = [];
  for (let pixel = 0; pixel < drawn.width * drawn.height; pixel++) {
    if ([0, 1, 2].some((channel) => drawn.data[pixel * 3 + channel] !== golden[pixel * 3 + channel]))
      differing.push(pixel);
  }
  return differing;
}

async function writeDifference(drawn: Rgb8, differing: readonly number[]): Promise<void> {
  const data = drawn.data.map((value) => value / 3);
  for (const pixel of differing) data.set([255, 0, 255], pixel * 3);
  await mkdir(new URL('./out/', import.meta.url), { recursive: true });
  await writeFile(DIFFERENCE, await createPictureEncoder().pngRgb({ ...drawn, data }));
}
