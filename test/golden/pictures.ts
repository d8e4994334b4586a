import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Grey8 } from '../../src/imaging/image.ts';
import { type UprightSlice, uprightSlice } from '../../src/imaging/upright.ts';
import { createEngine } from '../../src/inference/engine.ts';
import { packHash } from '../../src/inference/pack-source.ts';
import { createPictureEncoder } from '../../src/pictures/encoder.ts';
import type { Engine, LoadedPack } from '../../src/pipeline/ports.ts';

export const DEFAULT_PACK = fileURLToPath(new URL('../../layers/models', import.meta.url));
const FIXTURES = new URL('./fixtures/', import.meta.url);

export async function fixture<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(new URL(name, FIXTURES), 'utf8')) as T;
}

/** An 8-bit picture of the fixtures as the upright slice that training made of it. */
export async function uprightFixture(name: string): Promise<UprightSlice> {
  const picture: Grey8 = await createPictureEncoder().decodePngGrey(await readFile(new URL(name, FIXTURES)));
  const { width, height, data } = picture;
  return uprightSlice(
    { depth: 'u16', width, height, data: Uint16Array.from(data) },
    { orientation: { transpose: false, flipX: false, flipY: false }, pixelSpacingMm: null, invert: false },
  );
}

export async function openDefaultPack(): Promise<{ engine: Engine; pack: LoadedPack }> {
  const engine = createEngine({ packDirs: [DEFAULT_PACK], workers: 1 });
  const hash = await packHash(DEFAULT_PACK);
  if (hash === null) throw new Error('layers/models holds no manifest.json');
  return { engine, pack: await engine.pack(hash) };
}
