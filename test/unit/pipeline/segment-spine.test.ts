import { describe, expect, test } from 'vitest';
import type { Member, PackManifest } from '../../../src/contracts/pack.ts';
import { CLASS } from '../../../src/imaging/mask.ts';
import type { PackedCrop } from '../../../src/pipeline/crops.ts';
import type { Tensor } from '../../../src/pipeline/ports.ts';
import { segmentSpine } from '../../../src/pipeline/segment-spine.ts';
import { fakePack } from '../../support/fake-pack.ts';
import { tinyPack } from '../../support/tiny-pack.ts';

/** The segmenter's input has the crop's size, so that each of its pixels is one of the slice. */
const [WIDTH, HEIGHT] = [16, 32];
const SLICE = { width: 60, height: 80 };
const CROP = { x: 10, y: 20 };

const { manifest } = tinyPack();
const crops = new Map<string, PackedCrop>([
  [
    'box-1.1',
    {
      id: 'box-1.1',
      ...CROP,
      image: { depth: 'u8', width: WIDTH, height: HEIGHT, data: new Uint8Array(WIDTH * HEIGHT) },
    },
  ],
]);

/** An answer of squares, three pixels wide, about points of the crop; background elsewhere. */
function squares(tissue: number, points: ReadonlyArray<readonly [x: number, y: number]>, logit = 10): Tensor {
  const data = new Float32Array(4 * WIDTH * HEIGHT);
  for (let pixel = 0; pixel < WIDTH * HEIGHT; pixel++) {
    const [column, row] = [pixel % WIDTH, Math.floor(pixel / WIDTH)];
    const inside = points.some(([x, y]) => Math.abs(column - x) <= 1 && Math.abs(row - y) <= 1);
    data[(inside ? tissue : CLASS.background) * WIDTH * HEIGHT + pixel] = logit;
  }
  return { dims: [1, 4, HEIGHT, WIDTH], data };
}

const box = (x: number, y: number) => ({ x: CROP.x + x - 2, y: CROP.y + y - 1, width: 4, height: 2 });

describe('segmentSpine', () => {
  test('lays the crop’s classes into the slice where they were cut out, and judges strays by discs of the slice', async () => {
    const points = [
      [12, 6],
      [4, 26],
    ] as const;
    const pack = fakePack(manifest, { segmenter: () => squares(CLASS.vertebra, [...points, [2, 6]]) });
    const discs = points.map(([x, y]) => box(x + 0.5, y + 0.5));
    const { mask, part } = (await segmentSpine(SLICE, crops, discs, pack, 'ensemble', {}))!;
    expect(part).toEqual({ x0: 10, y0: 20, x1: 26, y1: 52 });
    expect([mask.width, mask.height]).toEqual([60, 80]);
    const found = [...mask.data.entries()].flatMap(([at, value]) =>
      value === CLASS.vertebra ? [[(at % 60) - CROP.x, Math.floor(at / 60) - CROP.y]] : [],
    );
    const whole = points.flatMap(([x, y]) =>
      [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((across) => [x + across, y + down])),
    );
    expect(found).toEqual(whole);
  });

  test('adds the members by their weights; a tier of one asks that one alone', async () => {
    const segmenter = manifest.members.find((member) => member.role === 'spine-segmenter')!;
    const both: PackManifest = {
      ...manifest,
      members: [...manifest.members, { ...segmenter, id: 'second' } as Member],
      segmentation: { method: 'wae', weights: { segmenter: 0.25, second: 0.75 } },
    };
    const pack = fakePack(both, {
      segmenter: () => squares(CLASS.vertebra, [[8, 8]]),
      second: () => squares(CLASS.disc, [[8, 8]]),
    });
    const centre = (CROP.y + 8) * SLICE.width + CROP.x + 8;
    const networksMs: Record<string, number> = {};
    const all = (await segmentSpine(SLICE, crops, [], pack, 'ensemble', networksMs))!;
    expect(all.mask.data[centre]).toBe(CLASS.disc);
    expect(all.members).toEqual([
      { id: 'segmenter', weight: 0.25 },
      { id: 'second', weight: 0.75 },
    ]);
    expect(networksMs).toEqual({ segmenter: 1, second: 1 });
    const one = (await segmentSpine(SLICE, crops, [], pack, 'auto', {}))!;
    expect(one.mask.data[centre]).toBe(CLASS.vertebra);
    expect(one.members).toEqual([{ id: 'segmenter', weight: 1 }]);
  });

  test('without a crop of the region nothing is segmented', async () => {
    expect(await segmentSpine(SLICE, new Map(), [], fakePack(manifest, {}), 'ensemble', {})).toBeNull();
  });
});
