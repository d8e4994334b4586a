import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ModelUnavailable } from '../../../src/contracts/reasons.ts';
import { checkSessions, createEngine } from '../../../src/inference/engine.ts';
import { packFolder, packHash } from '../../../src/inference/pack-source.ts';
import type { Engine } from '../../../src/pipeline/ports.ts';
import { linearModel } from '../../support/onnx.ts';
import { describeFile, type TinyPack, tinyPack } from '../../support/tiny-pack.ts';

let folder: string;
const engines: Engine[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-pack-'));
});
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
  await rm(folder, { recursive: true });
});

async function store(pack: TinyPack, into = folder): Promise<string> {
  await mkdir(into, { recursive: true });
  await writeFile(join(into, 'manifest.json'), JSON.stringify(pack.manifest));
  for (const [name, bytes] of pack.files) await writeFile(join(into, name), bytes);
  return (await packHash(into))!;
}

function open(...packDirs: string[]): Engine {
  const engine = createEngine({ packDirs, workers: 1 });
  engines.push(engine);
  return engine;
}

describe('createEngine', () => {
  test('finds a pack by its hash among folders and folders of packs, and runs its members', async () => {
    const hash = await store(tinyPack(), join(folder, 'packs', 'one'));
    const pack = await open(join(folder, 'missing'), join(folder, 'packs')).pack(hash);
    expect(pack.sha256).toBe(hash);
    expect(pack.manifest.name).toBe('tiny');
    const { output } = await pack.run('lumbar', { dims: [1, 1, 32, 32], data: new Float32Array(1024) });
    expect(output.dims).toEqual([1, 5, 1]);
    expect(pack.provider).toBe('cpu');
  });

  test('loads a pack once, however often it is asked for', async () => {
    const hash = await store(tinyPack());
    const engine = open(folder);
    const [first, second] = await Promise.all([engine.pack(hash), engine.pack(hash)]);
    expect(first).toBe(second);
  });

  test('a hash that no folder holds is unavailable', async () => {
    await store(tinyPack());
    await expect(open(folder).pack('0'.repeat(64))).rejects.toBeInstanceOf(ModelUnavailable);
  });

  test('further sources are asked after the folders', async () => {
    const pack = tinyPack();
    const hash = await store(pack);
    const engine = createEngine({
      workers: 1,
      sources: [{ find: async (wanted) => (wanted === hash ? packFolder(folder) : null) }],
    });
    engines.push(engine);
    await expect(engine.pack(hash)).resolves.toMatchObject({ sha256: hash });
  });

  test('a damaged file is unavailable, and the pack loads once the file is whole again', async () => {
    const pack = tinyPack();
    const hash = await store(pack);
    const engine = open(folder);
    await writeFile(join(folder, 'disc.onnx'), Buffer.alloc(10));
    await expect(engine.pack(hash)).rejects.toBeInstanceOf(ModelUnavailable);
    await writeFile(join(folder, 'disc.onnx'), pack.files.get('disc.onnx')!);
    await expect(engine.pack(hash)).resolves.toMatchObject({ sha256: hash });
  });

  test('a member whose network has another shape than the manifest says is unavailable when it is first run', async () => {
    const pack = tinyPack();
    const bytes = linearModel(16, 16, 3, new Array(768).fill(0));
    pack.files.set('classifier-a.onnx', bytes);
    const members = pack.manifest.members.map((member) =>
      member.id === 'classifier-a' ? { ...member, ...describeFile('classifier-a', bytes) } : member,
    );
    const hash = await store({ ...pack, manifest: { ...pack.manifest, members } });
    const loaded = await open(folder).pack(hash);
    const run = loaded.run('classifier-a', { dims: [1, 1, 16, 16], data: new Float32Array(256) });
    await expect(run).rejects.toBeInstanceOf(ModelUnavailable);
    await expect(checkSessions(packFolder(folder))).rejects.toThrow(/classifier-a: its output/);
  });

  test('a member that the pack does not have is unavailable', async () => {
    const loaded = await open(folder).pack(await store(tinyPack()));
    await expect(loaded.run('nobody', { dims: [1], data: new Float32Array(1) })).rejects.toBeInstanceOf(
      ModelUnavailable,
    );
  });
});

test('checkSessions makes every session of a sound pack', async () => {
  await store(tinyPack());
  await expect(checkSessions(packFolder(folder))).resolves.toBeUndefined();
});

test('a folder without a manifest has no hash', async () => {
  await expect(packHash(join(folder, 'missing'))).resolves.toBeNull();
});
