import { availableParallelism } from 'node:os';
import type { Member, PackManifest } from '../contracts/pack.ts';
import { ModelUnavailable } from '../contracts/reasons.ts';
import { takesBatches } from '../packs/onnx-file.ts';
import { type PackFiles, readOr, sha256Hex, verifyManifest, verifyMemberFile } from '../packs/verify.ts';
import type { Engine, LoadedPack, Tensor } from '../pipeline/ports.ts';
import { folderSource, type PackSource } from './pack-source.ts';
import { InferencePool } from './pool.ts';
import type { ModelSpec } from './protocol.ts';

export interface EngineOptions {
  /** Pack folders, or folders of pack folders. */
  readonly packDirs?: readonly string[];
  /** Further places, asked after the folders. */
  readonly sources?: readonly PackSource[];
  /** Worker threads; each keeps sessions of its own. Default: as many as the machine has cores, at most 8. */
  readonly workers?: number;
  /** Threads inside one network. Default 1: with a worker a core, whole networks in parallel waste less. */
  readonly intraOpNumThreads?: number;
  /** Execution providers in order of wish. Default `['cpu']`. */
  readonly providers?: readonly string[];
}

const MAX_DEFAULT_WORKERS = 8;

/** The `Engine` port on ONNX Runtime in worker threads: packs are verified once, sessions made on first use and kept. */
export function createEngine(options: EngineOptions): Engine {
  const sources = [folderSource(options.packDirs ?? []), ...(options.sources ?? [])];
  const pool = new InferencePool(options.workers ?? Math.min(MAX_DEFAULT_WORKERS, availableParallelism()), {
    providers: options.providers ?? ['cpu'],
    intraOpNumThreads: options.intraOpNumThreads ?? 1,
  });
  const packs = new Map<string, Promise<LoadedPack>>();
  return {
    pack(sha256) {
      const known = packs.get(sha256);
      if (known !== undefined) return known;
      const loading = openPack(sha256, sources, pool);
      packs.set(sha256, loading);
      loading.catch(() => packs.delete(sha256));
      return loading;
    },
    close: () => pool.close(),
  };
}

/** Makes a session of every member once, so that shapes are checked too. Throws `ModelUnavailable`. */
export async function checkSessions(files: PackFiles): Promise<void> {
  const pool = new InferencePool(1, { providers: ['cpu'], intraOpNumThreads: 1 });
  try {
    const { models } = await readPack(files);
    for (const model of models.values()) await pool.load(model);
  } finally {
    await pool.close();
  }
}

async function openPack(sha256: string, sources: readonly PackSource[], pool: InferencePool): Promise<LoadedPack> {
  const { manifest, models } = await readPack(await findPack(sha256, sources));
  let provider = 'cpu';
  return {
    manifest,
    sha256,
    get provider() {
      return provider;
    },
    takesBatches: (memberId) => models.get(memberId)?.input[0] === null,
    async run(memberId: string, input: Tensor) {
      const model = models.get(memberId);
      if (model === undefined) throw new ModelUnavailable(`the pack has no member ${memberId}`);
      const result = await pool.run(model, input);
      provider = result.provider;
      return { output: result.output, ms: result.ms };
    },
  };
}

async function findPack(sha256: string, sources: readonly PackSource[]): Promise<PackFiles> {
  for (const source of sources) {
    const files = await source.find(sha256);
    if (files !== null) return files;
  }
  throw new ModelUnavailable('no pack of that hash is at hand');
}

async function readPack(files: PackFiles): Promise<{ manifest: PackManifest; models: Map<string, ModelSpec> }> {
  const bytes = await readOr(files, 'manifest.json');
  const manifest = verifyManifest(bytes);
  const pack = sha256Hex(bytes);
  const models = new Map<string, ModelSpec>();
  for (const member of manifest.members) {
    const content = await readOr(files, member.file);
    verifyMemberFile(member, content);
    models.set(member.id, modelSpec(pack, member, content));
  }
  return { manifest, models };
}

function modelSpec(pack: string, member: Member, content: Uint8Array): ModelSpec {
  const bytes = new SharedArrayBuffer(content.length);
  new Uint8Array(bytes).set(content);
  const { width, height, channels } = member.input;
  const batch = takesBatches(content) ? null : 1;
  return {
    key: `${pack}/${member.id}`,
    memberId: member.id,
    bytes,
    input: [batch, channels, height, width],
    output: [batch, ...outputShape(member)],
  };
}

/** Without the batch axis. */
function outputShape(member: Member): Array<number | null> {
  const { output, input } = member;
  if (output.kind === 'yolov8') return [4 + output.classes, null];
  if (output.kind === 'segmentation') return [output.classes.length, input.height, input.width];
  return [output.activation === 'softmax' ? 2 : output.targets.length];
}
