import type { FeatureName, Gates } from '../contracts/pack.ts';
import { type Reason, reasonOf } from '../contracts/reasons.ts';
import type { Study } from '../contracts/study.ts';
import type { Grey8 } from '../imaging/image.ts';
import { CLASS } from '../imaging/mask.ts';
import { quantileOf } from '../imaging/quantile.ts';
import { resizeBilinear } from '../imaging/resize.ts';

/** Statistics are taken at this height of the lumbar crop, so that they do not follow the matrix size. */
const CROP_HEIGHT = 256;

export type CropFeatures = Readonly<Record<FeatureName, number>>;

/** `crop` and `mask` (class values) show the same pixels of the upright slice. */
export function cropFeatures(crop: Grey8, mask: Grey8): CropFeatures {
  const width = Math.max(3, Math.round((crop.width * CROP_HEIGHT) / crop.height));
  const { data } = resizeBilinear(crop, width, CROP_HEIGHT);
  const ordered = data.slice().sort();
  let total = 0;
  for (const value of data) total += value;
  const mean = total / data.length;
  let squares = 0;
  for (const value of data) squares += (value - mean) ** 2;
  const contrast = Math.sqrt(squares / data.length);
  const scale = 1 / Math.max(contrast, 1e-6);
  let [gradient, laplacian, left, right, inner] = [0, 0, 0, 0, 0];
  for (let y = 1; y < CROP_HEIGHT - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      const value = data[at]!;
      gradient += (Math.abs(data[at + 1]! - value) + Math.abs(data[at + width]! - value)) / 2;
      laplacian += Math.abs(4 * value - data[at + 1]! - data[at - 1]! - data[at + width]! - data[at - width]!);
      if (x < width / 2) left += value;
      else right += value;
      inner++;
    }
  }
  const canalToVertebra = signalRatio(crop, mask, CLASS.canal);
  const discToVertebra = signalRatio(crop, mask, CLASS.disc);
  return {
    mean,
    contrast,
    q10: quantileOf(ordered, 0.1),
    q50: quantileOf(ordered, 0.5),
    q90: quantileOf(ordered, 0.9),
    gradient: (gradient / inner) * scale,
    sharpness: (laplacian / inner) * scale,
    shading: ((right - left) / (inner / 2)) * scale,
    canalToVertebra,
    discToVertebra,
    logCanalToVertebra: logarithm(canalToVertebra),
    logDiscToVertebra: logarithm(discToVertebra),
  };
}

const logarithm = (ratio: number): number => (ratio > 0 ? Math.log(ratio) : 0);

/** Median signal of one tissue over that of vertebrae; 0 where either is missing. */
function signalRatio(crop: Grey8, mask: Grey8, tissue: number): number {
  const medianOf = (wanted: number) => {
    const counts = new Uint32Array(256);
    let total = 0;
    for (let pixel = 0; pixel < mask.data.length; pixel++) {
      if (mask.data[pixel] !== wanted) continue;
      counts[crop.data[pixel]!]!++;
      total++;
    }
    let seen = 0;
    for (let value = 0; value < 256; value++) {
      seen += counts[value]!;
      if (seen > total / 2) return value;
    }
    return 0;
  };
  const vertebra = medianOf(CLASS.vertebra);
  return vertebra === 0 ? 0 : medianOf(tissue) / vertebra;
}

/** Mean squared z-score of the gate's features. */
export function distanceFromTraining(features: CropFeatures, gate: NonNullable<Gates['outOfDistribution']>): number {
  const squares = gate.features.map((name, index) => ((features[name] - gate.mean[index]!) / gate.std[index]!) ** 2);
  return squares.reduce((sum, square) => sum + square, 0) / squares.length;
}

/**
 * What the gates that judge the picture say: of the crop's statistics and the upright slice's size. Where no header tells
 * the weighting (a bare picture, a stripped DICOM file), a dark canal does.
 */
export function pictureGates(
  features: CropFeatures,
  slice: { readonly width: number; readonly height: number },
  gates: Gates,
  sequence: Study['sequence'],
): Reason[] {
  const reasons: Reason[] = [];
  const { lowQuality, outOfDistribution, minCanalToVertebraSignal } = gates;
  if (
    sequence === 'unknown' &&
    minCanalToVertebraSignal !== undefined &&
    features.canalToVertebra < minCanalToVertebraSignal
  ) {
    reasons.push(reasonOf('no_t2_series', { detail: 'the canal is not bright: no T2, or turned' }));
  }
  if (lowQuality !== undefined) {
    const coarse = Math.min(slice.width, slice.height) < lowQuality.minSide;
    const flat = features.contrast < lowQuality.minContrast;
    const { low, high } = lowQuality.sharpness;
    if (coarse || flat || features.sharpness < low || features.sharpness > high) reasons.push(reasonOf('low_quality'));
  }
  if (outOfDistribution !== undefined && distanceFromTraining(features, outOfDistribution) > outOfDistribution.limit) {
    reasons.push(reasonOf('out_of_distribution'));
  }
  return reasons;
}
