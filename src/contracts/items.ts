import { z } from 'zod';
import { pseudonymSchema, runKeySchema, sha256Schema, tenantSchema, tierSchema } from './keys.ts';
import { runStatusSchema, uploadStatusSchema } from './messages.ts';
import { reasonSchema } from './reasons.ts';

const lease = {
  /** Rises with every claim; a write is accepted only under the fence it was claimed with. */
  fence: z.int().nonnegative(),
  /** Epoch milliseconds; 0 where nobody holds the item. */
  leaseUntil: z.int().nonnegative(),
};

/**
 * `UPLOAD#<tenant>/<uploadId>`, sort key `OBJECT#<pseudonym of the object's name>`: one uploaded object.
 * Single-item conditional writes only.
 */
export const uploadItemSchema = z.strictObject({
  kind: z.literal('upload'),
  tenant: tenantSchema,
  uploadId: z.string(),
  objectRef: pseudonymSchema,
  status: uploadStatusSchema,
  versionId: z.string().nullable(),
  /** S3's sequencer: compared as hex padded with zeros on the right; an older one is ignored. */
  sequencer: z.string().nullable(),
  clientReference: z.string().nullable(),
  runs: z.array(runKeySchema),
  /** Which files of the upload each of its runs is made of: the first one's place, from 0, and how many; never a name. */
  members: z.array(z.strictObject({ first: z.int().nonnegative(), files: z.int().positive() })).optional(),
  reasons: z.array(reasonSchema),
  traceId: z.string(),
  attempt: z.int().positive(),
  ...lease,
  announcedAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type UploadItem = z.infer<typeof uploadItemSchema>;

export const stageRecordSchema = z.strictObject({
  stage: z.enum(['ingest', 'detect', 'analyze']),
  attempts: z.int().positive(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  reasons: z.array(z.string()),
});
export type StageRecord = z.infer<typeof stageRecordSchema>;

/** `RUN#<runKey>`: one study content analysed with one pack and tier. */
export const runItemSchema = z.strictObject({
  kind: z.literal('run'),
  tenant: tenantSchema,
  runKey: runKeySchema,
  studyKey: pseudonymSchema,
  contentHash: pseudonymSchema,
  packSha256: sha256Schema,
  tier: tierSchema,
  status: runStatusSchema,
  reasons: z.array(reasonSchema),
  attempt: z.int().positive(),
  clientReference: z.string().nullable(),
  traceId: z.string(),
  stages: z.array(stageRecordSchema),
  costUsd: z.number().nonnegative().nullable(),
  ...lease,
  announcedAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type RunItem = z.infer<typeof runItemSchema>;
