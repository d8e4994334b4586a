import type { Target } from '../../contracts/pack.ts';
import { TARGETS } from '../../contracts/pack.ts';
import { LEVELS, type Level, REASONS } from '../../contracts/reasons.ts';
import type { DiscFinding } from '../../contracts/report.ts';
import type { AnsweredLabel } from '../../evaluation/classification.ts';
import type { CutOffPicture } from '../../evaluation/cut-off.ts';
import { type DetectedPicture, matchPicture } from '../../evaluation/detection.ts';
import type { EndedPicture } from '../../evaluation/ends.ts';
import type { NamedLabel } from '../../evaluation/levels.ts';
import type { SegmentedPicture } from '../../evaluation/segmentation.ts';
import type { LabelledDisc } from './labelled.ts';
import type { EvaluatedPicture } from './run-all.ts';
import type { PictureResult } from './run-pictures.ts';

/** A labelled disc of one target with its answer, as predictions.csv lists it. */
export interface DiscPrediction extends AnsweredLabel {
  readonly picture: string;
  readonly split: string;
  readonly level: Level;
  readonly target: Target;
  readonly disagreement: number | null;
  /** Probabilities of the members that ran, by member. */
  readonly members: Readonly<Record<string, number>>;
  /** The name that the disc got, and whether it is certain; null where it was missed. */
  readonly reportedLevel: Level | null;
  readonly levelCertain: boolean | null;
  /** IoU with the labelled box; null where the disc was missed or has no box. */
  readonly iou: number | null;
}

/** Labels beside answers. */
export interface EvidencePart {
  readonly regions: readonly DetectedPicture[];
  readonly discs: readonly DetectedPicture[];
  readonly levels: readonly NamedLabel[];
  readonly predictions: Readonly<Record<Target, readonly DiscPrediction[]>>;
  readonly segmented: readonly SegmentedSlice[];
}

/** Everything that the figures of one source are computed from. */
export interface SourceEvidence extends EvidencePart {
  readonly source: string;
  readonly patients: number;
  readonly results: readonly EvaluatedPicture[];
  readonly cutOff: readonly CutOffPicture[];
  readonly ends: readonly EndedPicture[];
}

export interface SegmentedSlice extends SegmentedPicture {
  readonly showsCanal: boolean;
}

/** A slice shows the canal where that is so much of the tissue that its mask labels; beside the canal it is less. */
const CANAL_SHOWN = 0.05;

/** IoU from which a reported disc is the labelled one. */
const SAME_DISC = 0.5;

/** Puts results beside labels by the scoring rules; one entry a source, in order of first appearance. */
export function gatherEvidence(results: readonly EvaluatedPicture[]): SourceEvidence[] {
  const sources = [...new Set(results.map(({ picture }) => picture.source))];
  return sources.map((source) =>
    evidenceOf(
      source,
      results.filter(({ picture }) => picture.source === source),
    ),
  );
}

function evidenceOf(source: string, results: readonly EvaluatedPicture[]): SourceEvidence {
  const names = [...new Set(results.map(({ picture }) => picture.patient))];
  const index = new Map(names.map((name, at) => [name, at]));
  const patientOf = ({ picture }: PictureResult) => index.get(picture.patient)!;
  const predictions = results.flatMap((result) => predictionsOf(result, patientOf(result)));
  return {
    source,
    patients: names.length,
    results,
    regions: results.flatMap((result) => regionOf(result, patientOf(result))),
    discs: results.flatMap((result) => discsOf(result, patientOf(result))),
    levels: results.flatMap((result) => levelsOf(result, patientOf(result))),
    predictions: Object.fromEntries(
      TARGETS.map((target) => [target, predictions.filter((prediction) => prediction.target === target)]),
    ) as Record<Target, DiscPrediction[]>,
    segmented: results.flatMap((result) => {
      if (result.masked === null) return [];
      const { confusion, canalShare } = result.masked;
      return [{ patient: patientOf(result), confusion, showsCanal: canalShare >= CANAL_SHOWN }];
    }),
    cutOff: results.flatMap((result) =>
      result.cutOff === null ? [] : [{ patient: patientOf(result), ...result.cutOff }],
    ),
    ends: results.map((result) => ({
      patient: patientOf(result),
      end: endOf(result),
      reasons: stoppingReasons(result),
    })),
  };
}

function endOf({ status }: PictureResult): EndedPicture['end'] {
  if (status === 'done') return 'answered';
  return status === 'needs_review' ? 'deferred' : 'refused';
}

/** The codes that led to the status, each once: others only say something about the picture. */
function stoppingReasons({ status, reasons }: PictureResult): string[] {
  return [...new Set(reasons)].filter((code) => REASONS[code].status === status);
}

function regionOf({ picture, region }: PictureResult, patient: number): DetectedPicture[] {
  if (picture.region === null) return [];
  const predictions = region === null ? [] : [region];
  return [{ patient, predictions, truth: [picture.region], ignored: [], judgedFromY: Number.NEGATIVE_INFINITY }];
}

function discsOf({ picture, report }: PictureResult, patient: number): DetectedPicture[] {
  if (picture.discs === null) return [];
  const truth = scoredDiscs(picture.discs).map(({ box }) => box);
  const ignored = picture.discs.filter(({ scored }) => !scored).map(({ box }) => box);
  const predictions = (report?.discs ?? []).map(({ box, confidence }) => ({ box, confidence }));
  // Where somebody looked and drew no disc, all that are reported are extra.
  const judgedFromY = truth.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...truth.map(({ y }) => y));
  return [{ patient, predictions, truth, ignored, judgedFromY }];
}

const scoredDiscs = (discs: readonly LabelledDisc[]) => discs.filter(({ scored }) => scored);

interface FoundDisc {
  readonly finding: DiscFinding;
  readonly iou: number;
}

/** Reported discs by the place of the labelled disc that they hit among the scored ones. */
function foundDiscs(result: PictureResult): Map<number, FoundDisc> {
  const [boxes] = discsOf(result, 0);
  if (boxes === undefined || result.report === null) return new Map();
  const { discs } = result.report;
  return new Map(
    matchPicture(boxes, SAME_DISC).flatMap(({ truth, prediction, iou }) =>
      truth === null ? [] : [[truth, { finding: discs[prediction]!, iou }] as const],
    ),
  );
}

function levelsOf(result: PictureResult, patient: number): NamedLabel[] {
  if (result.picture.discs === null) return [];
  const found = foundDiscs(result);
  return scoredDiscs(result.picture.discs).flatMap(({ level }, index): NamedLabel[] => {
    if (level === null) return [];
    const finding = found.get(index)?.finding;
    return [{ patient, level, named: finding?.level ?? null, certain: finding?.levelCertain ?? false }];
  });
}

function predictionsOf(result: PictureResult, patient: number): DiscPrediction[] {
  const { picture, report } = result;
  const scored = scoredDiscs(picture.discs ?? []);
  const found = foundDiscs(result);
  const findDisc = (level: Level): FoundDisc | { finding: DiscFinding; iou: null } | null => {
    const place = picture.matchBy === 'box' ? scored.findIndex((disc) => disc.level === level) : -1;
    if (place >= 0) return found.get(place) ?? null;
    const finding = report?.discs.find((disc) => disc.level === level);
    return finding === undefined ? null : { finding, iou: null };
  };
  return picture.labels.map(({ level, target, label }) => {
    const disc = findDisc(level);
    const answer = disc?.finding[target];
    const probability = answer?.assessable === true ? answer.probability : null;
    return {
      patient,
      picture: picture.name,
      split: picture.split,
      level,
      target,
      label,
      answered: probability !== null,
      probability: probability ?? 0,
      positive: probability !== null && answer?.positive === true,
      disagreement: answer?.disagreement ?? null,
      members: Object.fromEntries((answer?.members ?? []).map(({ id, probability }) => [id, probability])),
      reportedLevel: disc?.finding.level ?? null,
      levelCertain: disc?.finding.levelCertain ?? null,
      iou: disc?.iou ?? null,
    };
  });
}

/** The same labels scored by their level alone, the lower the likelier: what a classifier must beat. */
export function scoredByLevel(predictions: readonly DiscPrediction[]): AnsweredLabel[] {
  return predictions.map((prediction) => ({
    ...prediction,
    answered: true,
    probability: 1 - LEVELS.indexOf(prediction.level) / LEVELS.length,
  }));
}
