import { z } from 'zod';

/** The stage that gives a reason. */
export type Stage = 'ingest' | 'detect' | 'analyze';

/** The end state a reason leads to; `flag` leaves the status alone and only stands in the report. */
type ReasonStatus = 'rejected' | 'needs_review' | 'quarantined' | 'failed' | 'flag';

interface ReasonEntry {
  readonly stage: Stage | 'any';
  readonly status: ReasonStatus;
  /** True where sending the same input again later may end otherwise. */
  readonly retryable: boolean;
  readonly sentence: string;
}

const reason = (
  stage: ReasonEntry['stage'],
  status: ReasonStatus,
  sentence: string,
  retryable = false,
): ReasonEntry => ({ stage, status, retryable, sentence });

/** Every reason a study can end with or carry: one table, the only place where a code or its sentence is written. */
export const REASONS = {
  // ingest: the upload
  invalid_key: reason(
    'ingest',
    'rejected',
    'The object key does not have the form in/<tenant>/<uploadId>/<name>, or names no tenant of this deployment.',
  ),
  content_type: reason('ingest', 'rejected', 'The object is no zip, DICOM, PNG or JPEG file.'),
  empty: reason('ingest', 'rejected', 'The file is empty.'),
  too_large: reason('ingest', 'rejected', 'The upload is larger than the limit.'),
  threat_found: reason('ingest', 'rejected', 'The malware scan found a threat in the object; it was not read.'),
  not_scanned: reason('ingest', 'rejected', 'The malware scan could not scan the object; it was not read.', true),
  incomplete_upload: reason('ingest', 'rejected', 'A part that the upload manifest lists is missing or differs.', true),
  archive_limit: reason(
    'ingest',
    'rejected',
    'The archive holds too many entries, too many bytes or inflates too far.',
  ),
  unsafe_archive: reason('ingest', 'rejected', 'The archive holds an unsafe entry name, a link or another archive.'),
  unsupported_archive: reason('ingest', 'rejected', 'The archive uses a compression method that is not supported.'),
  encrypted_archive: reason('ingest', 'rejected', 'The archive is encrypted.'),
  // ingest: one file
  not_dicom: reason('ingest', 'rejected', 'The file is not a DICOM Part 10 file.'),
  malformed: reason('ingest', 'rejected', 'The file does not follow its format.'),
  truncated: reason('ingest', 'rejected', 'The file ends before its content does.'),
  inconsistent_header: reason('ingest', 'rejected', 'The header contradicts itself or the pixel data.'),
  no_pixels: reason('ingest', 'rejected', 'The file holds no pixel data.'),
  sop_class: reason('ingest', 'rejected', 'The SOP class is not an MR image.'),
  unsupported_transfer_syntax: reason('ingest', 'rejected', 'The transfer syntax is not supported.'),
  unsupported_pixels: reason(
    'ingest',
    'rejected',
    'The pixel encoding or photometric interpretation is not supported.',
  ),
  geometry_unknown: reason('ingest', 'rejected', 'Orientation, position or spacing is missing or impossible.'),
  dimensions: reason('ingest', 'rejected', 'The picture is too small, too large or too narrow to be a lumbar slice.'),
  modality: reason('ingest', 'rejected', 'The modality is not MR.'),
  derived: reason('ingest', 'rejected', 'The images are derived, not original.'),
  // ingest: the study
  no_images: reason('ingest', 'rejected', 'The upload holds no readable image.'),
  no_sagittal_series: reason('ingest', 'rejected', 'The study holds no sagittal series.'),
  no_t2_series: reason('any', 'rejected', 'The study holds no sagittal T2-weighted series.'),
  not_lumbar: reason('any', 'rejected', 'The images do not show the lumbar spine.'),
  paediatric: reason('ingest', 'rejected', 'The patient is under 18 years old; the models know adults only.'),
  age_unknown: reason('ingest', 'flag', 'The age of the patient is not known; the models know adults only.'),
  burned_in_text: reason('ingest', 'quarantined', 'The pixels may hold burned-in text; nothing was analysed.'),
  files_lost: reason(
    'ingest',
    'flag',
    'Files of the upload that may belong to this study could not be read and were left out.',
  ),
  series_incomplete: reason(
    'ingest',
    'needs_review',
    'Files of the analysed series could not be read; its middle slice may be among them.',
  ),
  ignored_file: reason('ingest', 'flag', 'The file is no part of a study and was left out.'),
  // detect
  lumbar_region_not_found: reason('detect', 'rejected', 'No lumbar region was found on any candidate slice.'),
  level_uncertain: reason('any', 'needs_review', 'The level of this disc cannot be named with certainty.'),
  too_few_discs: reason('any', 'needs_review', 'Fewer than five lumbar discs were found.'),
  // analyze
  low_quality: reason(
    'any',
    'needs_review',
    'The picture is too dark, too flat, too noisy, too coarse or drawn over too much to be trusted.',
  ),
  members_disagree: reason('analyze', 'needs_review', 'The members of the ensemble disagree on this disc.'),
  canal_not_seen: reason(
    'analyze',
    'flag',
    'No spinal canal was seen behind this disc: the slice is not mid-sagittal there, and what enters the canal is not on it.',
  ),
  out_of_distribution: reason('any', 'needs_review', 'The picture differs from everything the models were trained on.'),
  // any
  model_unavailable: reason(
    'any',
    'failed',
    'The model pack that this run names could not be loaded or verified.',
    true,
  ),
  internal: reason(
    'any',
    'failed',
    'An error inside discflow stopped this study; it stays in the dead-letter queue.',
    true,
  ),
} as const satisfies Record<string, ReasonEntry>;

export type ReasonCode = keyof typeof REASONS;
export const REASON_CODES = Object.keys(REASONS) as [ReasonCode, ...ReasonCode[]];

/** Disc levels from the lowest upwards. */
export const LEVELS = [
  'L5-S1',
  'L4-L5',
  'L3-L4',
  'L2-L3',
  'L1-L2',
  'T12-L1',
  'T11-T12',
  'T10-T11',
  'T9-T10',
  'T8-T9',
  'T7-T8',
  'T6-T7',
] as const;
export const levelSchema = z.enum(LEVELS);
export type Level = z.infer<typeof levelSchema>;

/** A reason as reports, table items and events carry it. `count` tells how many files of an upload it stands for. */
export const reasonSchema = z.strictObject({
  code: z.enum(REASON_CODES),
  message: z.string(),
  level: levelSchema.optional(),
  count: z.int().positive().optional(),
});
export type Reason = z.infer<typeof reasonSchema>;

/** Builds a reason with the sentence of the table; a detail is appended in brackets and must hold no patient data. */
export function reasonOf(code: ReasonCode, options: { level?: Level; count?: number; detail?: string } = {}): Reason {
  const { level, count, detail } = options;
  const { sentence } = REASONS[code];
  return {
    code,
    message: detail === undefined ? sentence : `${sentence} (${detail})`,
    ...(level === undefined ? {} : { level }),
    ...(count === undefined ? {} : { count }),
  };
}

/** A bug, or the death of a process: the logs of this trace tell more. */
export function internalFault(traceId: string, detail?: string): Reason {
  return reasonOf('internal', { detail: detail === undefined ? `trace ${traceId}` : `trace ${traceId}: ${detail}` });
}

/** A fault of the input: ends the study with a reason and is acknowledged. Thrown by any floor. */
export class InputFault extends Error {
  override readonly name = 'InputFault';
  readonly code: ReasonCode;
  readonly detail: string | undefined;
  constructor(code: ReasonCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? code : `${code}: ${detail}`, options);
    this.code = code;
    this.detail = detail;
  }
  get reason(): Reason {
    return reasonOf(this.code, this.detail === undefined ? {} : { detail: this.detail });
  }
}

/** A passing fault (throttling, network, a lease held by another): the message goes back to the queue. */
export class TransientFault extends Error {
  override readonly name = 'TransientFault';
  readonly retryAfterSeconds: number;
  constructor(message: string, retryAfterSeconds = 1, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** No pack of that hash could be loaded and verified: ends the run `failed` with `model_unavailable`. */
export class ModelUnavailable extends Error {
  override readonly name = 'ModelUnavailable';
}
