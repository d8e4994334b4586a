import { z } from 'zod';
import { sha256Schema } from './keys.ts';

/** How a member cuts its input out of the upright slice: docs/model-pack.md, "Resize, letterbox, crop". */
export const cropRuleSchema = z.strictObject({ kind: z.enum(['box', 'square']), factor: z.number().min(1).max(8) });
export type CropRule = z.infer<typeof cropRuleSchema>;

export const memberInputSchema = z.strictObject({
  width: z.int().min(16).max(2048),
  height: z.int().min(16).max(2048),
  channels: z.union([z.literal(1), z.literal(3)]),
  mean: z.number(),
  std: z.number().positive(),
  resize: z.enum(['letterbox', 'stretch']),
  pad: z.number().min(0).max(255),
});
export type MemberInput = z.infer<typeof memberInputSchema>;

export const TARGETS = ['herniation', 'bulgeOrHerniation'] as const;
export const targetSchema = z.enum(TARGETS);
export type Target = z.infer<typeof targetSchema>;

const common = {
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  architecture: z.string().min(1),
  width: z.number().positive(),
  /** A name in the pack's folder: no path. */
  file: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,127}\.onnx$/),
  sha256: sha256Schema,
  bytes: z.int().positive(),
  input: memberInputSchema,
};

const yoloOutput = z.strictObject({
  kind: z.literal('yolov8'),
  classes: z.int().positive(),
  /** Which class of a foreign export is the region or the disc; 0 where it has one. */
  targetClass: z.int().nonnegative().default(0),
});

export const lumbarDetectorSchema = z.strictObject({
  ...common,
  role: z.literal('lumbar-detector'),
  output: yoloOutput,
});
export const discDetectorSchema = z.strictObject({
  ...common,
  role: z.literal('disc-detector'),
  crop: cropRuleSchema,
  output: yoloOutput,
});
export const discClassifierSchema = z.strictObject({
  ...common,
  role: z.literal('disc-classifier'),
  crop: cropRuleSchema,
  output: z.strictObject({
    kind: z.literal('logits'),
    activation: z.enum(['sigmoid', 'softmax']),
    targets: z.array(targetSchema).min(1),
  }),
});
export const spineSegmenterSchema = z.strictObject({
  ...common,
  role: z.literal('spine-segmenter'),
  crop: cropRuleSchema,
  output: z.strictObject({
    kind: z.literal('segmentation'),
    classes: z.tuple([z.literal('background'), z.literal('vertebra'), z.literal('disc'), z.literal('canal')]),
  }),
});

export const memberSchema = z.discriminatedUnion('role', [
  lumbarDetectorSchema,
  discDetectorSchema,
  discClassifierSchema,
  spineSegmenterSchema,
]);
export type Member = z.infer<typeof memberSchema>;
export type LumbarDetector = z.infer<typeof lumbarDetectorSchema>;
export type DiscDetector = z.infer<typeof discDetectorSchema>;
export type DiscClassifier = z.infer<typeof discClassifierSchema>;
export type SpineSegmenter = z.infer<typeof spineSegmenterSchema>;

const weights = z.record(z.string(), z.number().min(0).max(1));

export const targetEnsembleSchema = z.strictObject({
  method: z.enum(['wae', 'aem', 'single']),
  weights,
  temperature: z.number().positive(),
  /** Added to the ensemble's logit before it is divided by the temperature. */
  bias: z.number(),
  threshold: z.number().min(0).max(1),
});
export type TargetEnsemble = z.infer<typeof targetEnsembleSchema>;

/** A statistic of the lumbar crop and the range that good pictures of training and validation span. */
const rangeSchema = z.strictObject({ low: z.number(), high: z.number() });

/**
 * Simple statistics of the lumbar crop, by name: values 0..255 of the upright slice at 256 rows.
 *
 * - `mean`, `contrast` (standard deviation), `q10`, `q50`, `q90` (quantiles);
 * - `gradient`: mean absolute difference of neighbouring pixels over the contrast;
 * - `sharpness`: mean absolute 4-neighbour Laplacian over the contrast; low is blurred, high is noise;
 * - `shading`: mean of the right half less that of the left over the contrast (surface coils lie behind the spine);
 * - `canalToVertebra`, `discToVertebra`: ratios of median signals under the mask, 0 where either tissue is missing;
 * - `logCanalToVertebra`, `logDiscToVertebra`: their natural logarithms, 0 where either tissue is missing or dark. A darker
 *   window raises a ratio to a power: its z-score grows without bound, that of its logarithm by a factor.
 */
export const FEATURES = [
  'mean',
  'contrast',
  'q10',
  'q50',
  'q90',
  'gradient',
  'sharpness',
  'shading',
  'canalToVertebra',
  'discToVertebra',
  'logCanalToVertebra',
  'logDiscToVertebra',
] as const;
export type FeatureName = (typeof FEATURES)[number];

/** Gates turn an answer into `needs_review`; a gate that is absent does not judge. */
export const gatesSchema = z.strictObject({
  /** Disagreement of either target above this on any of the five lumbar discs. */
  membersDisagree: z.number().positive().optional(),
  lowQuality: z
    .strictObject({
      /** Shortest side of the upright slice, pixels. */
      minSide: z.int().positive(),
      /** Standard deviation of the lumbar crop, 0..255. */
      minContrast: z.number(),
      /** Mean absolute Laplacian over standard deviation: too low is blurred, too high is noise. */
      sharpness: rangeSchema,
    })
    .optional(),
  outOfDistribution: z
    .strictObject({
      /** Names of the statistics, their mean and spread on the training pictures. */
      features: z.array(z.enum(FEATURES)).min(1),
      mean: z.array(z.number()),
      std: z.array(z.number().positive()),
      /** Largest allowed mean squared z-score. */
      limit: z.number().positive(),
    })
    .optional(),
  /** Bare pictures only: least ratio of median canal signal to median vertebra signal; T1 lies below. */
  minCanalToVertebraSignal: z.number().positive().optional(),
});
export type Gates = z.infer<typeof gatesSchema>;

export const packManifestSchema = z.strictObject({
  schema: z.literal('discflow.pack/1'),
  name: z.string().min(1),
  version: z.string().min(1),
  licence: z.string().min(1),
  intendedUse: z.string().min(1),
  trainingData: z.array(
    z.strictObject({
      name: z.string(),
      licence: z.string(),
      patients: z.int().nonnegative(),
      images: z.int().nonnegative(),
    }),
  ),
  metrics: z.array(
    z.strictObject({
      name: z.string(),
      data: z.string(),
      split: z.string(),
      value: z.number(),
      ci95: z.tuple([z.number(), z.number()]),
      n: z.int().nonnegative(),
      command: z.string(),
    }),
  ),
  members: z.array(memberSchema).min(1),
  detection: z.strictObject({ confidence: z.number().min(0).max(1), nmsIou: z.number().min(0).max(1) }),
  targets: z.strictObject({ herniation: targetEnsembleSchema, bulgeOrHerniation: targetEnsembleSchema }),
  segmentation: z.strictObject({ method: z.enum(['wae', 'aem', 'single']), weights }),
  gates: gatesSchema,
  tiers: z.strictObject({
    single: z.strictObject({ classifier: z.string(), segmenter: z.string() }),
    /** `auto` runs the single tier and escalates where a probability lies this near to its threshold, in log odds. */
    auto: z.strictObject({ escalateWithin: z.number().min(0) }),
  }),
});
export type PackManifest = z.infer<typeof packManifestSchema>;
