import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HmacPseudonyms } from '../../src/aws/pseudonyms.ts';
import type { LabelledPicture } from '../../src/cli/evaluate/labelled.ts';
import { runPicture } from '../../src/cli/evaluate/run-pictures.ts';
import { readYolospine } from '../../src/cli/evaluate/yolospine.ts';
import { seededRandom } from '../../src/evaluation/random.ts';
import { createEngine } from '../../src/inference/engine.ts';
import { packHash } from '../../src/inference/pack-source.ts';
import { createPixelDecoder } from '../../src/pictures/decoder.ts';
import type { LoadedPack, PixelDecoder } from '../../src/pipeline/ports.ts';

const ROOT = fileURLToPath(new URL('../../../shared/data', import.meta.url));
const PACK = fileURLToPath(new URL('../../layers/models', import.meta.url));
/** Pack 0.2.6 deferred them in the dark, under such a coil or both, where they are read as well as the untouched. */
const DEFERRED_ONCE = ['0036_', '0128_', '0144_', '0161_', '0524_'];

const engine = createEngine({ packDirs: [PACK] });
const pseudonyms = new HmacPseudonyms({ current: async () => ({ version: 0, secret: Buffer.alloc(32) }) });
const plain = createPixelDecoder();
let pack: LoadedPack;
let pictures: LabelledPicture[];

beforeAll(async () => {
  pack = await engine.pack((await packHash(PACK))!);
  const all = (await readYolospine(ROOT)).pictures.filter(({ split }) => split === 'val');
  pictures = DEFERRED_ONCE.map((start) => all.find(({ name }) => name.startsWith(start))!);
});
afterAll(() => engine.close());

type Change = (value: number, x: number, row: number) => number;

/** Decodes a picture of grey values 0..255 as another scanner or screen would have had it; `x` runs from 0 to 1. */
function seenBy(change: Change): PixelDecoder {
  return {
    ...plain,
    async decodePicture(bytes) {
      const image = await plain.decodePicture(bytes);
      const data = image.data.map((value, index) => {
        const x = (index % image.width) / (image.width - 1);
        return Math.min(255, Math.max(0, Math.round(change(value, x, Math.floor(index / image.width)))));
      });
      return { ...image, data };
    },
  };
}

const reasonsOf = (decoder: PixelDecoder) =>
  Promise.all(
    pictures.map(async (picture) => (await runPicture({ decoder, pseudonyms, pack, tier: 'single' }, picture)).reasons),
  );

describe('pictures of other scanners and screens', () => {
  it.each<[string, Change]>([
    ['as they are', (value) => value],
    ['dark, the curve of a screen once too often', (value) => 255 * (value / 255) ** 2.2],
    ['bright, the curve of a screen once too few', (value) => 255 * (value / 255) ** (1 / 2.2)],
    ['under a coil whose signal falls by a factor of 25 to the front', (value, x) => value * Math.exp(3.2 * (x - 1))],
  ])('need no review of their quality or distribution: %s', async (_, change) => {
    const reasons = await reasonsOf(seenBy(change));
    expect(reasons.flat().filter((code) => code === 'out_of_distribution' || code === 'low_quality')).toEqual([]);
  });

  it('need one where lines are drawn across them', async () => {
    for (const reasons of await reasonsOf(seenBy((value, _, row) => (row % 40 === 0 ? 255 : value)))) {
      expect(reasons).toContain('low_quality');
    }
  });

  it('need one where noise drowns them', async () => {
    const random = seededRandom(1);
    const noise = () => 150 * (random() + random() + random() - 1.5);
    for (const reasons of await reasonsOf(seenBy((value) => value + noise()))) {
      expect(reasons.filter((code) => code === 'low_quality' || code === 'burned_in_text')).toHaveLength(1);
    }
  });
});
