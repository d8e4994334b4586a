import { expect, test } from 'vitest';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { CLASS, classAt, countClasses } from '../../../src/imaging/mask.ts';
import { cleanUp } from '../../../src/segmentation/clean-up.ts';

const WIDTH = 160;
const HEIGHT = 200;

/** A mask of rectangles `[class, x, y, width, height]`. */
function draw(...shapes: Array<[number, number, number, number, number]>): Grey8 {
  const data = new Uint8Array(WIDTH * HEIGHT);
  for (const [value, x, y, width, height] of shapes) {
    for (let row = y; row < y + height; row++) data.fill(value, row * WIDTH + x, row * WIDTH + x + width);
  }
  return { depth: 'u8', width: WIDTH, height: HEIGHT, data };
}

const SPINE = [0, 1, 2, 3].flatMap(
  (index): Array<[number, number, number, number, number]> => [
    [CLASS.vertebra, 60, 10 + index * 45, 40, 30],
    [CLASS.disc, 60, 42 + index * 45, 40, 10],
  ],
);
const DISCS = [0, 1, 2, 3].map((index) => ({ x: 58, y: 40 + index * 45, width: 44, height: 14 }));
const CANAL: [number, number, number, number, number] = [CLASS.canal, 104, 5, 12, 180];

test('a clean mask stays as it is', () => {
  const mask = draw(...SPINE, CANAL);
  expect(cleanUp(mask, DISCS).data).toEqual(mask.data);
});

test('a piece of canal in front of the spine goes', () => {
  const cleaned = cleanUp(draw(...SPINE, CANAL, [CLASS.canal, 10, 100, 10, 30]), DISCS);
  expect(countClasses(cleaned)[CLASS.canal]).toBe(12 * 180);
});

test('both pieces of a canal that a stenosis parts stay, a tiny one goes', () => {
  const [upper, lower] = [12 * 100, 12 * 40];
  const pieces = draw(
    ...SPINE,
    [CLASS.canal, 104, 5, 12, 100],
    [CLASS.canal, 104, 112, 12, 40],
    [CLASS.canal, 104, 160, 12, 4],
  );
  expect(countClasses(cleanUp(pieces, DISCS))[CLASS.canal]).toBe(upper + lower);
});

test('the largest piece of canal stays wherever it lies', () => {
  const mask = draw(...SPINE, [CLASS.canal, 10, 20, 12, 150]);
  expect(cleanUp(mask, DISCS).data).toEqual(mask.data);
});

test('spinous processes behind the canal stay, blobs in front of the spine go', () => {
  const cleaned = cleanUp(
    draw(...SPINE, CANAL, [CLASS.vertebra, 122, 60, 25, 16], [CLASS.vertebra, 5, 60, 25, 16]),
    DISCS,
  );
  expect(classAt(cleaned, 130, 65)).toBe(CLASS.vertebra);
  expect(classAt(cleaned, 10, 65)).toBe(CLASS.background);
});

test('tiny islands go', () => {
  const cleaned = cleanUp(draw(...SPINE, CANAL, [CLASS.vertebra, 52, 20, 3, 3], [CLASS.disc, 102, 60, 2, 3]), DISCS);
  expect(classAt(cleaned, 53, 21)).toBe(CLASS.background);
  expect(classAt(cleaned, 102.5, 61)).toBe(CLASS.background);
});

test('disc far behind the spine goes', () => {
  const cleaned = cleanUp(draw(...SPINE, CANAL, [CLASS.disc, 125, 60, 20, 12]), DISCS);
  expect(classAt(cleaned, 130, 65)).toBe(CLASS.background);
});

test('without discs nothing is judged by place, and an empty mask is left empty', () => {
  const mask = draw(...SPINE, [CLASS.vertebra, 5, 60, 25, 16]);
  expect(cleanUp(mask, []).data).toEqual(mask.data);
  expect(countClasses(cleanUp(draw(), DISCS))[CLASS.background]).toBe(WIDTH * HEIGHT);
});

test('the given mask is not changed', () => {
  const mask = draw(...SPINE, CANAL, [CLASS.canal, 10, 100, 10, 30]);
  const before = mask.data.slice();
  cleanUp(mask, DISCS);
  expect(mask.data).toEqual(before);
});
