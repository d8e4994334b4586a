import { readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { HmacPseudonyms } from '../../aws/pseudonyms.ts';
import { type Tier, tierSchema } from '../../contracts/keys.ts';
import { InputFault } from '../../contracts/reasons.ts';
import { makeFolder } from '../../embedded/index.ts';
import { createEngine } from '../../inference/engine.ts';
import { createPixelDecoder } from '../../pictures/decoder.ts';
import { pngOfOwnSvg } from '../../pictures/svg.ts';
import type { PixelDecoder } from '../../pipeline/ports.ts';
import { UsageError } from '../plan.ts';
import { soundPack } from '../sound-pack.ts';
import { readFolder } from './folder.ts';
import type { LabelledData, LabelledPicture } from './labelled.ts';
import { metricsMarkdown } from './markdown.ts';
import { outlineText } from './outlined-text.ts';
import { drawPartPlots } from './part-plots.ts';
import { drawPlots, PLOTS, plotName } from './plots.ts';
import { type EvaluationRecord, evaluationRecord, recordJson } from './record.ts';
import { picturesCsv, predictionsCsv } from './rows.ts';
import { runAll } from './run-all.ts';
import type { RunDeps } from './run-pictures.ts';
import { gatherEvidence, type SourceEvidence } from './score.ts';
import { readSpider } from './spider.ts';
import { figuresTable } from './summary-table.ts';
import type { TierRun } from './tiers.ts';
import { readYolospine } from './yolospine.ts';

export interface EvaluateOptions {
  /** `yolospine`, `spider` or a folder. */
  readonly data: string;
  readonly dataRoot: string;
  /** Split names with commas between them, or `all`. */
  readonly split: string;
  readonly pack: string;
  readonly tier: Tier;
  /** The other tiers too, on the same pictures. */
  readonly compareTiers: boolean;
  readonly limit: number | undefined;
  readonly out: string;
  readonly overlays: boolean;
}

/** `discflow evaluate`: labelled pictures through the pipeline's functions, figures written and printed. */
export async function evaluate(options: EvaluateOptions): Promise<number> {
  const decoder = createPixelDecoder();
  const sha256 = await soundPack(options.pack);
  const engine = createEngine({ packDirs: [options.pack] });
  try {
    const data = await readData(options, decoder);
    const { pictures, splits } = choosePictures(data, options);
    const pack = await engine.pack(sha256);
    // Nothing made with this key is written: a study needs a name while it runs.
    const pseudonyms = new HmacPseudonyms({ current: async () => ({ version: 0, secret: Buffer.alloc(32) }) });
    const deps = { decoder, pseudonyms, pack };
    await makeFolder(options.out);
    const runs = await runTiers(deps, pictures, options);
    const record = evaluationRecord(data, splits, pack, runs);
    await writeOutputs(options.out, record, runs[0].evidence);
    process.stdout.write(`${figuresTable(record)}\nWritten to ${options.out}\n`);
    return 0;
  } finally {
    await Promise.all([engine.close(), decoder.close()]);
  }
}

/** The tier that was asked for, and the others behind it where they are to be compared. */
async function runTiers(
  deps: Omit<RunDeps, 'tier'>,
  pictures: readonly LabelledPicture[],
  { tier, compareTiers, overlays, out }: EvaluateOptions,
): Promise<[TierRun, ...TierRun[]]> {
  const inFlight = compareTiers ? 1 : Math.max(2, availableParallelism());
  const first = await runAll({ ...deps, tier }, pictures, {
    inFlight,
    cutOff: true,
    overlays: overlays ? join(out, 'overlays') : null,
  });
  const runs: [TierRun, ...TierRun[]] = [{ tier, evidence: gatherEvidence(first) }];
  for (const other of compareTiers ? tierSchema.options.filter((one) => one !== tier) : []) {
    const results = await runAll({ ...deps, tier: other }, pictures, { inFlight, cutOff: false, overlays: null });
    runs.push({ tier: other, evidence: gatherEvidence(results) });
  }
  return runs;
}

async function readData(options: EvaluateOptions, decoder: PixelDecoder): Promise<LabelledData> {
  if (options.data === 'yolospine') return readYolospine(options.dataRoot);
  if (options.data === 'spider') return readSpider(options.dataRoot);
  return readFolder(options.data, (path) => pictureSize(decoder, path));
}

async function pictureSize(decoder: PixelDecoder, path: string) {
  try {
    return await decoder.decodePicture(await readFile(path));
  } catch (cause) {
    if (!(cause instanceof InputFault)) throw cause;
    throw new UsageError(`${path} has labels but cannot be read as a picture (${cause.code})`, { cause });
  }
}

function choosePictures(data: LabelledData, { split, limit }: EvaluateOptions) {
  const known = [...new Set(data.pictures.map((picture) => picture.split))].sort();
  const splits = split === 'all' ? known : split.split(',').map((name) => name.trim());
  const unknown = splits.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`${data.name} has no split ${unknown.join(', ')}; it has ${known.join(', ')}`);
  }
  const chosen = data.pictures.filter((picture) => splits.includes(picture.split));
  return { pictures: limit === undefined ? chosen : firstOfEachSource(chosen, limit), splits };
}

function firstOfEachSource(pictures: readonly LabelledPicture[], limit: number): LabelledPicture[] {
  const taken = new Map<string, number>();
  return pictures.filter(({ source }) => {
    taken.set(source, (taken.get(source) ?? 0) + 1);
    return taken.get(source)! <= limit;
  });
}

async function writeOutputs(out: string, record: EvaluationRecord, evidence: readonly SourceEvidence[]): Promise<void> {
  await writeFile(join(out, 'metrics.json'), recordJson(record));
  await writeFile(join(out, 'metrics.md'), metricsMarkdown(record));
  await writeFile(join(out, 'predictions.csv'), predictionsCsv(evidence));
  await writeFile(join(out, 'pictures.csv'), picturesCsv(evidence));
  for (const [place, source] of evidence.entries()) {
    const figures = record.sources[place]!;
    await removePlots(out, source.source);
    for (const { name, svg } of [...(await drawPlots(source, figures)), ...(await drawPartPlots(figures))]) {
      await writeFile(join(out, `${name}.svg`), svg);
      await writeFile(join(out, `${name}.png`), await pngOfOwnSvg(outlineText(svg)));
    }
  }
}

/** What an earlier run drew into the same folder, and this one has no labels for, would pass for this one's. */
async function removePlots(out: string, source: string): Promise<void> {
  for (const plot of PLOTS) {
    for (const format of ['svg', 'png']) await rm(join(out, `${plotName(plot, source)}.${format}`), { force: true });
  }
}
