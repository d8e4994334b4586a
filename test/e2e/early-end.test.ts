import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandIn } from '../support/command.ts';
import { phantomPngs } from '../support/phantom-picture.ts';
import { putAnsweringPack } from '../support/tiny-pack.ts';

let folder: string;
let pictures: string;
let pack: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-early-'));
  pictures = join(folder, 'pictures');
  pack = join(folder, 'pack');
  await putAnsweringPack(pack);
  await mkdir(pictures);
  for (const [index, png] of (await phantomPngs(40, 3)).entries()) await writeFile(join(pictures, `${index}.png`), png);
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

describe('an analyze that cannot go on', () => {
  it('ends as after Ctrl-C where nobody reads its output any more, and leaves the folder to the next', async () => {
    const { run, start } = commandIn(join(folder, 'piped'));
    const out = join(folder, 'piped', 'out');
    const piped = start('analyze', pictures, '--pack', pack, '--out', out, '--json', '--concurrency', '1');
    piped.child.stdout?.destroy();
    expect(await piped.ended).toEqual([130, null]);
    expect(piped.stderr).toMatch(/interrupted: \d (?:study|studies) ended/);
    expect(piped.stderr).not.toContain('EPIPE');
    expect((await run('status')).stdout).toContain('No discflow works on this folder.');
    for (const name of await readdir(out)) expect(await readdir(join(out, name))).toContain('report.json');
  });

  it.each([
    ['an upload', 40],
    ['the table', 1],
  ])('says in one line that the disc takes no more of %s, and exits 1', async (_, kib) => {
    const home = join(folder, `limit-${kib}`);
    const call = ['analyze', pictures, '--pack', pack, '--out', join(home, 'out')];
    const { code, stderr } = await commandIn(home).runLimited(kib, ...call);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^discflow: (EFBIG|IO error): .*\n$/);
  });
});
