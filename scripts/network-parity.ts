// Compares networks of training with what the pipeline's own code makes of them: npx tsx scripts/network-parity.ts DIR OUT.json
// DIR is written by `python -m discflow_training parity`; OUT.json holds the largest and the mean difference of each network.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readProbabilities } from '../src/classification/classifier.ts';
import type { Box } from '../src/contracts/detection.ts';
import { type Member, memberSchema } from '../src/contracts/pack.ts';
import { cropPixels, cropRect } from '../src/imaging/crop.ts';
import type { Grey8 } from '../src/imaging/image.ts';
import { inputBatch } from '../src/imaging/tensor.ts';
import { uprightSlice } from '../src/imaging/upright.ts';
import { InferencePool } from '../src/inference/pool.ts';
import type { ModelSpec } from '../src/inference/protocol.ts';
import { createPictureEncoder } from '../src/pictures/encoder.ts';
import { shareOf, sumOfShares } from '../src/segmentation/segmenter.ts';

/** Values at flat indices of an answer: probabilities of discs, or classes x height x width on the crop. */
interface Answer {
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

interface Parity {
  readonly pictures: ReadonlyArray<{ readonly file: string; readonly region: Box; readonly discs: readonly Box[] }>;
  readonly networks: ReadonlyArray<{ readonly member: unknown; readonly answers: readonly Answer[] }>;
}

const [folder, out] = process.argv.slice(2);
if (folder === undefined || out === undefined)
  throw new Error('give the folder of the parity command and a file to write');
const parity = JSON.parse(await readFile(join(folder, 'parity.json'), 'utf8')) as Parity;
const encoder = createPictureEncoder();
const slices = await Promise.all(parity.pictures.map(({ file }) => sliceOf(join(folder, file))));
const pool = new InferencePool(1, { providers: ['cpu'], intraOpNumThreads: 1 });
const compared: Record<string, { pictures: number; values: number; largest: number; mean: number }> = {};
try {
  for (const { member: written, answers } of parity.networks) {
    const member = memberSchema.parse(written);
    const model = await modelOf(member);
    const differences: number[] = [];
    for (const [index, { indices, values }] of answers.entries()) {
      const found = await answerOf(member, model, slices[index]!, parity.pictures[index]!);
      differences.push(...indices.map((at, position) => Math.abs(found[at]! - values[position]!)));
    }
    compared[member.id] = {
      pictures: answers.length,
      values: differences.length,
      largest: Number(Math.max(...differences).toFixed(6)),
      mean: Number((differences.reduce((sum, value) => sum + value, 0) / differences.length).toFixed(6)),
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
  const input = [member.role === 'disc-classifier' ? null : 1, channels, height, width];
  const output = member.role === 'disc-classifier' ? [null, null] : [1, null, height, width];
  return { key: member.id, memberId: member.id, bytes, input, output };
}

async function answerOf(
  member: Member,
  model: ModelSpec,
  slice: Grey8,
  { region, discs }: Parity['pictures'][number],
): Promise<ArrayLike<number>> {
  if (member.role === 'spine-segmenter') {
    const crop = cropPixels(slice, cropRect(region, member.crop, slice)!);
    const batch = inputBatch([crop], member.input);
    const { output } = await pool.run(model, batch);
    const weighted = { id: member.id, weight: 1, output, placement: batch.placements[0]! };
    return sumOfShares([weighted].map(shareOf), crop).data;
  }
  if (member.role !== 'disc-classifier') throw new Error(`${member.id} is no network that is compared`);
  const crops = discs.map((box) => cropPixels(slice, cropRect(box, member.crop, slice)!));
  const { output } = await pool.run(model, inputBatch(crops, member.input));
  return readProbabilities(output, member, discs.length).map((answer) => answer[member.output.targets[0]!]!);
}
