import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { phantomStudy } from '../../src/phantom/study.ts';
import { storedZip } from '../../src/phantom/zip.ts';
import { commandIn, type Ended, reportsOf } from '../support/command.ts';
import { COARSE, phantomPng } from '../support/phantom-picture.ts';
import { putAnsweringPack } from '../support/tiny-pack.ts';

const HOOK_MS = 180_000;

let folder: string;
/** The inputs: a folder of pictures, an archive of pictures, a study without a T2 series. */
let mixed: string;
let archive: string;
let unfit: string;
const members: Array<{ name: string; bytes: Buffer }> = [];
/** All three in one call. */
let call: Ended;

const analyze = (out: string, ...args: string[]) =>
  commandIn(folder).run('analyze', ...args, '--pack', join(folder, 'pack'), '--out', join(folder, out));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-inputs-'));
  [mixed, archive, unfit] = [join(folder, 'mixed'), join(folder, 'pictures.zip'), join(folder, 't1-alone')];
  await putAnsweringPack(join(folder, 'pack'));
  await mkdir(mixed);
  const good = await phantomPng(5, COARSE);
  await writeFile(join(mixed, 'good.png'), good);
  await writeFile(join(mixed, 'broken.png'), 'no picture');
  members.push(
    { name: 'b.png', bytes: await phantomPng(6, COARSE) },
    { name: 'torn.png', bytes: good.subarray(0, good.length / 2) },
    { name: 'a.png', bytes: await phantomPng(7, COARSE) },
  );
  await writeFile(archive, storedZip(members));
  await mkdir(unfit);
  for (const { name, bytes } of phantomStudy({ seed: 5, ...COARSE, t1Slices: 3, t2Slices: 0 }).files)
    await writeFile(join(unfit, name), bytes);
  call = await analyze('out', mixed, archive, unfit, '--json');
}, HOOK_MS);

afterAll(async () => rm(folder, { recursive: true, force: true }));

const endsOf = (source: string) => reportsOf(call.stdout).filter((end) => end.source.startsWith(source));

describe('discflow analyze of several inputs', () => {
  it('exits 2 and writes a report with the reason when one is refused, beside one that is answered', async () => {
    expect(call.code).toBe(2);
    const ends = Object.fromEntries(
      endsOf(mixed).map(({ source, report }) => [source.slice(mixed.length + 1), report]),
    );
    expect(ends['broken.png']).toMatchObject({ status: 'rejected', reasons: [{ code: 'content_type' }] });
    expect(['done', 'needs_review']).toContain(ends['good.png']?.status);
    expect(call.stderr).toContain('[4/4]');
    expect(await readFile(join(folder, 'out', 'broken', 'report.html'), 'utf8')).toContain('Not for diagnostic use');
  });

  it('names the picture of each result of an archive, in its order, the one that cannot be read among them', async () => {
    const ends = endsOf(archive);
    expect(ends.map(({ source, folder: at, files }) => [source, at, files])).toEqual(
      members.map(({ name }, index) => [`${archive}!${name}`, join(folder, 'out', `pictures-${index + 1}`), 1]),
    );
    expect(ends[1]?.report).toMatchObject({ status: 'rejected', reasons: [{ code: 'truncated' }] });
    expect(JSON.parse(await readFile(join(ends[1]!.folder, 'report.json'), 'utf8'))).toEqual(ends[1]!.report);
    for (const { report } of [ends[0]!, ends[2]!]) expect(['done', 'needs_review']).toContain(report.status);
  });

  it('refuses a study without a T2 series, and gives its ranking', () => {
    const ends = endsOf(unfit).map(({ report }) => report);
    expect(ends).toMatchObject([{ status: 'rejected', reasons: [{ code: 'no_t2_series' }], discs: [] }]);
    expect(ends[0]?.input?.seriesRanking.map(({ weighting }) => weighting)).toContain('t1');
  });

  it('asks for review of a study of which slices are lost, says which files were left out, and exits 2', async () => {
    const lossy = join(folder, 'lossy');
    await mkdir(lossy);
    const { files } = phantomStudy({ seed: 5, ...COARSE, t1Slices: 0, t2Slices: 5, localizer: false });
    for (const [index, { name, bytes }] of files.entries())
      await writeFile(join(lossy, `${name}.dcm`), index < 2 ? bytes.subarray(0, bytes.length / 2) : bytes);
    const table = await analyze('again', lossy);
    expect([table.code, table.stdout]).toEqual([2, expect.stringContaining('in no study: truncated 2')]);

    // Both have been answered before, and are again: the refused one as it was.
    const { code, stdout } = await analyze('again', lossy, unfit, '--json');
    expect(code).toBe(2);
    const [end, refused] = reportsOf(stdout).sort((a, b) => a.source.localeCompare(b.source));
    expect(end?.report.status).toBe('needs_review');
    expect(end?.report.reasons.map((reason) => reason.code)).toContain('series_incomplete');
    expect(end?.leftOut).toMatchObject([{ code: 'truncated', count: 2 }]);
    expect(refused?.source).toBe(unfit);
    const [first, second] = await Promise.all(
      ['out', 'again'].map((out) => readFile(join(folder, out, 't1-alone', 'report.json'))),
    );
    expect(second).toEqual(first);
  });
});
