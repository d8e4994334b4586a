import { describe, expect, it } from 'vitest';
import { discColumn, type LabelledPicture } from '../../../src/cli/evaluate/labelled.ts';
import { withDiscsOfMask } from '../../../src/cli/evaluate/mask-discs.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';

const [WIDTH, HEIGHT, STEP] = [100, 260, 40];

/** Discs of 50 x 10 pixels from the lowest upwards, one each 40 rows, and a speck below them. */
function maskOf(discs: number): Grey8 {
  const data = new Uint8Array(WIDTH * HEIGHT);
  const fill = (x: number, y: number, width: number, height: number) => {
    for (let row = y; row < y + height; row++) data.fill(2, row * WIDTH + x, row * WIDTH + x + width);
  };
  for (let disc = 0; disc < discs; disc++) fill(20, 220 - STEP * disc, 50, 10);
  fill(40, 250, 5, 3);
  return { depth: 'u8', width: WIDTH, height: HEIGHT, data };
}

const picture: LabelledPicture = {
  name: 'a',
  patient: 'one',
  split: 'test',
  source: 'own',
  scanner: null,
  path: 'a.png',
  region: null,
  discs: null,
  labels: [],
  matchBy: 'level',
  maskPath: 'a-mask.png',
};

describe('discs of a mask', () => {
  it('are named from the lowest upwards, 0.145 spacings wider on each side, without specks', () => {
    const { discs, region } = withDiscsOfMask(picture, maskOf(6));
    expect(discs!.map(({ level, scored }) => [level, scored])).toEqual([
      ['L5-S1', true],
      ['L4-L5', true],
      ['L3-L4', true],
      ['L2-L3', true],
      ['L1-L2', true],
      ['T12-L1', false],
    ]);
    const lowest = discs![0]!.box;
    expect([lowest.x, lowest.y, lowest.width, lowest.height].map((value) => Math.round(value * 10) / 10)).toEqual([
      14.2, 214.2, 61.6, 21.6,
    ]);
    expect(region).toMatchObject({ x: expect.closeTo(4.2), y: expect.closeTo(14.2), width: 95.8 });
  });

  it('leave a region that somebody drew as it is', () => {
    const region = { x: 5, y: 10, width: 80, height: 240 };
    const { discs, region: kept } = withDiscsOfMask({ ...picture, region }, maskOf(5));
    expect(discs).toHaveLength(5);
    expect(kept).toEqual(region);
  });

  it('end at the edge of the picture', () => {
    const narrow = maskOf(5);
    const cut = { ...narrow, width: 72, data: narrow.data.filter((_, index) => index % WIDTH < 72) };
    const { discs } = withDiscsOfMask(picture, cut);
    expect(discs![0]!.box.x + discs![0]!.box.width).toBe(72);
  });

  it('are none below five and in a mask without discs, and none where somebody drew boxes', () => {
    expect(withDiscsOfMask(picture, maskOf(4))).toBe(picture);
    expect(withDiscsOfMask(picture, { ...maskOf(0), data: new Uint8Array(WIDTH * HEIGHT) })).toBe(picture);
    const drawn = { ...picture, discs: discColumn([{ x: 1, y: 2, width: 3, height: 4 }]) };
    expect(withDiscsOfMask(drawn, maskOf(6))).toBe(drawn);
  });
});
