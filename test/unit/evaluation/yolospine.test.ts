import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readYolospine } from '../../../src/cli/evaluate/yolospine.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'discflow-yolospine-'));
});
afterAll(() => rm(root, { recursive: true }));

/** One picture of two scored discs and one above them; `bulges` from L5-S1 upwards. */
async function strictLabels(note: string, bulges: readonly [number, number, number]) {
  const folder = join(root, 'yolospine');
  await mkdir(folder, { recursive: true });
  const rows = ['L5-S1', 'L4-L5', 'L3-L4'].map((level, index) =>
    [
      'p',
      '1',
      'test',
      index + 1,
      level,
      10,
      90 - 20 * index,
      30,
      100 - 20 * index,
      bulges[index],
      index < 2 ? 1 : 0,
    ].join(),
  );
  const header = 'stem,patient,split,order,level,x1,y1,x2,y2,bulge_or_herniation,scored';
  await writeFile(join(folder, 'discs.csv'), `${[header, ...rows].join('\n')}\n`);
  await writeFile(join(folder, 'region_boxes.csv'), 'stem,x1,y1,x2,y2\np,0,0,50,110\n');
  await writeFile(join(folder, 'radiologist_notes.csv'), `patient,notes\n1,"${note}"\n`);
  const { pictures } = await readYolospine(root);
  return pictures[0]!.labels.filter(({ target }) => target === 'herniation').map(({ level, label }) => [level, label]);
}

it('reads strict labels by level from a note that fits the boxes', async () => {
  expect(await strictLabels('Disc protrusion at L4-L5.', [0, 1, 0])).toEqual([
    ['L5-S1', 0],
    ['L4-L5', 1],
  ]);
});

it('leaves a picture without strict labels where its note calls a disc herniated that its box calls sound', async () => {
  expect(await strictLabels('Disc protrusion at L4-L5.', [1, 0, 0])).toEqual([]);
});

it('does not ask the boxes of discs that are not scored', async () => {
  expect(await strictLabels('Disc protrusion at L3-L4.', [0, 0, 0])).toEqual([
    ['L5-S1', 0],
    ['L4-L5', 0],
  ]);
});
