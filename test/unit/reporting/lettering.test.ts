import { describe, expect, it } from 'vitest';
import { LEVELS } from '../../../src/contracts/reasons.ts';
import { type Colour, createCanvas } from '../../../src/reporting/canvas.ts';
import { GLYPHS } from '../../../src/reporting/glyphs.ts';
import { drawText, fitText, textWidth } from '../../../src/reporting/lettering.ts';

const BLACK: Colour = [0, 0, 0, 1];
const WHITE: Colour = [255, 255, 255, 1];

function inkColumns(text: string, x: number, align: 'left' | 'right'): number[] {
  const canvas = createCanvas(200, 40, BLACK);
  drawText(canvas, text, x, 30, { size: 24, colour: WHITE, align });
  return Array.from({ length: 200 }, (_, column) => column).filter((column) =>
    Array.from({ length: 40 }, (_, row) => canvas.data[(row * 200 + column) * 3]!).some((value) => value > 60),
  );
}

describe('lettering', () => {
  it('has an outline for every character of a level and a number', () => {
    const characters = new Set([...LEVELS.join(''), ...'0123456789.-?']);
    for (const character of characters) {
      expect(GLYPHS.medium[character]?.[1], character).toMatch(/^M/);
      expect(GLYPHS.semibold[character]?.[1], character).toMatch(/^M/);
    }
  });

  it('draws within the width that it announces, from the left and from the right', () => {
    const width = textWidth('L4-L5', { size: 24 });
    const fromLeft = inkColumns('L4-L5', 20, 'left');
    expect(fromLeft[0]).toBeGreaterThanOrEqual(19);
    expect(fromLeft.at(-1)).toBeLessThanOrEqual(20 + width);
    const fromRight = inkColumns('L4-L5', 180, 'right');
    expect(fromRight.at(-1)).toBeLessThanOrEqual(180);
    expect(fromRight[0]).toBeGreaterThanOrEqual(Math.floor(180 - width));
  });

  it('leaves the counter of a zero open', () => {
    const canvas = createCanvas(60, 60, BLACK);
    drawText(canvas, '0', 10, 50, { size: 48, colour: WHITE });
    const middle = Math.round(10 + textWidth('0', { size: 48 }) / 2);
    const row = Array.from({ length: 60 }, (_, x) => canvas.data[(33 * 60 + x) * 3]!);
    expect(row[middle]).toBe(0);
    expect(Math.max(...row)).toBe(255);
  });

  it('draws a question mark for a character that it lacks', () => {
    expect(textWidth('椎', { size: 24 })).toBe(textWidth('?', { size: 24 }));
    expect(inkColumns('椎', 20, 'left')).toEqual(inkColumns('?', 20, 'left'));
  });

  it('cuts text with an ellipsis only where it is too wide', () => {
    expect(fitText('level uncertain', 500, { size: 15 })).toBe('level uncertain');
    const cut = fitText('level uncertain', 60, { size: 15 });
    expect(cut).toMatch(/^level.*…$/);
    expect(textWidth(cut, { size: 15 })).toBeLessThanOrEqual(60);
  });
});
