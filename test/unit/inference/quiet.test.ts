import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packHash } from '../../../src/inference/pack-source.ts';
import { tinyPack } from '../../support/tiny-pack.ts';

const run = promisify(execFile);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-quiet-'));
  await Promise.all(['home', 'pack'].map((name) => mkdir(join(folder, name))));
});
afterEach(() => rm(folder, { recursive: true }));

/** Answers by one network in a process of its own, which has nothing in its home and no word on telemetry. */
async function answerIn(home: string, ...more: string[]): Promise<string> {
  const pack = join(folder, 'pack');
  const { manifest, files } = tinyPack();
  await writeFile(join(pack, 'manifest.json'), JSON.stringify(manifest));
  for (const [name, bytes] of files) await writeFile(join(pack, name), bytes);
  const program = `
    import { createEngine } from ${JSON.stringify(new URL('../../../src/inference/engine.ts', import.meta.url).href)};
    const engine = createEngine({ packDirs: [${JSON.stringify(pack)}], workers: 1 });
    const pack = await engine.pack(${JSON.stringify(await packHash(pack))});
    const { output } = await pack.run('lumbar', { dims: [1, 1, 32, 32], data: new Float32Array(1024) });
    console.log(output.dims.join(' x '));
    await engine.close();`;
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  const file = join(folder, 'answer.mjs');
  await writeFile(file, program);
  const line = ['--import', import.meta.resolve('tsx'), file, ...more];
  const { stdout } = await run(process.execPath, line, { env: { ...env, HOME: home, XDG_CACHE_HOME: home } });
  return stdout.trim();
}

describe('ONNX Runtime', () => {
  test('leaves nothing in the home folder of who runs it', async () => {
    const home = join(folder, 'home');
    expect(await answerIn(home)).toBe('1 x 5 x 1');
    expect(await readdir(home)).toEqual([]);
  });

  test('answers where the command line holds hundreds of paths', async () => {
    const paths = Array.from({ length: 1000 }, (_, index) => `/studies/of/a/whole/year/${index}/picture.png`);
    expect(await answerIn(join(folder, 'home'), ...paths)).toBe('1 x 5 x 1');
  });
});
