import { z } from 'zod';
import { pseudonymSchema, runKeySchema, sha256Schema, tenantSchema, tierSchema } from './keys.ts';

/** What both stage messages carry: keys and hashes, never pixels or patient data. */
const runReference = {
  tenant: tenantSchema,
  studyKey: pseudonymSchema,
  contentHash: pseudonymSchema,
  runKey: runKeySchema,
  packSha256: sha256Schema,
  tier: tierSchema,
  /** Rises by one at each redrive; a message of an older attempt is acknowledged and does nothing. */
  attempt: z.int().positive(),
  traceId: z.string().regex(/^[A-Za-z0-9=;:-]{1,128}$/),
};

export const detectMessageSchema = z.strictObject({ schema: z.literal('discflow.detect/1'), ...runReference });
export type DetectMessage = z.infer<typeof detectMessageSchema>;

export const analyzeMessageSchema = z.strictObject({ schema: z.literal('discflow.analyze/1'), ...runReference });
export type AnalyzeMessage = z.infer<typeof analyzeMessageSchema>;

/** What names a run, without the message's schema. */
export type RunReference = Omit<DetectMessage, 'schema'>;

export const uploadStatusSchema = z.enum(['received', 'expanded', 'rejected', 'failed']);
export type UploadStatus = z.infer<typeof uploadStatusSchema>;

export const runStatusSchema = z.enum([
  'ingested',
  'detected',
  'done',
  'needs_review',
  'rejected',
  'failed',
  'quarantined',
  'cancelled',
]);
export type RunStatus = z.infer<typeof runStatusSchema>;

export const TERMINAL_RUN_STATUSES = [
  'done',
  'needs_review',
  'rejected',
  'failed',
  'quarantined',
  'cancelled',
] as const satisfies readonly RunStatus[];
export const isTerminal = (status: RunStatus): boolean =>
  (TERMINAL_RUN_STATUSES as readonly RunStatus[]).includes(status);

/**
 * A terminal state, as the event bus and webhooks carry it. Consumers tell repeats by `subject`, `attempt`, `status` and
 * `clientReference`; of a run, one of a lower attempt than they had is older, however late it comes.
 */
export const announcementSchema = z.strictObject({
  schema: z.literal('discflow.announcement/1'),
  kind: z.enum(['run', 'upload']),
  tenant: tenantSchema,
  /** The run key, or the upload's id. */
  subject: z.string().min(1).max(160),
  attempt: z.int().positive(),
  status: z.union([runStatusSchema, uploadStatusSchema]),
  reasons: z.array(z.string()),
  /** Of an upload: its studies' runs, those too that other uploads of the same content had opened. */
  runs: z.array(runKeySchema).optional(),
  studyKey: pseudonymSchema.optional(),
  reportKey: z.string().optional(),
  clientReference: z.string().max(128).optional(),
});
export type Announcement = z.infer<typeof announcementSchema>;

/** The sender's own name for an upload, given back with every end: printable ASCII. It should name no patient. */
export const clientReferenceSchema = z
  .string()
  .regex(/^[\x20-\x7e]{1,128}$/, 'a reference is 1 to 128 of printable ASCII');
/** Metadata of a whole upload's object that carries the reference: S3's header without `x-amz-meta-`. */
export const CLIENT_REFERENCE_METADATA = 'client-reference';

/** The parts of a study of many objects, put as `in/<tenant>/<uploadId>/_upload.json` after the parts themselves. */
export const uploadManifestSchema = z.strictObject({
  schema: z.literal('discflow.upload/1'),
  clientReference: clientReferenceSchema.optional(),
  parts: z
    .array(z.strictObject({ key: z.string().min(1).max(1024), size: z.int().nonnegative(), sha256: sha256Schema }))
    .min(1)
    .max(5000),
});
export type UploadManifest = z.infer<typeof uploadManifestSchema>;

/** One record of an S3 event notification; fields that discflow does not read are let through. */
export const s3RecordSchema = z.looseObject({
  eventVersion: z.string().regex(/^2\.\d+$/),
  eventSource: z.literal('aws:s3'),
  eventName: z.string(),
  eventTime: z.string().optional(),
  s3: z.looseObject({
    bucket: z.looseObject({ name: z.string() }),
    object: z.looseObject({
      key: z.string(),
      size: z.number().optional(),
      versionId: z.string().optional(),
      sequencer: z.string().optional(),
      /** The malware gate alone: the key is the object's own, not encoded as S3 does it. */
      keyEncoding: z.literal('none').optional(),
      /** The malware gate alone, where the scan did not find the object clean: GuardDuty's word for it. */
      scanResult: z.string().optional(),
    }),
  }),
});
export type S3Record = z.infer<typeof s3RecordSchema>;

export const s3EventSchema = z.union([
  z.looseObject({ Records: z.array(z.unknown()) }),
  z.looseObject({ Event: z.literal('s3:TestEvent') }),
]);
