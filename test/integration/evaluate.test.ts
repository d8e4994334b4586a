import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type EvaluateOptions, evaluate } from '../../src/cli/evaluate/evaluate.ts';
import type { EvaluationRecord } from '../../src/cli/evaluate/record.ts';
import { UsageError } from '../../src/cli/plan.ts';
import { drawPhantom, type Phantom } from '../../src/phantom/phantom.ts';

const PACK = fileURLToPath(new URL('../../layers/models', import.meta.url));
const SIDE = 384;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-evaluate-'));
  for (const name of ['images', 'labels', 'masks']) await mkdir(join(folder, 'data', name), { recursive: true });
  const findings = ['image,level,target,label'];
  const splits = ['image,patient,split'];
  for (const seed of [1, 2, 3]) {
    const prolapses = seed === 3 ? [] : [{ level: 'L4-L5', kind: 'extrusion', depthMm: 6 } as const];
    const phantom = drawPhantom({ seed, rows: SIDE, columns: SIDE, prolapses });
    await putPhantom(`p${seed}`, phantom);
    splits.push(`p${seed},patient-${seed},${seed === 2 ? 'train' : 'test'}`);
    for (const target of ['herniation', 'bulgeOrHerniation']) {
      for (const disc of phantom.discs.slice(0, 5)) {
        findings.push(`p${seed},${disc.level},${target},${disc.prolapse === null ? 0 : 1}`);
      }
    }
  }
  await writeFile(join(folder, 'data', 'findings.csv'), `${findings.join('\n')}\n`);
  await writeFile(join(folder, 'data', 'splits.csv'), `${splits.join('\n')}\n`);
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});

afterAll(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

async function putPhantom(name: string, { image, mask, discs }: Phantom): Promise<void> {
  const raw = { width: SIDE, height: SIDE, channels: 1 } as const;
  const peak = image.data.reduce((most, value) => Math.max(most, value), 1);
  const eightBit = Uint8Array.from(image.data, (value) => (value * 255) / peak);
  await sharp(eightBit, { raw })
    .toColourspace('b-w')
    .png()
    .toFile(join(folder, 'data', 'images', `${name}.png`));
  await sharp(mask.data, { raw })
    .toColourspace('b-w')
    .png()
    .toFile(join(folder, 'data', 'masks', `${name}.png`));
  const lines = discs.map(({ box: { x, y, width, height } }) =>
    [0, (x + width / 2) / SIDE, (y + height / 2) / SIDE, width / SIDE, height / SIDE].join(' '),
  );
  await writeFile(join(folder, 'data', 'labels', `${name}.txt`), `${lines.join('\n')}\n`);
}

const options = (extra: Partial<EvaluateOptions> = {}): EvaluateOptions => ({
  data: join(folder, 'data'),
  dataRoot: folder,
  split: 'test',
  pack: PACK,
  tier: 'single',
  compareTiers: false,
  limit: undefined,
  out: join(folder, 'out'),
  overlays: false,
  ...extra,
});

const recordIn = async (out: string) =>
  JSON.parse(await readFile(join(out, 'metrics.json'), 'utf8')) as EvaluationRecord;

describe('evaluate on a folder of phantoms', () => {
  it('measures every part that the folder has labels for and writes all its files', async () => {
    expect(await evaluate(options())).toBe(0);
    const record = await recordIn(join(folder, 'out'));
    const [figures] = record.sources;
    expect(record).toMatchObject({ schema: 'discflow.evaluation/1', data: 'data', splits: ['test'], tier: 'single' });
    expect(figures).toMatchObject({ pictures: 2, patients: 2 });
    expect(figures!.discs!.truths).toBe(10);
    expect(figures!.discs!.recall.value!).toBeGreaterThanOrEqual(0.8);
    expect(figures!.segmentation!.meanIou.value!).toBeGreaterThan(0.5);
    expect(figures!.classification.herniation).toMatchObject({ discs: 10, positives: 1 });
    expect((await readdir(join(folder, 'out'))).sort()).toEqual(
      expect.arrayContaining([
        'auc-by-part-data.png',
        'gates-data.svg',
        'levels-data.svg',
        'metrics.json',
        'metrics.md',
        'pictures.csv',
        'predictions.csv',
        'roc-data.png',
        'roc-data.svg',
      ]),
    );
    const [header, ...rows] = (await readFile(join(folder, 'out', 'predictions.csv'), 'utf8')).trim().split('\r\n');
    expect(rows).toHaveLength(2 * 10);
    expect(header).toMatch(/,member:/);
    expect(rows.join()).not.toContain('patient-');
    expect(figures!.cutOff!.pictures).toBe(2);
    expect(figures!.cutOff!.certain.value).toBe(0);
    expect(figures!.subsets.map(({ by, name }) => `${by} ${name}`)).toEqual([
      ...['L5-S1', 'L4-L5', 'L3-L4', 'L2-L3', 'L1-L2'].map((level) => `level ${level}`),
      'slice shows the canal',
    ]);
  });

  it('gives the same figures again, byte for byte', async () => {
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    await evaluate(options({ out: first, split: 'all', limit: 2 }));
    await evaluate(options({ out: second, split: 'train,test', limit: 2 }));
    const record = await recordIn(first);
    expect(record.sources[0]!.pictures).toBe(2);
    expect((await recordIn(second)).sources).toEqual(record.sources);
    const bytes = (out: string) => readFile(join(out, 'predictions.csv'));
    expect(await bytes(second)).toEqual(await bytes(first));
  });

  it('puts the other tiers beside the one that was asked for', async () => {
    const out = join(folder, 'tiers');
    await evaluate(options({ out, limit: 1, compareTiers: true }));
    const { tiers } = await recordIn(out);
    expect(tiers.map(({ tier }) => tier)).toEqual(['single', 'ensemble', 'auto']);
    expect(tiers.every(({ networksMs }) => networksMs.median > 0)).toBe(true);
    expect(tiers[0]!.classification.herniation!.rocAucAboveReference).toBeNull();
    expect(tiers[1]!.classification.herniation).toMatchObject({ discs: 5 });
    expect(await readFile(join(out, 'metrics.md'), 'utf8')).toContain('## Tiers');
  });

  it('counts a picture that cannot be read as missed and goes on', async () => {
    const picture = join(folder, 'data', 'images', 'p3.png');
    const kept = await readFile(picture);
    const labels = join(folder, 'data', 'labels', 'p3.txt');
    const boxes = await readFile(labels);
    await writeFile(picture, kept.subarray(0, kept.length / 2));
    await rm(labels);
    try {
      await evaluate(options({ out: join(folder, 'broken') }));
    } finally {
      await writeFile(picture, kept);
      await writeFile(labels, boxes);
    }
    const [figures] = (await recordIn(join(folder, 'broken'))).sources;
    expect(figures!.statuses).toMatchObject({ rejected: 1 });
    expect(figures!.classification.herniation).toMatchObject({ discs: 10, missed: 5 });
  });

  it('measures discs and levels by the masks where nobody drew boxes, and keeps no plot of an earlier run', async () => {
    const out = join(folder, 'masks-alone');
    await mkdir(out);
    await writeFile(join(out, 'roc-data.png'), 'of an earlier run');
    const given = ['labels', 'findings.csv'];
    for (const name of given) await rename(join(folder, 'data', name), join(folder, `${name}-aside`));
    try {
      await evaluate(options({ out, limit: 1 }));
    } finally {
      for (const name of given) await rename(join(folder, `${name}-aside`), join(folder, 'data', name));
    }
    const [figures] = (await recordIn(out)).sources;
    expect(await readdir(out)).not.toContain('roc-data.png');
    expect(figures!.discs!.truths).toBe(5);
    expect(figures!.discs!.recall.value!).toBeGreaterThanOrEqual(0.8);
    expect(figures!.levels!.discs).toBe(5);
    expect(figures!.region!.meanIou.value!).toBeGreaterThan(0.7);
    expect(figures!.cutOff!.pictures).toBe(1);
  });

  it('tells which mask does not fit its picture, and ends only when no network runs any more', async () => {
    const mask = join(folder, 'data', 'masks', 'p1.png');
    const kept = await readFile(mask);
    await sharp(Buffer.alloc(100 * 100), { raw: { width: 100, height: 100, channels: 1 } })
      .png()
      .toFile(mask);
    try {
      const failure = await evaluate(options({ out: join(folder, 'unfit') })).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(UsageError);
      expect((failure as Error).message).toMatch(/p1\.png has another size than its picture/);
    } finally {
      await writeFile(mask, kept);
    }
  });

  it.each<[string, Partial<EvaluateOptions>, RegExp]>([
    ['an unknown split', { split: 'holdout' }, /has no split holdout; it has test, train/],
    ['a data set that is not there', { data: 'yolospine' }, /discs\.csv cannot be read/],
    ['a pack that is not there', { pack: tmpdir() }, /holds no model pack/],
  ])('refuses %s in words before any work', async (_, extra, message) => {
    const out = join(folder, 'never');
    const failure = await evaluate(options({ ...extra, out })).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect((failure as Error).message).toMatch(message);
    expect(await readdir(folder)).not.toContain('never');
  });
});
