import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMask } from '../../../src/cli/evaluate/masks.ts';
import { UsageError } from '../../../src/cli/plan.ts';
import { InputFault } from '../../../src/contracts/reasons.ts';
import type { PixelDecoder } from '../../../src/pipeline/ports.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-masks-'));
  await writeFile(join(folder, 'a.png'), '');
});
afterEach(() => rm(folder, { recursive: true }));

const decoderOf = (decodePicture: PixelDecoder['decodePicture']) => ({ decodePicture }) as PixelDecoder;
const holding = (...values: number[]) =>
  decoderOf(async () => ({ depth: 'u16', width: values.length, height: 1, data: Uint16Array.from(values) }));
const faultOf = async (decoder: PixelDecoder, name = 'a.png') => {
  const failure = await readMask(decoder, join(folder, name)).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(UsageError);
  return (failure as Error).message;
};

describe('readMask', () => {
  it('reads classes as they are, and those of SPIDER', async () => {
    const path = join(folder, 'a.png');
    expect([...(await readMask(holding(0, 1, 2, 3), path)).data]).toEqual([0, 1, 2, 3]);
    expect([...(await readMask(holding(0, 76, 29, 150), path)).data]).toEqual([0, 1, 2, 3]);
  });

  it('names the value that is no class', async () => {
    expect(await faultOf(holding(0, 1, 255))).toMatch(/a\.png holds the value (1|255); a mask holds/);
  });

  it('tells what is wrong where a mask is coloured or missing', async () => {
    const coloured = decoderOf(async () => {
      throw new InputFault('unsupported_pixels', 'colour');
    });
    expect(await faultOf(coloured)).toMatch(/a\.png cannot be read as a mask \(unsupported_pixels: colour\)/);
    expect(await faultOf(coloured, 'b.png')).toMatch(/b\.png cannot be read as a mask \(ENOENT/);
  });
});
