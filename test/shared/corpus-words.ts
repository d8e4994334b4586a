import type { ReasonCode } from '../../src/contracts/reasons.ts';

/** The words of the corpus's manifest and the codes of ours that answer them. */
export const WORD_CODES: Readonly<Record<string, readonly ReasonCode[]>> = {
  anatomy: ['not_lumbar'],
  archive_limit: ['archive_limit'],
  burned_in: ['burned_in_text'],
  color: ['unsupported_pixels'],
  content_type: ['content_type'],
  derived: ['derived'],
  dimensions: ['dimensions'],
  duplicate_tag: ['inconsistent_header'],
  empty: ['empty'],
  geometry: ['geometry_unknown'],
  inconsistent_header: ['inconsistent_header'],
  inflate_limit: ['archive_limit'],
  low_quality: ['low_quality'],
  // A family: what is more exact than "malformed" is said where it is true.
  malformed: ['malformed', 'truncated', 'inconsistent_header', 'no_pixels', 'unsupported_pixels'],
  modality: ['modality'],
  nested_archive: ['unsafe_archive'],
  nesting: ['malformed'],
  no_pixels: ['no_pixels'],
  no_sagittal_series: ['no_sagittal_series'],
  no_spine_detected: ['lumbar_region_not_found'],
  not_dicom: ['not_dicom'],
  not_part10: ['not_dicom'],
  order: ['inconsistent_header'],
  orientation: ['no_sagittal_series'],
  out_of_scope_age: ['paediatric'],
  photometric: ['unsupported_pixels'],
  pixel_encoding: ['unsupported_pixels'],
  pixel_limit: ['dimensions'],
  preamble: ['malformed'],
  rescale: ['unsupported_pixels'],
  resolution: ['dimensions'],
  sequence_weighting: ['no_t2_series'],
  sop_class: ['sop_class'],
  transfer_syntax: ['unsupported_transfer_syntax'],
  truncated: ['truncated'],
  uid: ['inconsistent_header'],
  unsafe_entry: ['unsafe_archive'],
  unsupported_method: ['unsupported_archive'],
};

interface Judged {
  readonly codes: readonly ReasonCode[];
  readonly why: string;
}

const t1Knee = {
  codes: ['no_t2_series'],
  why: 'a T1 series (TR 350, TE 27) by its header, which names no body part',
} as const;
const jpegExtended = {
  codes: ['unsupported_transfer_syntax'],
  why: 'JPEG Extended 12-bit is refused by name before anything else of an MR image is read',
} as const;

/** Rows that end otherwise than their words say, and why we hold our answer to be right. */
export const JUDGED: Readonly<Record<string, Judged>> = {
  'nema-wg04/MR1_JPLY': jpegExtended,
  'nema-wg04/MR2_JPLY': jpegExtended,
  'nema-wg04/MR3_JPLY': jpegExtended,
  'nema-wg04/MR4_JPLY': jpegExtended,
  'nema-wg04/MR2_J2KI': t1Knee,
  'nema-wg04/MR2_J2KR': t1Knee,
  'nema-wg04/MR2_JLSL': t1Knee,
  'nema-wg04/MR2_JLSN': t1Knee,
  'pydicom/15820': {
    codes: ['no_t2_series'],
    why: 'a gradient echo localizer of TE 3.7 by its header, which names no body part',
  },
  'pydicom/DICOMDIR-nooffset': { codes: ['truncated'], why: 'its last item declares 248 bytes and 224 are left' },
};

/** Rows that ingest takes and that a later stage answers: nothing in header or size speaks against them. */
export const FOR_LATER_STAGES: ReadonlySet<string> = new Set([
  'synth/wrong-domain/upside_down.dcm',
  'synth/wrong-domain/metal_void.dcm',
]);

export interface Expectation {
  readonly accept: boolean;
  readonly quarantine: boolean;
  readonly codes: ReadonlySet<ReasonCode>;
  /** Any typed answer. */
  readonly any: boolean;
}

/**
 * What a row of the manifest allows. `reject:a/b` allows either, `accept … or reject:c` both, `reject` without a word any
 * code. Throws for a word that the table does not have.
 */
export function expectationOf(file: string, expected: string): Expectation {
  const judged = JUDGED[file];
  if (judged !== undefined) return { accept: false, quarantine: false, codes: new Set(judged.codes), any: false };
  const verdict = expected.split('pipeline verdict ').at(-1)!;
  const lists = [...verdict.matchAll(/(?:reject|refuse|quarantine):([a-z0-9_/]+)/g)].flatMap(([, words]) =>
    words!.split('/'),
  );
  const extra = /\(or (not_part10)\)/.exec(verdict)?.[1];
  const words = [...lists, ...(extra === undefined ? [] : [extra])].filter((word) => word !== 'corrupt');
  const unknown = words.find((word) => WORD_CODES[word] === undefined);
  if (unknown !== undefined) throw new RangeError(`no code for the word ${unknown} of ${file}`);
  return {
    accept: /\baccept\b|stored under HMAC|ignore entry/.test(verdict) || FOR_LATER_STAGES.has(file),
    quarantine: verdict.startsWith('quarantine'),
    codes: new Set(words.flatMap((word) => WORD_CODES[word] ?? [])),
    any: expected.startsWith('typed verdict') || /\b(or|skipping or) reject\b(?!:)/.test(verdict),
  };
}
