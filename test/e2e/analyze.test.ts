import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packHash } from '../../src/inference/pack-source.ts';
import { PHANTOM_IDENTITY } from '../../src/phantom/identity.ts';
import { commandIn, reportsOf } from '../support/command.ts';
import { DEFAULT_PACK } from '../support/system.ts';

const SAMPLE = fileURLToPath(new URL('../../examples/sample-study.zip', import.meta.url));
const LUMBAR = ['L5-S1', 'L4-L5', 'L3-L4', 'L2-L3', 'L1-L2'];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-e2e-'));
});

afterAll(async () => rm(folder, { recursive: true, force: true }));

const discflow = (...args: string[]) => commandIn(folder).run(...args);

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
