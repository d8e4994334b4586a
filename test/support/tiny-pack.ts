import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Member, PackManifest } from '../../src/contracts/pack.ts';
import { constantModel, linearModel } from './onnx.ts';

const input = (width: number, height: number) =>
  ({ width, height, channels: 1, mean: 0, std: 1, resize: 'letterbox', pad: 114 }) as const;

/** A pack of networks that fit in a line each: manifest and files by name. */
export interface TinyPack {
  readonly manifest: PackManifest;
  readonly files: Map<string, Uint8Array>;
}

/** `bytes` of a network as a member of a pack. */
export function describeFile(id: string, bytes: Uint8Array) {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { id, architecture: 'tiny', width: 1, file: `${id}.onnx`, sha256, bytes: bytes.length };
}

/** One disc in the middle of the lumbar region. */
const ONE_DISC = [[8, 16, 10, 4, 0.8]] as const;
/** Six discs over one another, as a lumbar column has them. */
const COLUMN = [28, 23.5, 19, 14.5, 10, 5.5].map((y) => [8, y, 8, 2.4, 0.8] as const);

/** A tiny pack that answers every picture: it finds a whole lumbar column in each. */
export async function putAnsweringPack(folder: string): Promise<void> {
  const { manifest, files } = tinyPack(COLUMN);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
}

/**
 * Two detectors, two classifiers of both targets and one segmenter; detectors and segmenter answer constants. `discs` are
 * centre x and y, width, height in pixels of the detector's input, and confidence.
 */
export function tinyPack(discs: ReadonlyArray<readonly [number, number, number, number, number]> = ONE_DISC): TinyPack {
  const classes = { kind: 'segmentation', classes: ['background', 'vertebra', 'disc', 'canal'] } as const;
  const logits = { kind: 'logits', activation: 'sigmoid', targets: ['bulgeOrHerniation', 'herniation'] } as const;
  const networks = {
    lumbar: constantModel([1, 1, 32, 32], [1, 5, 1], [16, 16, 16, 28, 0.9]),
    disc: constantModel(
      [1, 1, 32, 16],
      [1, 5, discs.length],
      [0, 1, 2, 3, 4].flatMap((row) => discs.map((disc) => disc[row]!)),
    ),
    'classifier-a': linearModel(
      16,
      16,
      2,
      Array.from({ length: 512 }, (_, index) => ((index % 7) - 3) / 64),
    ),
    'classifier-b': linearModel(
      16,
      16,
      2,
      Array.from({ length: 512 }, (_, index) => ((index % 5) - 2) / 64),
    ),
    segmenter: constantModel([1, 1, 32, 16], [1, 4, 32, 16], new Array(4 * 32 * 16).fill(0)),
  };
  const crop = { kind: 'box', factor: 1.1 } as const;
  const square = { kind: 'square', factor: 1.5 } as const;
  const members: Member[] = [
    {
      ...describeFile('lumbar', networks.lumbar),
      role: 'lumbar-detector',
      input: input(32, 32),
      output: { kind: 'yolov8', classes: 1, targetClass: 0 },
    },
    {
      ...describeFile('disc', networks.disc),
      role: 'disc-detector',
      input: input(16, 32),
      crop,
      output: { kind: 'yolov8', classes: 1, targetClass: 0 },
    },
    ...(['classifier-a', 'classifier-b'] as const).map(
      (id): Member => ({
        ...describeFile(id, networks[id]),
        role: 'disc-classifier',
        input: { ...input(16, 16), resize: 'stretch' },
        crop: square,
        output: { ...logits, targets: [...logits.targets] },
      }),
    ),
    {
      ...describeFile('segmenter', networks.segmenter),
      role: 'spine-segmenter',
      input: input(16, 32),
      crop,
      output: { kind: classes.kind, classes: [...classes.classes] },
    },
  ];
  const target = {
    method: 'wae' as const,
    weights: { 'classifier-a': 0.75, 'classifier-b': 0.25 },
    temperature: 1,
    bias: 0,
    threshold: 0.5,
  };
  return {
    manifest: {
      schema: 'discflow.pack/1',
      name: 'tiny',
      version: '1',
      licence: 'Apache-2.0',
      intendedUse: 'tests',
      trainingData: [],
      metrics: [],
      members,
      detection: { confidence: 0.25, nmsIou: 0.7 },
      targets: { herniation: target, bulgeOrHerniation: target },
      segmentation: { method: 'single', weights: { segmenter: 1 } },
      gates: {},
      tiers: { single: { classifier: 'classifier-a', segmenter: 'segmenter' }, auto: { escalateWithin: 0.4 } },
    },
    files: new Map(Object.entries(networks).map(([id, bytes]) => [`${id}.onnx`, bytes])),
  };
}
