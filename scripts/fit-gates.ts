// Fits the gates that good training and validation pictures must pass and prints them, with what they refuse:
//   npx tsx scripts/fit-gates.ts [--data ../shared/data] [--pack layers/models] [--disturbed FOLDER] [--out FILE]
// FILE becomes a fragment of the pack, such as layers/models/members/gates.json.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FEATURES, type Gates } from '../src/contracts/pack.ts';
import type { Study } from '../src/contracts/study.ts';
import { cropPixels } from '../src/imaging/crop.ts';
import type { Grey16 } from '../src/imaging/image.ts';
import { createEngine } from '../src/inference/engine.ts';
import { packHash } from '../src/inference/pack-source.ts';
import { analyzeDiscs } from '../src/pipeline/analyze-discs.ts';
import { unpackCrops } from '../src/pipeline/crops.ts';
import { detectSlices, REGION_CROPS } from '../src/pipeline/detect-slices.ts';
import { type CropFeatures, cropFeatures, distanceFromTraining, pictureGates } from '../src/pipeline/gates.ts';
import type { LoadedPack } from '../src/pipeline/ports.ts';
import { pictureFacts } from '../src/pipeline/prepare-picture.ts';
import { readGrey } from './grey-picture.ts';

/** One labelled picture: T1 ones must not pass the gates, all others must. */
interface Picture {
  readonly file: string;
  readonly source: (typeof SOURCES)[number];
  readonly split: string;
}

interface Judged extends Picture {
  readonly width: number;
  readonly height: number;
  readonly features: CropFeatures;
  /** Largest disagreement over the five lumbar discs and both targets; 0 with one member. */
  readonly disagreement: number;
}

const SOURCES = ['yolospine', 'spider-t2', 'spider-space', 'disturbed', 'spider-t1'] as const;

const { values: args } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data' },
    pack: { type: 'string', default: 'layers/models' },
    // A folder of `python -m discflow_training.disturbed`: pictures of other scanners, as far as they can be imitated.
    // The pack answers them as well as the untouched ones, so the limits must let them pass.
    disturbed: { type: 'string' },
    out: { type: 'string' },
  },
});

/** How far beyond the farthest good picture kept a limit lies. */
const MARGIN = 1.15;
/** Part of the good training and validation pictures that one bound of a range may leave out. */
const TAIL = 0.002;

const pictures = [
  ...(await yolospinePictures(args.data)),
  ...(await spiderPictures(args.data)),
  ...(args.disturbed === undefined ? [] : await disturbedPictures(args.disturbed)),
];
const judged = await judgeAll(pictures, args.pack);
const gates = fit(judged);
console.log(JSON.stringify(gates, null, 2));
printRefusals(judged, gates);
if (args.out !== undefined) await writeFile(args.out, `${JSON.stringify({ gates }, null, 2)}\n`);

async function csv(path: string): Promise<Array<Record<string, string>>> {
  const [header = '', ...lines] = (await readFile(path, 'utf8')).trim().split(/\r?\n/);
  const names = cells(header);
  return lines.map((line) => Object.fromEntries(cells(line).map((cell, index) => [names[index] ?? '', cell])));
}

function cells(line: string): string[] {
  return [...line.matchAll(/("([^"]|"")*"|[^,]*)(,|$)/g)].slice(0, -1).map((match) => match[1] ?? '');
}

async function yolospinePictures(data: string): Promise<Picture[]> {
  const rows = await csv(join(data, 'yolospine/index.csv'));
  return rows.map(({ stem, split }) => ({
    file: join(data, 'yolospine/images', `${stem}.png`),
    source: 'yolospine',
    split: split ?? '',
  }));
}

async function spiderPictures(data: string): Promise<Picture[]> {
  const rows = await csv(join(data, 'spider/series.csv'));
  return rows.map(({ new_file_name: name = '', split = '' }) => ({
    file: join(data, 'spider/midslices', `${name}.png`),
    source: name.endsWith('_t1') ? 'spider-t1' : name.endsWith('_t2') ? 'spider-t2' : 'spider-space',
    split,
  }));
}

async function disturbedPictures(folder: string): Promise<Picture[]> {
  const found: Picture[] = [];
  for (const kind of await readdir(folder)) {
    for (const { image, split } of await csv(join(folder, kind, 'splits.csv'))) {
      found.push({ file: join(folder, kind, 'images', `${image}.png`), source: 'disturbed', split: split ?? '' });
    }
  }
  return found;
}

async function judgeAll(pictures: readonly Picture[], folder: string): Promise<Judged[]> {
  const sha256 = await packHash(folder);
  if (sha256 === null) throw new Error('there is no manifest.json in the pack folder');
  const engine = createEngine({ packDirs: [folder] });
  try {
    const loaded = await engine.pack(sha256);
    const pack = { ...loaded, manifest: { ...loaded.manifest, gates: {} } };
    const results: Judged[] = [];
    const waiting = pictures.filter(({ split }) => split === 'train' || split === 'val');
    const drain = async () => {
      for (let picture = waiting.pop(); picture !== undefined; picture = waiting.pop()) {
        const result = await judge(picture, pack);
        if (result === null) console.log(`${picture.source} ${picture.split}: stopped by detect`);
        else results.push(result);
      }
    };
    await Promise.all([drain(), drain()]);
    return results;
  } finally {
    await engine.close();
  }
}

async function judge(picture: Picture, pack: LoadedPack): Promise<Judged | null> {
  const slice = await readGrey(picture.file);
  const study = studyOf(slice);
  const detected = await detectSlices({ study, slices: [slice] }, pack);
  if (detected.refused.length > 0) return null;
  const { detection, upright, crops } = detected;
  const input = { study, detection, upright, crops, tenant: study.tenant, runKey: 'a'.repeat(26) };
  const { mask, report } = await analyzeDiscs(input, pack, 'ensemble');
  const region = [...unpackCrops(crops.get(detection.cropFiles[REGION_CROPS]!)!).values()][0];
  if (mask === null || region === undefined) return null;
  const { x, y, image } = region;
  const seen = cropPixels(mask, { x0: x, y0: y, x1: x + image.width, y1: y + image.height });
  const disagreements = report.discs
    .slice(0, 5)
    .flatMap(({ herniation, bulgeOrHerniation }) => [
      herniation.disagreement ?? 0,
      bulgeOrHerniation.disagreement ?? 0,
    ]);
  return {
    ...picture,
    width: upright.width,
    height: upright.height,
    features: cropFeatures(image, seen),
    disagreement: Math.max(0, ...disagreements),
  };
}

function studyOf(image: Grey16): Study {
  const pseudonym = `v1-${'a'.repeat(26)}`;
  return {
    schema: 'discflow.study/1',
    tenant: 'fit',
    studyKey: pseudonym,
    contentHash: pseudonym,
    kind: 'image',
    seriesRanking: [],
    selectedSeries: null,
    sequence: 'unknown',
    slices: [
      {
        index: 0,
        file: 'slices/0.raw',
        ...pictureFacts(image),
      },
    ],
    flags: [],
  };
}

function fit(all: readonly Judged[]): Gates {
  const good = all.filter(({ source }) => source !== 'spider-t1');
  const train = good.filter(({ source, split }) => source !== 'disturbed' && split === 'train');
  const features = FEATURES.filter((name) => name !== 'canalToVertebra' && name !== 'discToVertebra');
  // Both hospitals' groups weigh the same, however many pictures each has.
  const groups = [true, false].map((home) => train.filter(({ source }) => (source === 'yolospine') === home));
  const balanced = (value: (picture: Judged) => number) => average(groups.map((group) => average(group.map(value))));
  const mean = features.map((name) => round(balanced((picture) => picture.features[name])));
  const std = features.map((name, index) => {
    return round(Math.max(1e-3, Math.sqrt(balanced((picture) => (picture.features[name] - mean[index]!) ** 2))));
  });
  const gate = { features, mean, std, limit: 1 };
  const distances = good.map((picture) => distanceFromTraining(picture.features, gate));
  const sharpness = good.map((picture) => picture.features.sharpness);
  const disagreement = good.flatMap(({ source, disagreement }) => (source === 'disturbed' ? [] : [disagreement]));
  return {
    ...(Math.max(...disagreement) > 0 ? { membersDisagree: round(quantile(disagreement, 0.98)) } : {}),
    lowQuality: {
      minSide: 128,
      minContrast: round(
        quantile(
          good.map((picture) => picture.features.contrast),
          TAIL,
        ) / MARGIN,
      ),
      sharpness: {
        low: round(quantile(sharpness, TAIL) / MARGIN),
        high: round(quantile(sharpness, 1 - TAIL) * MARGIN),
      },
    },
    outOfDistribution: { ...gate, limit: round(quantile(distances, 1 - 2 * TAIL) * MARGIN) },
    minCanalToVertebraSignal: darkestCanal(good, all),
  };
}

/** T1 pictures lie right below: the darkest canals of good pictures are given up, and half of the gap to T1 is room. */
function darkestCanal(good: readonly Judged[], all: readonly Judged[]): number {
  const signal = ({ features }: Judged) => features.canalToVertebra;
  const kept = quantile(good.map(signal), 2 * TAIL);
  const below = all
    .filter(({ source }) => source === 'spider-t1')
    .map(signal)
    .filter((value) => value < kept);
  return round((kept + Math.max(0, ...below)) / 2);
}

function printRefusals(all: readonly Judged[], gates: Gates): void {
  for (const source of SOURCES) {
    for (const split of ['train', 'val']) {
      const some = all.filter((picture) => picture.source === source && picture.split === split);
      const counts = new Map<string, number>();
      let refused = 0;
      for (const picture of some) {
        const codes: string[] = pictureGates(picture.features, picture, gates, 'unknown').map(({ code }) => code);
        if (picture.disagreement > (gates.membersDisagree ?? 1)) codes.push('members_disagree');
        for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
        if (codes.length > 0) refused++;
      }
      const detail = [...counts].map(([code, count]) => `${code} ${count}`).join(', ');
      console.log(
        `${source} ${split}: ${refused} of ${some.length} refused or deferred${detail === '' ? '' : ` (${detail})`}`,
      );
    }
  }
  for (const name of FEATURES) {
    const of = (t1: boolean) =>
      [0, 0.01, 0.5, 0.99, 1]
        .map((q) =>
          quantile(
            all.filter(({ source }) => (source === 'spider-t1') === t1).map(({ features }) => features[name]),
            q,
          ),
        )
        .map((value) => value.toFixed(2))
        .join(' ');
    console.log(`${name}: good ${of(false)}; T1 ${of(true)} (quantiles 0, 0.01, 0.5, 0.99, 1)`);
  }
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function quantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? Number.NaN;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
