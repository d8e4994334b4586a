import { TARGETS } from '../../contracts/pack.ts';
import { SEGMENTATION_CLASSES } from '../../contracts/report.ts';
import { segmentationFigures } from '../../evaluation/segmentation.ts';
import { csvTable } from '../../reporting/csv.ts';
import type { MaskedPicture } from './run-pictures.ts';
import type { SourceEvidence } from './score.ts';

/** Patients stand in the files as numbers, from 1 in each source: names and identifiers stay with the labels. */
const patientNumber = (index: number) => index + 1;

const rounded = (value: number | null) => (value === null ? null : Number(value.toFixed(4)));

/** `predictions.csv`: one row a labelled disc and target, with the probability of each member that ran. */
export function predictionsCsv(evidence: readonly SourceEvidence[]): string {
  const all = evidence.flatMap(({ predictions }) => TARGETS.flatMap((target) => predictions[target]));
  const members = [...new Set(all.flatMap((prediction) => Object.keys(prediction.members)))].sort();
  const header = [
    'source',
    'picture',
    'patient',
    'split',
    'level',
    'target',
    'label',
    'answered',
    'probability',
    'positive',
    'disagreement',
    'reported_level',
    'level_certain',
    'box_iou',
    ...members.map((id) => `member:${id}`),
  ];
  const rows = evidence.flatMap(({ source, predictions }) =>
    TARGETS.flatMap((target) =>
      predictions[target].map((prediction) => [
        source,
        prediction.picture,
        patientNumber(prediction.patient),
        prediction.split,
        prediction.level,
        target,
        prediction.label,
        prediction.answered,
        prediction.answered ? prediction.probability : null,
        prediction.answered ? prediction.positive : null,
        prediction.disagreement,
        prediction.reportedLevel,
        prediction.levelCertain,
        rounded(prediction.iou),
        ...members.map((id) => prediction.members[id] ?? null),
      ]),
    ),
  );
  return csvTable([header, ...rows]);
}

/** `pictures.csv`: one row a picture: how it ended, what was found, how well its mask fits. */
export function picturesCsv(evidence: readonly SourceEvidence[]): string {
  const header = [
    'source',
    'picture',
    'patient',
    'split',
    'scanner',
    'status',
    'reasons',
    'region_confidence',
    'discs',
    'discs_certain',
    'cut_off_discs',
    'cut_off_certain',
    'canal_share',
    ...TISSUES.map((name) => `iou_${name}`),
  ];
  const rows = evidence.flatMap(({ source, results, ends }) =>
    results.map(({ picture, status, reasons, region, report, cutOff, masked }, index) => [
      source,
      picture.name,
      patientNumber(ends[index]!.patient),
      picture.split,
      picture.scanner,
      status,
      [...new Set(reasons)].join(' '),
      region?.confidence ?? null,
      report?.discs.length ?? 0,
      (report?.discs ?? []).filter(({ levelCertain }) => levelCertain).length,
      cutOff?.discs ?? null,
      cutOff?.certain ?? null,
      rounded(masked?.canalShare ?? null),
      ...iousOf(masked),
    ]),
  );
  return csvTable([header, ...rows]);
}

const TISSUES = SEGMENTATION_CLASSES.filter((name) => name !== 'background');

function iousOf(masked: MaskedPicture | null): Array<number | null> {
  if (masked === null) return TISSUES.map(() => null);
  const { iou } = segmentationFigures([{ patient: 0, confusion: masked.confusion }], 1, { draws: 0 });
  return TISSUES.map((name) => rounded(iou[name].value));
}
