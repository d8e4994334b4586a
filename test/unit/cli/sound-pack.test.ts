import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/plan.ts';
import { soundPack } from '../../../src/cli/sound-pack.ts';
import { sha256Hex } from '../../../src/packs/verify.ts';
import { tinyPack } from '../../support/tiny-pack.ts';

const { manifest, files } = tinyPack();
const written = Buffer.from(JSON.stringify(manifest));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sound-pack-'));
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  await writeFile(join(folder, 'manifest.json'), written);
});

afterEach(() => rm(folder, { recursive: true }));

describe('a pack named on the command line', () => {
  it('gives the hash of its manifest where every file is what it says', async () => {
    expect(await soundPack(folder)).toBe(sha256Hex(written));
  });

  it.each<[string, () => Promise<void>, string]>([
    ['a longer file', () => writeFile(join(folder, 'disc.onnx'), Buffer.alloc(9)), 'disc: the file has another size'],
    ['a missing file', () => rm(join(folder, 'disc.onnx')), 'disc.onnx cannot be read'],
    ['a later schema', () => replaceInManifest('discflow.pack/1', 'discflow.pack/2'), 'manifest.json: schema'],
    ['half a manifest', () => writeFile(join(folder, 'manifest.json'), '{'), 'is no sound pack: manifest.json'],
    ['no manifest', () => rm(join(folder, 'manifest.json')), 'holds no model pack'],
  ])('with %s is wrong use, and told in words', async (_, spoil, message) => {
    await spoil();
    const failure = await soundPack(folder).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect((failure as Error).message).toContain(message);
  });
});

async function replaceInManifest(before: string, after: string): Promise<void> {
  await writeFile(join(folder, 'manifest.json'), written.toString().replace(before, after));
}
