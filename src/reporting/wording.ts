import { TARGETS, type Target } from '../contracts/pack.ts';
import { type Level, REASONS, type ReasonCode } from '../contracts/reasons.ts';
import type { Answer, DiscFinding, Report } from '../contracts/report.ts';
import { isAnswered } from './palette.ts';

export const NOT_FOR_DIAGNOSTIC_USE = 'Not for diagnostic use';

export const TARGET_NAMES: Readonly<Record<Target, string>> = {
  herniation: 'Herniation',
  bulgeOrHerniation: 'Bulge or herniation',
};

export const TARGET_MEANINGS: Readonly<Record<Target, string>> = {
  herniation: 'protrusion, extrusion or sequestration',
  bulgeOrHerniation: 'a bulge, or any of the above',
};

/** How likely a positive answer is, in a word; null where the answer is none or negative. */
export function strengthOf({ positive, probability }: Answer): 'suggested' | 'possible' | null {
  if (positive !== true || probability === null) return null;
  return probability < 0.5 ? 'possible' : 'suggested';
}

/** What `possible` means, for pages that say it. */
export const POSSIBLE =
  '“Possible”: the probability is above the threshold, which lies low so that few are missed, yet below one half.';

/** An answer in words; a negative one never says more than this slice can show. */
export function verdictWords(target: Target, answer: Answer): string {
  if (!isAnswered(answer) || answer.positive === null) return 'Not assessable';
  return answer.positive ? `${TARGET_NAMES[target]} ${strengthOf(answer)}` : 'Not seen on this slice';
}

/** A disc's name, with a question mark where it is not certain. */
export const levelText = ({ level, levelCertain }: DiscFinding): string => (levelCertain ? level : `${level} ?`);

export const STATUS_TITLES: Readonly<Record<Report['status'], string>> = {
  done: 'Analysed',
  needs_review: 'Needs review',
  rejected: 'Rejected',
  quarantined: 'Held back',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

export const STATUS_SENTENCES: Readonly<Record<Report['status'], string>> = {
  done: 'The slice was analysed and no gate asked for a second look.',
  needs_review: 'There is an answer, but a person must look at it before it is used: see the reasons.',
  rejected: 'The study was not analysed. The reasons tell why.',
  quarantined: 'Nothing was analysed, and none of its pixels was kept. A person must look at the study first.',
  failed: 'An error stopped the analysis. It says nothing about the patient.',
  cancelled: 'The analysis was cancelled before it ended.',
};

/** What the reader may do about a reason. */
const ADVICE: Readonly<Record<ReasonCode, string>> = {
  invalid_key: 'Upload through the API, which gives out keys of the right form.',
  content_type: 'Send a zip, DICOM, PNG or JPEG file whose name ends in .zip, .dcm, .png, .jpg or .jpeg.',
  empty: 'Export the study again and send a file that holds data.',
  too_large: 'Send one study an upload, or only its sagittal series.',
  threat_found: 'Do not open the file; tell whoever looks after the security of the place it came from.',
  not_scanned: 'Send the study without a password, and smaller; if it is refused again, tell the operator.',
  incomplete_upload: 'Send the missing parts again, then the manifest.',
  archive_limit: 'Send one study a zip, without nested archives.',
  unsafe_archive: 'Pack the study again as a plain zip without links, nested archives or absolute names.',
  unsupported_archive: 'Pack the study again with the usual deflate method.',
  encrypted_archive: 'Send the archive without a password.',
  not_dicom: 'Export the study as DICOM Part 10 files.',
  malformed: 'Export the study again from the archive or the scanner.',
  truncated: 'The file was cut short on its way: send it again.',
  inconsistent_header: 'Export the original study again from the archive or the scanner.',
  no_pixels: 'Send the images, not only reports or structured objects.',
  sop_class: 'Send MR images.',
  unsupported_transfer_syntax: 'Export the study uncompressed or in a common lossless DICOM syntax.',
  unsupported_pixels: 'Export the original grey-scale images.',
  geometry_unknown: 'Send the original series with orientation, position and pixel spacing.',
  dimensions: 'Send a whole sagittal slice of the lumbar spine.',
  modality: 'Send a lumbar MR study.',
  derived: 'Send the original series, not reformats or subtractions.',
  no_images: 'Send the images of the study.',
  no_sagittal_series: 'Send a study with a sagittal T2-weighted series.',
  no_t2_series:
    'Send a study with a sagittal T2-weighted series, or a picture of one with the head up and anterior on the left.',
  not_lumbar: 'Send a study of the lumbar spine.',
  paediatric: 'Have the study read without this software.',
  burned_in_text:
    'Look at the pictures. Blank what text they show and send the study again; where the header alone says so wrongly (Burned In Annotation), put that right first.',
  age_unknown: 'Make sure that the patient is an adult.',
  files_lost: 'Compare the study with its source; where images are missing, export it again.',
  series_incomplete: 'Export the series again and send it whole.',
  ignored_file: 'Nothing, unless the file should have been an image.',
  level_uncertain: 'Count the discs on the whole study before you use a level.',
  too_few_discs: 'Look at the slice: discs may lie outside the picture, or were not found.',
  low_quality: 'Send the original images, not screenshots or thumbnails; else have the study read by a person.',
  members_disagree: 'Look at this disc yourself before you use its answer.',
  canal_not_seen: 'Look at this level on the other slices.',
  out_of_distribution: 'Have the study read by a person; do not rely on the answer.',
  lumbar_region_not_found: 'Check that the study shows the lumbar spine from the side.',
  model_unavailable: 'Tell the operator; the study can be sent again afterwards.',
  internal:
    'Tell the operator, who redrives it (on one machine: `discflow redrive`), or send the study again afterwards.',
};

export const adviceFor = (code: ReasonCode): string => ADVICE[code];

/** A reason that stands for several discs. */
export interface GatheredReason {
  readonly code: ReasonCode;
  readonly message: string;
  readonly count: number | undefined;
  /** From the highest disc down; empty where the reason is about the whole study. */
  readonly levels: Level[];
}

/** Each reason's sentence once, with the levels that it names; mere flags come last. */
export function reasonsOnce({ reasons }: Report): GatheredReason[] {
  const isFlag = ({ code }: Report['reasons'][number]) => REASONS[code].status === 'flag';
  const found = new Map<string, GatheredReason>();
  for (const { code, message, count, level } of [...reasons].sort((a, b) => Number(isFlag(a)) - Number(isFlag(b)))) {
    const key = JSON.stringify([code, message, count]);
    const gathered = found.get(key) ?? { code, message, count, levels: [] };
    if (level !== undefined) gathered.levels.unshift(level);
    found.set(key, gathered);
  }
  return [...found.values()];
}

const LIMITS: Readonly<Record<string, string>> = {
  single_mid_sagittal_slice:
    'At most one mid-sagittal slice is looked at. It cannot exclude a paracentral or foraminal herniation: “not seen on this slice” does not mean “not there”.',
};

/** A limit of the report as a sentence; an unknown code is shown as it is. */
export const limitSentence = (limit: string): string => LIMITS[limit] ?? limit;

/** A probability as the pictures and the page show it. */
export const probabilityText = (probability: number): string => probability.toFixed(2);

/** Rounded, with a true minus sign; a dash for null. */
export function numberText(value: number | null, digits: number): string {
  return value === null
    ? '–'
    : value
        .toFixed(digits)
        .replace(/^-(?=.*[1-9])/, '−')
        .replace(/^-/, '');
}

/** What was found, in a few sentences, from the highest disc down. */
export function findingsSentence({ discs }: Report): string {
  const levelsWhere = (holds: (disc: DiscFinding) => boolean) =>
    [...discs]
      .reverse()
      .filter(holds)
      .map(({ level }) => level)
      .join(', ');
  const parts = TARGETS.flatMap((target) =>
    (['suggested', 'possible'] as const).flatMap((strength) => {
      const levels = levelsWhere((disc) => strengthOf(disc[target]) === strength);
      return levels === '' ? [] : [`${TARGET_NAMES[target]} ${strength} at ${levels}.`];
    }),
  );
  const isWhole = (disc: DiscFinding) => TARGETS.every((target) => isAnswered(disc[target]));
  const unanswered = levelsWhere((disc) => !isWhole(disc));
  if (parts.length === 0 && discs.some(isWhole)) {
    parts.push(
      `No bulge or herniation seen on this slice${unanswered === '' ? '' : ' at the discs that were assessed'}.`,
    );
  }
  if (unanswered !== '') parts.push(`Not fully assessable: ${unanswered}.`);
  const unnamed = levelsWhere(({ levelCertain }) => !levelCertain);
  if (unnamed !== '') parts.push(`Level not certain: ${unnamed}.`);
  return parts.join(' ');
}
