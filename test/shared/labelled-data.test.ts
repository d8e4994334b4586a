import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { LabelledPicture } from '../../src/cli/evaluate/labelled.ts';
import { readSpider } from '../../src/cli/evaluate/spider.ts';
import { readYolospine } from '../../src/cli/evaluate/yolospine.ts';

const ROOT = fileURLToPath(new URL('../../../shared/data', import.meta.url));

const labelsOf = (pictures: readonly LabelledPicture[], target: string) =>
  pictures.flatMap(({ labels }) => labels.filter((label) => label.target === target).map(({ label }) => label));

describe('readers of the public data', () => {
  it('finds what the data description says of the yolospine test split', async () => {
    const { pictures } = await readYolospine(ROOT);
    expect(pictures).toHaveLength(448);
    const test = pictures.filter(({ split }) => split === 'test');
    const labels = labelsOf(test, 'bulgeOrHerniation');
    expect([test.length, labels.length, labels.filter((label) => label === 1).length]).toEqual([52, 260, 103]);
    expect(
      test.every(({ region, discs }) => region !== null && discs!.filter(({ scored }) => scored).length === 5),
    ).toBe(true);
  });

  it('finds SPIDER’s gradings, boxes and masks, each source apart', async () => {
    const { pictures } = await readSpider(ROOT);
    const count = (source: string) => pictures.filter((picture) => picture.source === source).length;
    expect([count('spider-t2'), count('spider-space'), count('spider-t2w')]).toEqual([192, 175, 19]);
    const boxed = pictures.filter(({ discs }) => discs !== null);
    expect(boxed.length).toBe(79);
    expect(boxed.every(({ discs }) => discs![0]!.level === 'L5-S1')).toBe(true);
  });

  it('has every patient in one split', async () => {
    for (const { pictures } of [await readYolospine(ROOT), await readSpider(ROOT)]) {
      const pairs = new Set(pictures.map(({ patient, split }) => `${patient} ${split}`));
      expect(pairs.size).toBe(new Set(pictures.map(({ patient }) => patient)).size);
    }
  });
});
