import { z } from 'zod';
import { pseudonymSchema } from './keys.ts';
import { levelSchema, reasonSchema } from './reasons.ts';
import { affineSchema, spacingMmSchema } from './study.ts';

/** A box in pixels of the upright slice, pixel edges, origin top left; width and height above 0. */
export const boxSchema = z.strictObject({
  x: z.number(),
  y: z.number(),
  width: z.number().positive(),
  height: z.number().positive(),
});
export type Box = z.infer<typeof boxSchema>;

export const scoredBoxSchema = z.strictObject({ box: boxSchema, confidence: z.number().min(0).max(1) });
export type ScoredBox = z.infer<typeof scoredBoxSchema>;

export const windowSchema = z.strictObject({ low: z.number(), high: z.number() });

export const namedDiscSchema = z.strictObject({
  level: levelSchema,
  levelCertain: z.boolean(),
  box: boxSchema,
  confidence: z.number().min(0).max(1),
});
export type NamedDisc = z.infer<typeof namedDiscSchema>;

/** The slice that detect chose, as the report repeats it. */
export const selectedSliceSchema = z.strictObject({
  seriesIndex: z.int().nonnegative().nullable(),
  sliceIndex: z.int().nonnegative(),
  sliceCount: z.int().positive(),
  frame: z.int().nonnegative().nullable(),
  sopInstanceRef: pseudonymSchema.nullable(),
  sequence: z.enum(['t2', 't2_star', 'unknown']),
  offsetMm: z.number().nullable(),
});

/** `detection.json`: what detect hands on, or why it stopped. Sizes and boxes are of the upright slice. */
export const detectionSchema = z.strictObject({
  schema: z.literal('discflow.detection/1'),
  selected: selectedSliceSchema,
  rows: z.int().positive(),
  columns: z.int().positive(),
  pixelSpacingMm: spacingMmSchema.nullable(),
  window: windowSchema,
  sourceTransform: affineSchema,
  candidates: z.array(
    z.strictObject({
      sliceIndex: z.int().nonnegative(),
      regionConfidence: z.number(),
      discConfidence: z.number(),
      discs: z.int().nonnegative(),
    }),
  ),
  lumbarRegion: scoredBoxSchema.nullable(),
  discs: z.array(namedDiscSchema),
  reasons: z.array(reasonSchema),
  /** Packed crop files by crop rule: `box-1.1` and the like. */
  cropFiles: z.record(z.string(), z.string()),
});
export type Detection = z.infer<typeof detectionSchema>;
