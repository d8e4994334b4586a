// Compares networks of training with what the pipeline's own code makes of them: npx tsx scripts/network-parity.ts DIR OUT.json
// DIR is written by `python -m discflow_training parity`; OUT.json holds the largest and the mean difference of each
// network's probabilities, and of a detector's boxes the largest in pixels of the picture. A detector that finds nothing
// on either side has no values and no difference.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readProbabilities } from '../src/classification/classifier.ts';
import type { Box } from '../src/contracts/detection.ts';
import { type Member, memberSchema } from '../src/contracts/pack.ts';
import { planDiscs, planRegion, readDetections } from '../src/detection/detector.ts';
import { cropPixels, cropRect } from '../src/imaging/crop.ts';
import type { Grey8 } from '../src/imaging/image.ts';
import { inputBatch } from '../src/imaging/tensor.ts';
import { uprightSlice } from '../src/imaging/upright.ts';
import { InferencePool } from '../src/inference/pool.ts';
import type { ModelSpec } from '../src/inference/protocol.ts';
import { createPictureEncoder } from '../src/pictures/encoder.ts';
import { shareOf, sumOfShares } from '../src/segmentation/segmenter.ts';

/**
 * Values at flat indices of an answer: probabilities of discs or of the slice, classes x height x width on the crop, or
 * confidences of boxes.
 */
interface Answer {
  readonly indices: readonly number[];
  readonly values: readonly number[];
  readonly boxes?: readonly Box[];
}

interface Found {
  readonly values: ArrayLike<number>;
  readonly boxes: readonly Box[];
}

interface Parity {
  readonly pictures: ReadonlyArray<{ readonly file: string; readonly region: Box; readonly discs: readonly Box[] }>;
  readonly networks: ReadonlyArray<{
    readonly member: unknown;
    readonly sees: 'slice' | 'region' | 'disc';
    readonly answers: readonly Answer[];
  }>;
}

const [folder, out] = process.argv.slice(2);
if (folder === undefined || out === undefined)
  throw new Error('give the folder of the parity command and a file to write');
const parity = JSON.parse(await readFile(join(folder, 'parity.json'), 'utf8')) as Parity;
/** As detection_pipeline.py of training. */
const RULES = { confidence: 0.25, nmsIou: 0.7 };
const encoder = createPictureEncoder();
const slices = await Promise.all(parity.pictures.map(({ file }) => sliceOf(join(folder, file))));
const pool = new InferencePool(1, { providers: ['cpu'], intraOpNumThreads: 1 });
interface Compared {
  readonly pictures: number;
  readonly values: number;
  readonly largest: number;
  readonly mean: number;
  readonly largestPixels?: number;
}
const compared: Record<string, Compared> = {};
try {
  for (const { member: written, sees, answers } of parity.networks) {
    const member = memberSchema.parse(written);
    const model = await modelOf(member);
    const differences: number[] = [];
    const pixels: number[] = [];
    for (const [index, answer] of answers.entries()) {
      const found = await answerOf(member, sees, model, slices[index]!, parity.pictures[index]!);
      differences.push(...answer.indices.map((at, position) => Math.abs(found.values[at]! - answer.values[position]!)));
      pixels.push(...boxDifferences(found.boxes, answer.boxes ?? []));
    }
    if ([...differences, ...pixels].some(Number.isNaN)) throw new Error(`${member.id} found other boxes`);
    compared[member.id] = {
      pictures: answers.length,
      values: differences.length,
      largest: Number(Math.max(0, ...differences).toFixed(6)),
      mean: Number((differences.reduce((sum, value) => sum + value, 0) / Math.max(1, differences.length)).toFixed(6)),
      ...(pixels.length === 0 ? {} : { largestPixels: Number(Math.max(...pixels).toFixed(4)) }),
    };
  }
} finally {
  await pool.close();
}
await writeFile(out, `${JSON.stringify(compared, null, 1)}\n`);
process.stdout.write(`${Object.keys(compared).length} networks compared\n`);

async function sliceOf(path: string): Promise<Grey8> {
  const { width, height, data } = await encoder.decodePngGrey(await readFile(path));
  const stored = { depth: 'u16', width, height, data: Uint16Array.from(data) } as const;
  const asItIs = { transpose: false, flipX: false, flipY: false };
  return uprightSlice(stored, { orientation: asItIs, pixelSpacingMm: null, invert: false }).image;
}

async function modelOf(member: Member): Promise<ModelSpec> {
  const content = await readFile(join(folder!, member.file));
  const bytes = new SharedArrayBuffer(content.length);
  new Uint8Array(bytes).set(content);
  const { width, height, channels } = member.input;
  const batch = member.role === 'disc-classifier' ? null : 1;
  const output = {
    'disc-classifier': [null, null],
    'spine-segmenter': [1, null, height, width],
    'lumbar-detector': [1, null, null],
    'disc-detector': [1, null, null],
  }[member.role];
  return { key: member.id, memberId: member.id, bytes, input: [batch, channels, height, width], output };
}

async function answerOf(
  member: Member,
  sees: Parity['networks'][number]['sees'],
  model: ModelSpec,
  slice: Grey8,
  { region, discs }: Parity['pictures'][number],
): Promise<Found> {
  if (member.role === 'spine-segmenter') {
    const crop = cropPixels(slice, cropRect(region, member.crop, slice)!);
    const batch = inputBatch([crop], member.input);
    const { output } = await pool.run(model, batch);
    const weighted = { id: member.id, weight: 1, output, placement: batch.placements[0]! };
    return { values: sumOfShares([weighted].map(shareOf), crop).data, boxes: [] };
  }
  if (member.role === 'disc-classifier') {
    const crops =
      sees === 'slice' ? [slice] : discs.map((box) => cropPixels(slice, cropRect(box, member.crop, slice)!));
    const { output } = await pool.run(model, inputBatch(crops, member.input));
    const answers = readProbabilities(output, member, crops.length);
    return { values: answers.map((answer) => answer[member.output.targets[0]!]!), boxes: [] };
  }
  const plan = member.role === 'lumbar-detector' ? planRegion(slice, member) : planDiscs(slice, region, member)!;
  const found = readDetections(plan, (await pool.run(model, plan.input)).output, member, RULES);
  const kept = member.role === 'lumbar-detector' ? found.slice(0, 1) : found;
  return { values: kept.map(({ confidence }) => confidence), boxes: kept.map(({ box }) => box) };
}

/** Differences of edges in pixels; NaN for each edge of a box that one side alone found. */
function boxDifferences(found: readonly Box[], expected: readonly Box[]): number[] {
  const edges = ({ x, y, width, height }: Box) => [x, y, x + width, y + height];
  return Array.from({ length: Math.max(found.length, expected.length) }, (_, index) => {
    const [one, other] = [found[index], expected[index]];
    if (one === undefined || other === undefined) return [Number.NaN];
    return edges(one).map((edge, side) => Math.abs(edge - edges(other)[side]!));
  }).flat();
}
