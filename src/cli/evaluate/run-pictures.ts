import { readFile } from 'node:fs/promises';
import type { ScoredBox } from '../../contracts/detection.ts';
import type { Tier } from '../../contracts/keys.ts';
import { InputFault, type ReasonCode } from '../../contracts/reasons.ts';
import type { Report } from '../../contracts/report.ts';
import { confusionOf, type PixelConfusion } from '../../evaluation/segmentation.ts';
import { cropPixels, cropRect, type PixelRect } from '../../imaging/crop.ts';
import type { Grey8 } from '../../imaging/image.ts';
import { CLASS } from '../../imaging/mask.ts';
import { analyzeDiscs } from '../../pipeline/analyze-discs.ts';
import { detectSlices } from '../../pipeline/detect-slices.ts';
import type { LoadedPack, PixelDecoder, Pseudonyms } from '../../pipeline/ports.ts';
import { preparePicture } from '../../pipeline/prepare-picture.ts';
import { UsageError } from '../plan.ts';
import type { LabelledPicture } from './labelled.ts';
import { withDiscsOfMask } from './mask-discs.ts';
import { readMask } from './masks.ts';

export interface RunDeps {
  readonly decoder: PixelDecoder;
  readonly pseudonyms: Pseudonyms;
  readonly pack: LoadedPack;
  readonly tier: Tier;
}

/** What the pipeline said about one labelled picture. */
export interface PictureResult {
  /** With the discs of its mask, where nobody drew boxes. */
  readonly picture: LabelledPicture;
  /** Its upright slice's size; null where it could not be read. */
  readonly size: { readonly width: number; readonly height: number } | null;
  readonly status: Report['status'];
  readonly reasons: readonly ReasonCode[];
  readonly region: ScoredBox | null;
  /** Null where no report with an answer was written: every labelled disc counts as missed. */
  readonly report: Report | null;
  /** Null where the picture has no mask. */
  readonly masked: MaskedPicture | null;
  /** Milliseconds inside all networks, one after the other. */
  readonly networksMs: number;
}

export interface MaskedPicture {
  /** Labelled against predicted pixels inside the lumbar crop. */
  readonly confusion: PixelConfusion;
  /** Part of the labelled tissue, in the whole picture, that is canal. */
  readonly canalShare: number;
}

/** Overlays are drawn from these, where they are asked for. */
export interface PicturePixels {
  readonly upright: Grey8;
  readonly mask: Grey8 | null;
}

/** The crop that networks of the region see, and inside which masks are scored. */
const REGION_CROP = { kind: 'box', factor: 1.1 } as const;

/**
 * One picture through the functions that the stages call: read and checked as an upload, detected, analysed. A refused
 * picture has no report. Throws `UsageError` where the picture's own labels do not fit it; other errors are none of the
 * picture's.
 */
export async function runPicture(
  deps: RunDeps,
  labelled: LabelledPicture,
): Promise<PictureResult & { pixels: PicturePixels | null }> {
  const mask = labelled.maskPath === null ? null : await readMask(deps.decoder, labelled.maskPath);
  const picture = mask === null ? labelled : withDiscsOfMask(labelled, mask);
  const refused = (status: Report['status'], reasons: readonly ReasonCode[]) => ({
    picture,
    size: null,
    status,
    reasons,
    region: null,
    report: null,
    masked: scoreMask(mask, null, null),
    networksMs: 0,
    pixels: null,
  });
  const bytes = await readPicture(picture);
  try {
    const prepared = await preparePicture(
      { tenant: 'local', pseudonyms: deps.pseudonyms, decoder: deps.decoder },
      { name: picture.name, size: bytes.length, read: async () => bytes },
    );
    const { study, slices, verdict } = prepared;
    if (verdict !== 'ok') {
      return refused(
        verdict.status,
        verdict.reasons.map(({ code }) => code),
      );
    }
    return await analysePicture(deps, picture, mask, { study, slices });
  } catch (error) {
    if (!(error instanceof InputFault)) throw error;
    return refused('rejected', [error.code]);
  }
}

async function analysePicture(
  { pack, tier }: RunDeps,
  picture: LabelledPicture,
  labelled: Grey8 | null,
  input: Parameters<typeof detectSlices>[0],
): Promise<PictureResult & { pixels: PicturePixels }> {
  const { detection, upright, crops, refused, networksMs: detectMs } = await detectSlices(input, pack);
  const size = { width: upright.width, height: upright.height };
  if (labelled !== null && (labelled.width !== size.width || labelled.height !== size.height)) {
    throw new UsageError(`${picture.maskPath} has another size than its picture`);
  }
  const region = detection.lumbarRegion;
  if (refused.length > 0) {
    const reasons = refused.map(({ code }) => code);
    return {
      picture,
      size,
      status: 'rejected',
      reasons,
      region,
      report: null,
      masked: scoreMask(labelled, null, regionRect(region, size)),
      networksMs: total(detectMs),
      pixels: { upright, mask: null },
    };
  }
  const runKey = 'a'.repeat(26);
  const { report, mask, networksMs } = await analyzeDiscs(
    { study: input.study, detection, upright, crops, tenant: 'local', runKey },
    pack,
    tier,
  );
  return {
    picture,
    size,
    status: report.status,
    reasons: report.reasons.map(({ code }) => code),
    region,
    report: report.discs.length === 0 ? null : report,
    masked: scoreMask(labelled, mask, regionRect(region, size)),
    networksMs: total(detectMs) + total(networksMs),
    pixels: { upright, mask },
  };
}

const total = (ms: Readonly<Record<string, number>>) => Object.values(ms).reduce((sum, value) => sum + value, 0);

export async function readPicture(picture: LabelledPicture): Promise<Buffer> {
  try {
    return await readFile(picture.path);
  } catch (cause) {
    throw new UsageError(`${picture.path} cannot be read`, { cause });
  }
}

const regionRect = (region: ScoredBox | null, size: { width: number; height: number }): PixelRect | null =>
  region === null ? null : cropRect(region.box, REGION_CROP, size);

/** Counts pixels inside the lumbar crop, or in the whole picture where none was found; no mask predicts background. */
function scoreMask(labelled: Grey8 | null, predicted: Grey8 | null, rect: PixelRect | null): MaskedPicture | null {
  if (labelled === null) return null;
  const whole = { x0: 0, y0: 0, x1: labelled.width, y1: labelled.height };
  const inside = (mask: Grey8) => cropPixels(mask, rect ?? whole).data;
  const background = { ...labelled, data: new Uint8Array(labelled.data.length) };
  return {
    confusion: confusionOf(inside(labelled), inside(predicted ?? background)),
    canalShare: canalShare(labelled),
  };
}

function canalShare({ data }: Grey8): number {
  let [tissue, canal] = [0, 0];
  for (const value of data) {
    if (value > 0) tissue++;
    if (value === CLASS.canal) canal++;
  }
  return tissue === 0 ? 0 : canal / tissue;
}
