import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFolder } from '../../../src/cli/evaluate/folder.ts';
import { UsageError } from '../../../src/cli/plan.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-folder-'));
});
afterEach(() => rm(folder, { recursive: true }));

const put = async (name: string, text: string) => {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), text);
};
const read = () => readFolder(folder, async () => ({ width: 400, height: 200 }));
const good = async () => {
  await put('images/a.png', '');
  await put('images/b.jpg', '');
  await put('splits.csv', 'image,patient,split\na.png,p1,test\nb,p2,train\n');
  await put('findings.csv', 'image,level,target,label\na,L5-S1,herniation,1\na.png,L5-S1,bulgeOrHerniation,1\n');
};

describe('readFolder', () => {
  it('reads pictures, patients, splits and findings, names with and without extension', async () => {
    await good();
    const { pictures } = await read();
    expect(pictures.map(({ name, patient, split }) => [name, patient, split])).toEqual([
      ['a', 'p1', 'test'],
      ['b', 'p2', 'train'],
    ]);
    expect(pictures[0]).toMatchObject({ matchBy: 'level', discs: null, region: null });
    expect(pictures[0]?.labels).toEqual([
      { level: 'L5-S1', target: 'herniation', label: 1 },
      { level: 'L5-S1', target: 'bulgeOrHerniation', label: 1 },
    ]);
  });

  it('reads YOLO boxes relative to the picture, merges the two of one disc and names them from the lowest', async () => {
    await good();
    await put('labels/a.txt', '1 0.5 0.5 0.1 0.1\n0 0.5 0.8 0.1 0.1\n4 0.505 0.8 0.1 0.1\n2 0.1 0.1 0.1 0.1\n');
    const [first, second] = (await read()).pictures;
    expect(first?.matchBy).toBe('box');
    expect(first?.discs?.map(({ level }) => level)).toEqual(['L5-S1', 'L4-L5']);
    expect(first?.discs?.[0]?.box.x).toBeCloseTo(180, 9);
    expect(first?.discs?.[0]?.box.width).toBeCloseTo(42, 9);
    expect(first?.discs?.[1]?.box).toMatchObject({ y: 90, height: 20 });
    expect(second?.discs).toBeNull();
  });

  it('takes one name spelt with composed letters and with marks of their own as the same', async () => {
    const [composed, decomposed] = ['R\u00fccken', 'Ru\u0308cken'];
    await put(`images/${decomposed}.png`, '');
    await put(`labels/${composed}.txt`, '0 0.5 0.5 0.1 0.1\n');
    await put('splits.csv', `image,patient,split\n${composed}.png,p1,test\n`);
    await put('findings.csv', `image,level,target,label\n${decomposed},L5-S1,herniation,1\n`);
    const [picture] = (await read()).pictures;
    expect(picture).toMatchObject({ name: composed, path: join(folder, 'images', `${decomposed}.png`) });
    expect(picture?.discs).toHaveLength(1);
    expect(picture?.labels).toHaveLength(1);
  });

  it('takes the region from classes.txt, from a box around the discs, or from the discs themselves', async () => {
    await good();
    const discs = [0.3, 0.5, 0.7].map((y) => `0 0.5 ${y} 0.1 0.05`).join('\n');
    await put('labels/a.txt', `${discs}\n0 0.5 0.5 0.4 0.8\n`);
    const around = (await read()).pictures[0];
    expect(around?.discs).toHaveLength(3);
    expect(around?.region?.y).toBeCloseTo(20, 9);
    expect(around?.region).toMatchObject({ x: 120, width: 160, height: 160 });
    await put('labels/a.txt', discs);
    const derived = (await read()).pictures[0]?.region;
    expect(derived?.x).toBeCloseTo(180 - 10, 9);
    expect(derived?.width).toBeCloseTo(40 + 10 + 40, 9);
    expect(derived?.y).toBeCloseTo(55 - 40, 9);
    expect(derived?.height).toBeCloseTo(40 + 90 + 20, 9);
    await put('labels/classes.txt', 'disc\nlumbar region\n');
    await put('labels/a.txt', '0 0.5 0.5 0.1 0.05\n1 0.5 0.5 0.5 0.5\n');
    expect((await read()).pictures[0]?.region).toEqual({ x: 100, y: 50, width: 200, height: 100 });
  });

  it('takes an empty label file for a picture without discs, and a region alone for one whose discs nobody drew', async () => {
    await good();
    await put('labels/classes.txt', 'disc\nlumbar region\n');
    await put('labels/a.txt', '');
    await put('labels/b.txt', '1 0.5 0.5 0.5 0.5\n');
    const [empty, region] = (await read()).pictures;
    expect(empty).toMatchObject({ discs: [], region: null, matchBy: 'box' });
    expect(region).toMatchObject({ discs: null, region: { x: 100, y: 50, width: 200, height: 100 }, matchBy: 'level' });
  });

  it.each<[string, () => Promise<void>, RegExp]>([
    ['there is no picture', () => put('splits.csv', ''), /images holds no PNG or JPEG/],
    ['splits.csv is missing', () => rm(join(folder, 'splits.csv')), /splits\.csv cannot be read/],
    ['splits.csv lacks a column', () => put('splits.csv', 'image,split\na,test\n'), /no column patient/],
    [
      'splits.csv lacks a picture',
      () => put('splits.csv', 'image,patient,split\na,p1,test\n'),
      /lacks 1 of the images, among them b/,
    ],
    [
      'splits.csv names an unknown picture',
      () => put('splits.csv', 'image,patient,split\nc,p1,test\n'),
      /line 2: images\/ holds no such image/,
    ],
    [
      'a patient is in two splits',
      () => put('splits.csv', 'image,patient,split\na,p,test\nb,p,train\n'),
      /both test and train/,
    ],
    [
      'a level is unknown',
      () => put('findings.csv', 'image,level,target,label\na,L6-S1,herniation,1\n'),
      /line 2: level must be one of L5-S1/,
    ],
    [
      'a label is no 0 or 1',
      () => put('findings.csv', 'image,level,target,label\na,L5-S1,herniation,yes\n'),
      /label must be one of 0, 1/,
    ],
    [
      'a disc is labelled twice',
      () => put('findings.csv', 'image,level,target,label\na,L5-S1,herniation,1\na,L5-S1,herniation,0\n'),
      /line 3: this disc already/,
    ],
    [
      'a row has a cell too many',
      () => put('findings.csv', 'image,level,target,label\na,L5-S1,herniation,1,x\n'),
      /line 2: 5 cells/,
    ],
    [
      'a quote stays open',
      () => put('findings.csv', 'image,level,target,label\n"a,L5-S1,herniation,1\n'),
      /quote is open/,
    ],
    [
      'a box is in pixels',
      () => put('labels/a.txt', '0 120 80 40 20\n'),
      /a\.txt, line 1: centre and size must be shares/,
    ],
    ['a box lacks a number', () => put('labels/a.txt', '0 0.5 0.5 0.1\n'), /a\.txt, line 1: must be five numbers/],
    [
      'a herniation is no bulge or herniation',
      () => put('findings.csv', 'image,level,target,label\na,L4-L5,bulgeOrHerniation,0\na,L4-L5,herniation,1\n'),
      /line 3: a herniation is never neither bulge nor herniation/,
    ],
    ['labels belong to no image', () => put('labels/a_1.txt', ''), /a_1\.txt: images\/ holds no image of that name/],
    ['a mask belongs to no image', () => put('masks/c.png', ''), /c\.png: images\/ holds no image of that name/],
    ['a class is unknown', () => put('labels/a.txt', '9 0.5 0.5 0.1 0.1\n'), /class 9 is not known/],
    ['no class is a disc', () => put('labels/classes.txt', 'vertebra\n'), /holds the word disc/],
  ])('tells file and fault where %s', async (name, break_, message) => {
    if (name !== 'there is no picture') await good();
    await break_();
    const failure = await read().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect((failure as Error).message).toMatch(message);
  });

  it('tells that there is nothing to measure where no label is given', async () => {
    await good();
    await rm(join(folder, 'findings.csv'));
    await expect(read()).rejects.toThrow(/has no labels/);
  });
});
