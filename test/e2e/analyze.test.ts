import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Reason } from '../../src/contracts/reasons.ts';
import { reportSchema } from '../../src/contracts/report.ts';
import { packHash } from '../../src/inference/pack-source.ts';
import { PHANTOM_IDENTITY } from '../../src/phantom/identity.ts';
import { phantomStudy } from '../../src/phantom/study.ts';
import { storedZip } from '../../src/phantom/zip.ts';
import { commandIn } from '../support/command.ts';
import { phantomPng } from '../support/phantom-picture.ts';
import { DEFAULT_PACK } from '../support/system.ts';

const SAMPLE = fileURLToPath(new URL('../../examples/sample-study.zip', import.meta.url));
const LUMBAR = ['L5-S1', 'L4-L5', 'L3-L4', 'L2-L3', 'L1-L2'];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-e2e-'));
});

afterAll(async () => rm(folder, { recursive: true, force: true }));

const discflow = (...args: string[]) => commandIn(folder).run(...args);

const reportsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { source: string; folder: string; files?: number; leftOut?: Reason[] })
    .map(({ source, folder, files, leftOut, ...report }) => ({
      ...{ source, folder, files, leftOut },
      report: reportSchema.parse(report),
    }));

describe('discflow analyze', () => {
  it('answers every lumbar disc of a DICOM study and writes report, overlay, mask, page and table, without a warning', async () => {
    const { code, stdout, stderr } = await discflow('analyze', SAMPLE, '--out', join(folder, 'out'), '--json');
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/warning/i);
    const [{ source, folder: written, report }] = reportsOf(stdout) as [ReturnType<typeof reportsOf>[number]];
    expect([source, written]).toEqual([SAMPLE, join(folder, 'out', 'sample-study')]);
    expect(report.discs.slice(0, 5).map(({ level }) => level)).toEqual(LUMBAR);
    expect(report.discs.find(({ level }) => level === 'L4-L5')?.bulgeOrHerniation.positive).toBe(true);
    expect(report.input?.selected?.sequence).toBe('t2');
    const files = await readdir(join(folder, 'out', 'sample-study'));
    expect(files.sort()).toEqual(['findings.csv', 'mask.png', 'overlay.png', 'report.html', 'report.json', 'run.json']);
    expect(JSON.parse(await readFile(join(written, 'report.json'), 'utf8'))).toEqual(report);
  });

  it('returns the stored result for the same study, and status lists its one run', async () => {
    const before = await readFile(join(folder, 'out', 'sample-study', 'report.json'));
    const again = await discflow('analyze', SAMPLE, '--out', join(folder, 'again'));
    expect(again.code).toBe(0);
    expect(await readFile(join(folder, 'again', 'sample-study', 'report.json'))).toEqual(before);
    const { stdout } = await discflow('status', '--json');
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ attempt: 1 });
  });

  it('makes a run of its own with a newer pack, and status tells which is whose', async () => {
    const newer = join(folder, 'newer-pack');
    await cp(DEFAULT_PACK, newer, { recursive: true });
    const manifest = join(newer, 'manifest.json');
    const text = await readFile(manifest, 'utf8');
    await writeFile(manifest, text.replace(/"version": "[^"]*"/, '"version": "99.0.0"'));
    await discflow('analyze', SAMPLE, '--pack', newer, '--tier', 'single', '--out', join(folder, 'newer'));
    const { stdout } = await discflow('status', '--json');
    const rows = stdout.trim().split('\n');
    const packs = rows.map((line) => (JSON.parse(line) as { packSha256: string }).packSha256);
    expect(packs).toEqual([await packHash(newer), await packHash(DEFAULT_PACK)]);
    const table = (await discflow('status')).stdout;
    for (const pack of packs) expect(table).toContain(pack.slice(0, 8));
  });

  it('keeps no copy of what was sent and no name in its data folder', async () => {
    const data = join(folder, 'cache', 'discflow');
    const files = (await readdir(data, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(5);
    for (const { parentPath, name } of files) {
      const bytes = await readFile(join(parentPath, name));
      for (const word of Object.values(PHANTOM_IDENTITY)) expect(bytes.includes(word), name).toBe(false);
    }
  });

  it('exits 2 and writes a report with the reason when an input is refused, beside one that is answered', async () => {
    const mixed = join(folder, 'mixed');
    await mkdir(mixed);
    await writeFile(join(mixed, 'good.png'), await phantomPng(5));
    await writeFile(join(mixed, 'broken.png'), 'no picture');
    const { code, stdout, stderr } = await discflow('analyze', mixed, '--out', join(folder, 'out2'), '--json');
    expect(code).toBe(2);
    const ends = Object.fromEntries(
      reportsOf(stdout).map(({ source, report }) => [source.slice(mixed.length + 1), report]),
    );
    expect(ends['broken.png']).toMatchObject({ status: 'rejected', reasons: [{ code: 'content_type' }] });
    expect(['done', 'needs_review']).toContain(ends['good.png']?.status);
    expect(stderr).toContain('[2/2]');
    expect(await readFile(join(folder, 'out2', 'broken', 'report.html'), 'utf8')).toContain('Not for diagnostic use');
  });

  it('names the picture of each result of an archive, in its order, the one that cannot be read among them', async () => {
    const [good, other] = await Promise.all([phantomPng(5), phantomPng(6)]);
    const archive = join(folder, 'pictures.zip');
    const torn = good.subarray(0, good.length / 2);
    const members = { 'b.png': other, 'torn.png': torn, 'a.png': good };
    await writeFile(archive, storedZip(Object.entries(members).map(([name, bytes]) => ({ name, bytes }))));
    const { code, stdout } = await discflow('analyze', archive, '--out', join(folder, 'out6'), '--json');
    expect(code).toBe(2);
    const ends = reportsOf(stdout);
    expect(ends.map(({ source, folder: at, files }) => [source, at, files])).toEqual(
      Object.keys(members).map((name, index) => [
        `${archive}!${name}`,
        join(folder, 'out6', `pictures-${index + 1}`),
        1,
      ]),
    );
    expect(ends[1]?.report).toMatchObject({ status: 'rejected', reasons: [{ code: 'truncated' }] });
    expect(JSON.parse(await readFile(join(ends[1]!.folder, 'report.json'), 'utf8'))).toEqual(ends[1]!.report);
    for (const { report } of [ends[0]!, ends[2]!]) expect(['done', 'needs_review']).toContain(report.status);
  });

  it('asks for review of a study of which slices are lost, says which files were left out, and exits 2', async () => {
    const study = join(folder, 'lossy');
    await mkdir(study);
    const { files } = phantomStudy({ seed: 5, t1Slices: 0, t2Slices: 5, localizer: false });
    for (const [index, { name, bytes }] of files.entries())
      await writeFile(join(study, `${name}.dcm`), index < 2 ? bytes.subarray(0, bytes.length / 2) : bytes);
    const { code, stdout } = await discflow('analyze', study, '--out', join(folder, 'out7'), '--json');
    expect(code).toBe(2);
    const [end] = reportsOf(stdout);
    expect(end?.report.status).toBe('needs_review');
    expect(end?.report.reasons.map((reason) => reason.code)).toContain('series_incomplete');
    expect(end?.leftOut).toMatchObject([{ code: 'truncated', count: 2 }]);
    const table = await discflow('analyze', study, '--out', join(folder, 'out7'));
    expect([table.code, table.stdout]).toEqual([2, expect.stringContaining('in no study: truncated 2')]);
  });

  it('refuses a study without a T2 series, gives its ranking, and returns the same when it comes again', async () => {
    const study = join(folder, 't1-alone');
    await mkdir(study);
    for (const { name, bytes } of phantomStudy({ seed: 5, t1Slices: 3, t2Slices: 0 }).files)
      await writeFile(join(study, name), bytes);
    for (const out of ['out4', 'out5']) {
      const { code, stdout } = await discflow('analyze', study, '--out', join(folder, out), '--json');
      expect(code).toBe(2);
      expect(reportsOf(stdout).map(({ report }) => report)).toMatchObject([
        { status: 'rejected', reasons: [{ code: 'no_t2_series' }], discs: [] },
      ]);
      expect(reportsOf(stdout)[0]?.report.input?.seriesRanking.map(({ weighting }) => weighting)).toContain('t1');
    }
    const [first, second] = await Promise.all(
      ['out4', 'out5'].map((out) => readFile(join(folder, out, 't1-alone', 'report.json'))),
    );
    expect(second).toEqual(first);
  });

  it('exits 1 before any work when two inputs would write the same folder', async () => {
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    for (const path of [one, two]) {
      await mkdir(path);
      await copyFile(SAMPLE, join(path, 'same.zip'));
    }
    const { code, stderr } = await discflow('analyze', one, two, '--out', join(folder, 'out3'));
    expect(code).toBe(1);
    expect(stderr).toContain('would both be written to "same"');
    expect(await readdir(folder)).not.toContain('out3');
  });

  it.each([
    [['analyze', 'nowhere', '--out', 'x'], 'no such file or folder'],
    [['analyze', SAMPLE], "required option '--out <dir>'"],
    [['analyze', SAMPLE, '--out', 'x', '--tier', 'best'], 'Allowed choices are single, ensemble, auto'],
    [['analyze', SAMPLE, '--out', 'x', '--pack', tmpdir()], 'holds no model pack'],
    [['nonsense'], "unknown command 'nonsense'"],
  ])('exits 1 and says what is wrong for %j', async (args, message) => {
    const { code, stderr } = await discflow(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe('discflow pack verify', () => {
  it('accepts the shipped pack and refuses one with a changed file, as analyze does before any work', async () => {
    expect((await discflow('pack', 'verify')).code).toBe(0);
    const broken = join(folder, 'pack');
    await mkdir(broken);
    const shipped = fileURLToPath(new URL('../../layers/models/', import.meta.url));
    for (const name of await readdir(shipped)) {
      if (/\.(onnx|json)$/.test(name)) await copyFile(join(shipped, name), join(broken, name));
    }
    const victim = (await readdir(broken)).find((name) => name.endsWith('.onnx'))!;
    const bytes = await readFile(join(broken, victim));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(join(broken, victim), bytes);
    const { code, stderr } = await discflow('pack', 'verify', broken);
    expect(code).toBe(1);
    expect(stderr).toContain('is no sound pack');
    const analysed = await discflow('analyze', SAMPLE, '--pack', broken, '--out', join(folder, 'unsound'));
    expect(analysed.code).toBe(1);
    expect(analysed.stderr).toContain('is no sound pack');
    expect(await readdir(folder)).not.toContain('unsound');
  });
});
