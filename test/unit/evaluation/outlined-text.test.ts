import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { outlineText } from '../../../src/cli/evaluate/outlined-text.ts';
import { pngOfOwnSvg } from '../../../src/pictures/svg.ts';

const svg = (text: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="30"><rect width="60" height="30" fill="white"/>${text}</svg>`;
const darkColumns = async (text: string) => {
  const { data, info } = await sharp(await pngOfOwnSvg(outlineText(svg(text))))
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const columns = new Set<number>();
  data.forEach((value, index) => {
    if (value < 100) columns.add((index % info.width) / 2);
  });
  return [...columns].sort((a, b) => a - b);
};

describe('outlineText', () => {
  it('leaves no text element and keeps everything else', () => {
    const outlined = outlineText(svg('<text font-size="12px" fill="#000">a &lt; b</text><g id="kept"/>'));
    expect(outlined).not.toContain('<text');
    expect(outlined).toContain('<g id="kept"/>');
    expect(outlined).toContain('<path');
  });

  it.each([
    ['start', (columns: number[]) => columns[0]! >= 30],
    ['end', (columns: number[]) => columns.at(-1)! <= 30],
    ['middle', (columns: number[]) => columns[0]! < 30 && columns.at(-1)! > 30],
  ])('sets text-anchor %s', async (anchor, holds) => {
    const columns = await darkColumns(
      `<text text-anchor="${anchor}" transform="translate(30,20)" font-size="12px" fill="#000">L5</text>`,
    );
    expect(columns.length).toBeGreaterThan(3);
    expect(holds(columns)).toBe(true);
  });
});
