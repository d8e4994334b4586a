import { z } from 'zod';
import { boxSchema, scoredBoxSchema, selectedSliceSchema, windowSchema } from './detection.ts';
import { pseudonymSchema, runKeySchema, sha256Schema, tenantSchema, tierSchema } from './keys.ts';
import { levelSchema, reasonSchema } from './reasons.ts';
import { affineSchema, seriesRankingSchema, spacingMmSchema } from './study.ts';

/** A probability rounded to four decimals, before any threshold is applied. */
const probability = z.number().min(0).max(1);

export const answerSchema = z.strictObject({
  assessable: z.boolean(),
  probability: probability.nullable(),
  positive: z.boolean().nullable(),
  threshold: probability,
  /** Weighted standard deviation of the members' probabilities; null where fewer than two members ran. */
  disagreement: z.number().min(0).max(1).nullable(),
  members: z.array(z.strictObject({ id: z.string(), probability, weight: z.number().min(0).max(1) })),
});
export type Answer = z.infer<typeof answerSchema>;

const millimetres = z.number().nonnegative().nullable();

/** Measured on the masks, in millimetres of the upright slice; a value that cannot be measured is null. */
export const measurementsSchema = z.strictObject({
  heightAnteriorMm: millimetres,
  heightMiddleMm: millimetres,
  heightPosteriorMm: millimetres,
  /** Mean of the three heights over the mean height of the adjoining vertebrae. */
  heightIndex: z.number().nonnegative().nullable(),
  areaMm2: z.number().nonnegative().nullable(),
  /**
   * How far the disc reaches behind the line through the adjoining posterior vertebral corners; null at L5-S1 where the
   * segmenters do not know the sacrum, as those of the default pack.
   */
  posteriorProtrusionMm: z.number().nullable(),
  /** Narrowest anterior-posterior width of the canal at the disc's level; 0 where it shows above and below, not between. */
  canalApMm: millimetres,
  /** Mean disc signal over mean canal (cerebrospinal fluid) signal. */
  signalRatio: z.number().nonnegative().nullable(),
});
export type Measurements = z.infer<typeof measurementsSchema>;

export const discFindingSchema = z.strictObject({
  level: levelSchema,
  levelCertain: z.boolean(),
  box: boxSchema,
  confidence: probability,
  herniation: answerSchema,
  bulgeOrHerniation: answerSchema,
  measurements: measurementsSchema.nullable(),
});
export type DiscFinding = z.infer<typeof discFindingSchema>;

export const SEGMENTATION_CLASSES = ['background', 'vertebra', 'disc', 'canal'] as const;

const base = {
  schema: z.literal('discflow.report/1'),
  status: z.enum(['done', 'needs_review', 'rejected', 'quarantined', 'failed', 'cancelled']),
  reasons: z.array(reasonSchema),
  limits: z.array(z.string()),
  notForDiagnosticUse: z.literal(true),
};

/** `report.json`: a pure function of content, pack, tier and pipeline version. */
export const reportSchema = z.strictObject({
  ...base,
  study: z.strictObject({
    /** Null where an upload ended before any study in it was known. */
    key: pseudonymSchema.nullable(),
    tenant: tenantSchema,
    contentHash: pseudonymSchema.nullable(),
    runKey: runKeySchema.nullable(),
  }),
  input: z
    .strictObject({
      kind: z.enum(['dicom', 'image']),
      seriesRanking: z.array(seriesRankingSchema),
      selected: selectedSliceSchema.nullable(),
      rows: z.int().positive().nullable(),
      columns: z.int().positive().nullable(),
      pixelSpacingMm: spacingMmSchema.nullable(),
      window: windowSchema.nullable(),
      sourceTransform: affineSchema.nullable(),
    })
    .nullable(),
  lumbarRegion: scoredBoxSchema.nullable(),
  discs: z.array(discFindingSchema),
  segmentation: z
    .strictObject({
      classes: z.array(z.enum(SEGMENTATION_CLASSES)),
      members: z.array(z.strictObject({ id: z.string(), weight: z.number().min(0).max(1) })),
      areasMm2: z.record(z.enum(SEGMENTATION_CLASSES), z.number()).nullable(),
    })
    .nullable(),
  models: z.strictObject({ pack: z.string(), version: z.string(), sha256: sha256Schema, tier: tierSchema }).nullable(),
});
export type Report = z.infer<typeof reportSchema>;

/** One slice cannot exclude a paracentral or foraminal herniation: every report says so. */
export const REPORT_LIMITS = ['single_mid_sagittal_slice'] as const;

/** `run.json`: what the report must not hold because it changes from run to run. */
export const runRecordSchema = z.strictObject({
  schema: z.literal('discflow.run/1'),
  runKey: runKeySchema,
  attempt: z.int().positive(),
  traceId: z.string(),
  clientReference: z.string().optional(),
  provider: z.string(),
  host: z.strictObject({ node: z.string(), platform: z.string(), onnxruntime: z.string() }),
  timings: z.strictObject({
    detectMs: z.number(),
    analyzeMs: z.number(),
    /** Time inside the networks alone, by member. */
    networksMs: z.record(z.string(), z.number()),
  }),
  finishedAt: z.iso.datetime(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;
