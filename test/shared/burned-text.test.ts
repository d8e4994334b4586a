import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Grey16 } from '../../src/imaging/image.ts';
import { holdsText } from '../../src/imaging/text-strokes.ts';
import { decodeDicomFrame } from '../../src/pictures/codecs/frame-decoder.ts';
import { decodePicture } from '../../src/pictures/picture-decoder.ts';

const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url));

function listed(folder: string, pattern: RegExp): string[] {
  const entries = readdirSync(`${SHARED}${folder}`, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`);
}

const decode = (path: string): Promise<Grey16> =>
  /\.(png|jpe?g)$/.test(path) ? decodePicture(readFileSync(path)) : decodeDicomFrame(readFileSync(path), 0);

describe('the detector of burned-in text on real pictures', () => {
  it.each([
    ['data/yolospine/images', /\.png$/, 448],
    ['data/spider/midslices', /\.png$/, 404],
    ['data/spider/space/images', /\.png$/, 175],
    ['data/spider/t2w/images', /\.png$/, 19],
    ['data/dicom', /^IM/, 68],
    ['corpus/synth/valid', /\.dcm$/, 16],
  ] as const)('finds none in %s', async (folder, pattern, count) => {
    const paths = listed(folder, pattern);
    const found: string[] = [];
    for (const path of paths) if (holdsText(await decode(path))) found.push(path);
    expect(paths).toHaveLength(count);
    expect(found).toEqual([]);
  });

  it('finds it in each of the burned phantoms', async () => {
    const paths = listed('corpus/synth/privacy', /^burned_text/);
    const found = await Promise.all(paths.map(async (path) => holdsText(await decode(path))));
    expect(found).toEqual([true, true, true]);
  });
});
