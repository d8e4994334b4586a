import { describe, expect, it } from 'vitest';
import type { Grey16 } from '../../../src/imaging/image.ts';
import { holdsText } from '../../../src/imaging/text-strokes.ts';
import { drawPhantom } from '../../../src/phantom/phantom.ts';

/** Letters of five by seven dots, a row a number. */
const LETTERS: Readonly<Record<string, readonly number[]>> = {
  D: [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110],
  O: [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
  E: [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
  J: [0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100],
  A: [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
  N: [0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001, 0b10001],
  R: [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
};

function write(image: Grey16, text: string, place: { x: number; y: number; scale: number; value: number }): Grey16 {
  const data = Uint16Array.from(image.data);
  for (const [index, letter] of [...text].entries()) {
    for (let row = 0; row < 7 * place.scale; row++) {
      for (let column = 0; column < 5 * place.scale; column++) {
        const dots = LETTERS[letter]?.[Math.floor(row / place.scale)] ?? 0;
        if (((dots >> (4 - Math.floor(column / place.scale))) & 1) === 0) continue;
        data[(place.y + row) * image.width + place.x + 6 * place.scale * index + column] = place.value;
      }
    }
  }
  return { ...image, data };
}

const phantom = drawPhantom({ seed: 21, rows: 384, columns: 384, spacingMm: [0.75, 0.75] }).image;
const most = phantom.data.reduce((a, b) => Math.max(a, b));

describe('holdsText', () => {
  it.each([1, 5, 9, 14])('finds none in phantom %d', (seed) => {
    expect(holdsText(drawPhantom({ seed, noise: 0.03 }).image)).toBe(false);
  });

  it.each([
    ['small and bright', { x: 6, y: 6, scale: 1, value: most }],
    ['twice as large, at the foot', { x: 200, y: 360, scale: 2, value: most }],
    ['three times as large', { x: 10, y: 20, scale: 3, value: most }],
  ])('finds a name that is %s', (_, place) => {
    expect(holdsText(write(phantom, 'DOE JANE', place))).toBe(true);
  });

  it('finds dark letters on a bright ground', () => {
    const bright = { ...phantom, data: phantom.data.map((_, index) => 2000 + (index % phantom.width) * 3) };
    expect(holdsText(write(bright, 'DOE JANE', { x: 260, y: 40, scale: 2, value: 10 }))).toBe(true);
  });

  it.each([1, 2, 3])('finds the brightest letters, scale %d, on fat of three quarters of their level', (scale) => {
    const level = (column: number) => (column > 350 ? most : Math.round(most * (0.74 + (column % 7) * 0.005)));
    const fat = { ...phantom, data: phantom.data.map((_, index) => level(index % phantom.width)) };
    expect(holdsText(write(fat, 'DOE JANE', { x: 180, y: 340, scale, value: most }))).toBe(true);
  });

  it('finds none where strokes stand out as little and are not the brightest', () => {
    const fat = { ...phantom, data: phantom.data.map((value, index) => (index % 50 === 0 ? most : value >> 2)) };
    expect(holdsText(write(fat, 'DOE JANE', { x: 6, y: 6, scale: 2, value: Math.round(most * 0.3) }))).toBe(false);
  });

  it('finds thick letters in a large picture', () => {
    const large = drawPhantom({ seed: 21, rows: 768, columns: 768, spacingMm: [0.375, 0.375] }).image;
    expect(holdsText(write(large, 'DOE JANE', { x: 20, y: 20, scale: 8, value: most }))).toBe(true);
  });

  it('takes a side marker for no text', () => {
    expect(holdsText(write(phantom, 'R', { x: 6, y: 180, scale: 3, value: most }))).toBe(false);
  });

  it('finds none in a picture of one value', () => {
    expect(holdsText({ ...phantom, data: new Uint16Array(phantom.data.length) })).toBe(false);
  });
});
