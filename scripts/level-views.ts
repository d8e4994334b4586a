// Labelled training and validation pictures as the detectors see them: whole, cut off above L5-S1, upside down.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { LabelledPicture } from '../src/cli/evaluate/labelled.ts';
import { withDiscsOfMask } from '../src/cli/evaluate/mask-discs.ts';
import { readMask } from '../src/cli/evaluate/masks.ts';
import { readSpider } from '../src/cli/evaluate/spider.ts';
import { readYolospine } from '../src/cli/evaluate/yolospine.ts';
import type { Box, ScoredBox } from '../src/contracts/detection.ts';
import type { DiscDetector, LumbarDetector } from '../src/contracts/pack.ts';
import { planDiscs, planRegion, readDetections } from '../src/detection/detector.ts';
import type { Grey16 } from '../src/imaging/image.ts';
import { seenRows } from '../src/imaging/seen-rows.ts';
import { uprightSlice } from '../src/imaging/upright.ts';
import { createEngine } from '../src/inference/engine.ts';
import { packHash } from '../src/inference/pack-source.ts';
import { createPixelDecoder } from '../src/pictures/decoder.ts';
import type { LoadedPack } from '../src/pipeline/ports.ts';
import { pictureFacts } from '../src/pipeline/prepare-picture.ts';
import { readGrey } from './grey-picture.ts';

export const VIEWS = ['whole', 'cut-35', 'cut-50', 'cut-65', 'cut-gap', 'cut-above', 'flipped'] as const;
export type View = (typeof VIEWS)[number];

/** What the detectors found on one view of a picture. */
export interface ViewedPicture {
  readonly source: string;
  readonly name: string;
  readonly patient: string;
  readonly split: string;
  readonly view: View;
  readonly seenRows: number;
  readonly region: Box | null;
  readonly found: readonly ScoredBox[];
  /** Labelled boxes of the whole picture, the five lowest from L5-S1 upwards; null where nobody drew them. */
  readonly labelled: readonly Box[] | null;
}

/** Folds of the training patients, as `fold_of` of training/discflow_training/data.py. */
const FOLDS = 5;

function foldOf(patient: string): number {
  const digest = createHash('sha256').update(`fold/${patient}`).digest();
  return Number(digest.readBigUInt64BE() % BigInt(FOLDS));
}

/**
 * All views of all pictures of train and val, in the order of the tables; of those with masks, the ones that show five
 * discs. `foldPacks` holds a pack `f0` to `f4` for each fold, whose detectors have not seen that fold's patients: each
 * views its own fold of train, so that detections are as sure of themselves as on new pictures. Without it `packFolder`
 * views all.
 */
export async function viewPictures(dataRoot: string, packFolder: string, foldPacks?: string): Promise<ViewedPicture[]> {
  const { pictures: home } = await readYolospine(dataRoot);
  const { pictures: away } = await readSpider(dataRoot);
  const pictures = await withMaskDiscs([...home, ...away].filter(({ split }) => ['train', 'val'].includes(split)));
  const folders = Array.from({ length: FOLDS }, (_, fold) =>
    foldPacks === undefined ? packFolder : join(foldPacks, `f${fold}`),
  );
  const engine = createEngine({ packDirs: [...new Set([packFolder, ...folders])] });
  const load = async (folder: string) => {
    const sha256 = await packHash(folder);
    if (sha256 === null) throw new Error(`${folder} holds no manifest.json`);
    return engine.pack(sha256);
  };
  try {
    const whole = await load(packFolder);
    const byFold = await Promise.all(folders.map(load));
    const viewed: ViewedPicture[][] = [];
    const queue = pictures.entries();
    const work = async () => {
      for (const [place, picture] of queue) {
        viewed[place] = await viewsOf(picture, picture.split === 'train' ? byFold[foldOf(picture.patient)]! : whole);
      }
    };
    await Promise.all([work(), work()]);
    return viewed.flat();
  } finally {
    await engine.close();
  }
}

async function withMaskDiscs(pictures: readonly LabelledPicture[]): Promise<LabelledPicture[]> {
  const decoder = createPixelDecoder();
  try {
    const known = pictures.map(async (picture) =>
      picture.maskPath === null ? picture : withDiscsOfMask(picture, await readMask(decoder, picture.maskPath)),
    );
    return (await Promise.all(known)).filter(({ maskPath, discs }) => maskPath === null || discs !== null);
  } finally {
    await decoder.close();
  }
}

async function viewsOf(picture: LabelledPicture, pack: LoadedPack): Promise<ViewedPicture[]> {
  const { source, name, patient, split, discs } = picture;
  const pixels = await readGrey(picture.path);
  const labelled = discs === null ? null : discs.filter(({ scored }) => scored).map(({ box }) => box);
  const views: ViewedPicture[] = [];
  for (const view of VIEWS) {
    const seen = viewOf(pixels, view, labelled);
    if (seen === null) continue;
    views.push({ source, name, patient, split, view, labelled, ...(await detect(seen, pack)) });
  }
  return views;
}

/** Null where a view needs boxes that nobody drew, or leaves too little of the picture. */
function viewOf(pixels: Grey16, view: View, labelled: readonly Box[] | null): Grey16 | null {
  if (view === 'whole') return pixels;
  if (view === 'flipped') return flipped(pixels);
  const [lowest, second, third] = labelled ?? [];
  if (lowest === undefined || second === undefined || third === undefined) return null;
  const centre = ({ y, height }: Box) => y + height / 2;
  const between = (upper: Box, lower: Box, share: number) => centre(upper) + share * (centre(lower) - centre(upper));
  const rows = {
    'cut-35': between(second, lowest, 0.35),
    'cut-50': between(second, lowest, 0.5),
    'cut-65': between(second, lowest, 0.65),
    'cut-gap': (second.y + second.height + lowest.y) / 2,
    'cut-above': between(third, second, 0.5),
  }[view];
  const height = Math.min(pixels.height, Math.round(rows));
  return height < 64 ? null : { ...pixels, height, data: pixels.data.slice(0, height * pixels.width) };
}

function flipped({ width, height, data, ...kind }: Grey16): Grey16 {
  const turned = new Uint16Array(data.length);
  for (let y = 0; y < height; y++) turned.set(data.subarray(y * width, (y + 1) * width), (height - 1 - y) * width);
  return { ...kind, width, height, data: turned };
}

async function detect(pixels: Grey16, pack: LoadedPack): Promise<Pick<ViewedPicture, 'seenRows' | 'region' | 'found'>> {
  const { image } = uprightSlice(pixels, pictureFacts(pixels));
  const { members, detection } = pack.manifest;
  const lumbar = members.find((member): member is LumbarDetector => member.role === 'lumbar-detector')!;
  const disc = members.find((member): member is DiscDetector => member.role === 'disc-detector')!;
  const plan = planRegion(image, lumbar);
  const regions = readDetections(plan, (await pack.run(lumbar.id, plan.input)).output, lumbar, detection);
  const region = regions[0]?.box ?? null;
  const discPlan = region === null ? null : planDiscs(image, region, disc);
  const found =
    discPlan === null
      ? []
      : readDetections(discPlan, (await pack.run(disc.id, discPlan.input)).output, disc, detection);
  return { seenRows: seenRows(image), region, found };
}
