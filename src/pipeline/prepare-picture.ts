import { createHash } from 'node:crypto';
import { InputFault, reasonOf } from '../contracts/reasons.ts';
import type { Study } from '../contracts/study.ts';
import { isSliceSize } from '../dicom/ranking.ts';
import type { Grey16 } from '../imaging/image.ts';
import { holdsText } from '../imaging/text-strokes.ts';
import { contentBytes } from './prepare-content.ts';
import type { UploadFile } from './prepare-files.ts';
import type { PrepareContext, PreparedStudy, SliceFacts, Verdict } from './prepared.ts';

/**
 * A bare PNG or JPEG slice is a study of its own: upright as it is, of unknown spacing, sequence and age.
 * Throws `InputFault` where it cannot be decoded or is no slice by its size.
 */
export async function preparePicture(context: PrepareContext, file: UploadFile): Promise<PreparedStudy> {
  const bytes = await file.read();
  const pixels = await context.decoder.decodePicture(bytes);
  if (!isSliceSize(pixels.height, pixels.width)) throw new InputFault('dimensions');
  const fileHash = createHash('sha256').update(bytes).digest('hex');
  return pictureStudy(context, fileHash, pixels, verdictOf(pixels));
}

/** The study of a picture that cannot be read: `identity` stands for its bytes, which may not be there; it is hashed. */
export const refusedPicture = (context: PrepareContext, identity: string, { reason }: InputFault) =>
  pictureStudy(context, identity, null, { status: 'rejected', reasons: [reason] });

async function pictureStudy(
  { tenant, pseudonyms }: PrepareContext,
  identity: string,
  pixels: Grey16 | null,
  verdict: Verdict,
): Promise<PreparedStudy> {
  const handedOn = pixels !== null && (verdict === 'ok' || verdict.status === 'quarantined') ? [pixels] : [];
  const flags = [reasonOf('age_unknown')];
  const content = {
    sequence: 'unknown' as const,
    slices: handedOn.map((image) => ({ slice: pictureFacts(image), pixels: image })),
    flags,
    verdict: verdict === 'ok' ? [] : verdict.reasons.map(({ code }) => code),
    instances: handedOn.length === 0 ? [identity] : [],
  };
  const study: Study = {
    schema: 'discflow.study/1',
    tenant,
    studyKey: await pseudonyms.of(tenant, `upload:${identity}`),
    contentHash: await pseudonyms.of(tenant, contentBytes(content)),
    kind: 'image',
    seriesRanking: [],
    selectedSeries: null,
    sequence: 'unknown',
    slices: handedOn.map((image, index) => ({ index, file: `slices/${index}.raw`, ...pictureFacts(image) })),
    flags,
  };
  return { study, slices: handedOn, verdict };
}

/** Fewer grey values show no tissue, as in a bitmap of black and white; a slice dimmed to 8 % keeps 20. */
const MIN_VALUES = 8;

function verdictOf(pixels: Grey16): Verdict {
  const values = new Set(pixels.data).size;
  if (values < MIN_VALUES)
    return { status: 'rejected', reasons: [reasonOf('low_quality', { detail: `grey values: ${values}` })] };
  if (holdsText(pixels)) return { status: 'quarantined', reasons: [reasonOf('burned_in_text')] };
  return 'ok';
}

/** What is known of a bare picture as a slice: its size and nothing of space. */
export const pictureFacts = ({ width, height }: Grey16): SliceFacts => ({
  rows: height,
  columns: width,
  orientation: { transpose: false, flipX: false, flipY: false },
  pixelSpacingMm: null,
  offsetMm: null,
  sliceIndex: 0,
  sliceCount: 1,
  frame: null,
  sopInstanceRef: null,
  invert: false,
});
