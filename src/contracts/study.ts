import { z } from 'zod';
import { pseudonymSchema, tenantSchema } from './keys.ts';
import { reasonSchema } from './reasons.ts';

/** [row, column] distance of pixel centres in millimetres: DICOM PixelSpacing (0028,0030). */
export const spacingMmSchema = z.tuple([z.number().positive(), z.number().positive()]);

/**
 * A 2x3 affine `[a, b, c, d, e, f]`: `x' = a x + b y + c`, `y' = d x + e y + f`, in pixel-edge coordinates
 * (origin top left, a full image spans 0..columns and 0..rows).
 */
export const affineSchema = z.tuple([z.number(), z.number(), z.number(), z.number(), z.number(), z.number()]);

/** What ranks a series: codes and numbers only, never its description. */
export const seriesRankingSchema = z.strictObject({
  /** Place of the series in the study by order of first appearance after sorting by its hash; from 0. */
  seriesIndex: z.int().nonnegative(),
  plane: z.enum(['sagittal', 'coronal', 'axial', 'oblique', 'unknown']),
  weighting: z.enum(['t2', 't2_star', 't1', 'pd', 'stir', 'flair', 'other', 'unknown']),
  fatSuppressed: z.boolean(),
  slices: z.int().nonnegative(),
  repetitionTimeMs: z.number().nullable(),
  echoTimeMs: z.number().nullable(),
  inversionTimeMs: z.number().nullable(),
  /** Angle between the slice normal and the left-right axis, degrees. */
  obliquityDegrees: z.number().nullable(),
  /** Higher is better; null where the series is not eligible. */
  score: z.number().nullable(),
  /** Codes of what raised or lowered the score, or why the series is not eligible. */
  notes: z.array(z.string().regex(/^[a-z0-9_]+$/)),
});
export type SeriesRanking = z.infer<typeof seriesRankingSchema>;

/** One candidate slice: raw pixels lie beside as `slices/<index>.raw`, little-endian unsigned 16-bit, row major. */
export const sliceSchema = z.strictObject({
  index: z.int().nonnegative(),
  file: z.string().regex(/^slices\/\d{1,3}\.raw$/),
  rows: z.int().positive(),
  columns: z.int().positive(),
  /** Stored orientation to upright: which exact flips and transposes bring head up and anterior left. */
  orientation: z.strictObject({ transpose: z.boolean(), flipX: z.boolean(), flipY: z.boolean() }),
  pixelSpacingMm: spacingMmSchema.nullable(),
  /** Millimetres along the slice normal from the middle of the series; null for a picture. */
  offsetMm: z.number().nullable(),
  /** Place in the series ordered along the normal, from 0, and the series' number of slices. */
  sliceIndex: z.int().nonnegative(),
  sliceCount: z.int().positive(),
  /** Frame of a multi-frame object, from 0; null for single-frame ones. */
  frame: z.int().nonnegative().nullable(),
  sopInstanceRef: pseudonymSchema.nullable(),
  invert: z.boolean(),
});
export type Slice = z.infer<typeof sliceSchema>;

/** `study.json`: what ingest hands on. */
export const studySchema = z.strictObject({
  schema: z.literal('discflow.study/1'),
  tenant: tenantSchema,
  studyKey: pseudonymSchema,
  contentHash: pseudonymSchema,
  kind: z.enum(['dicom', 'image']),
  seriesRanking: z.array(seriesRankingSchema),
  selectedSeries: z.int().nonnegative().nullable(),
  sequence: z.enum(['t2', 't2_star', 'unknown']),
  /** The study itself; candidates stand nearest to the middle first. Empty where the study is refused. */
  slices: z.array(sliceSchema).max(5),
  flags: z.array(reasonSchema),
});
export type Study = z.infer<typeof studySchema>;
