import { TARGETS } from '../../contracts/pack.ts';
import { SEGMENTATION_CLASSES } from '../../contracts/report.ts';
import type { Estimate } from '../../evaluation/bootstrap.ts';
import type { PartFigures, SourceFigures } from './figures.ts';

/** A line of a table: what is measured, its value with interval, and over how much. */
export interface FigureLine {
  readonly group: string;
  readonly name: string;
  readonly estimate: Estimate;
  readonly n: string;
  /** The few that the command prints. */
  readonly headline: boolean;
}

/** `0.967 (0.950 to 0.981)`; a dash where there is no value. */
export function estimateText({ value, ci95 }: Estimate): string {
  if (value === null) return '–';
  const number = (x: number) => x.toFixed(3);
  return ci95 === null ? number(value) : `${number(value)} (${number(ci95[0])} to ${number(ci95[1])})`;
}

/** Every figure of a source as lines, in the order of the stages; those of its parts are in `subsetLines`. */
export function figureLines(figures: SourceFigures): FigureLine[] {
  return [...endLines(figures), ...partLines(figures), ...cutOffLines(figures)];
}

/** A source's figures by level, by scanner and of slices that show the canal; headlines alone. */
export function subsetLines({ subsets }: SourceFigures): Array<FigureLine & { by: string; subset: string }> {
  return subsets.flatMap((subset) =>
    partLines(subset)
      .filter(({ headline }) => headline)
      .map((line) => ({ ...line, by: subset.by, subset: subset.name })),
  );
}

function partLines(figures: PartFigures): FigureLine[] {
  return [
    ...detectionLines(figures),
    ...levelLines(figures),
    ...classificationLines(figures),
    ...segmentationLines(figures),
  ];
}

const headlines =
  (names: readonly string[]) =>
  (line: Omit<FigureLine, 'headline'>): FigureLine => ({
    ...line,
    headline: names.includes(line.name),
  });

function endLines({ ends }: SourceFigures): FigureLine[] {
  if (ends === null) return [];
  const n = `${ends.pictures} pictures, ${ends.patients} patients`;
  const lines: Array<[string, Estimate]> = [
    ['refused or deferred', ends.refusedOrDeferred],
    ['refused', ends.refused],
    ['deferred', ends.deferred],
    ...Object.entries(ends.byReason).map(([code, share]): [string, Estimate] => [`stopped by ${code}`, share]),
  ];
  return lines.map(([name, estimate]) => ({ group: 'gates', name, estimate, n, headline: true }));
}

function cutOffLines({ cutOff }: SourceFigures): FigureLine[] {
  if (cutOff === null) return [];
  const n = `${cutOff.discs} discs, ${cutOff.pictures} pictures, ${cutOff.patients} patients`;
  return [
    { group: 'cut off above L5-S1', name: 'named with certainty', estimate: cutOff.certain, n, headline: true },
    {
      group: 'cut off above L5-S1',
      name: 'pictures with a certain name',
      estimate: cutOff.picturesWithCertain,
      n,
      headline: true,
    },
  ];
}

function detectionLines({ region, discs }: PartFigures): FigureLine[] {
  const parts = [
    ['region', region],
    ['discs', discs],
  ] as const;
  return parts.flatMap(([group, figures]) => {
    if (figures === null) return [];
    const n = `${figures.truths} boxes, ${figures.pictures} pictures, ${figures.patients} patients`;
    const lines: Array<[string, Estimate]> = [
      ['mAP50', figures.ap50],
      ['mAP50-95', figures.ap50To95],
      ['precision', figures.precision],
      ['recall', figures.recall],
      ['mean IoU of hits', figures.meanIou],
      ...(group === 'region'
        ? []
        : ([
            ['false a picture', figures.falsePerPicture],
            ['pictures with all found', figures.allFound],
          ] as Array<[string, Estimate]>)),
    ];
    return lines
      .map(([name, estimate]) => ({ group, name, estimate, n }))
      .map(headlines(['mAP50', 'mAP50-95', 'precision', 'recall', 'false a picture', 'pictures with all found']));
  });
}

function levelLines({ levels }: PartFigures): FigureLine[] {
  if (levels === null) return [];
  const n = `${levels.discs} discs, ${levels.patients} patients`;
  const lines: Array<[string, Estimate]> = [
    ['named right and certain', levels.rightAndCertain],
    ['named right', levels.right],
    ['wrong among certain', levels.certainWrong],
    ['certain among found', levels.certain],
  ];
  return lines
    .map(([name, estimate]) => ({ group: 'levels', name, estimate, n }))
    .map(headlines(['named right and certain', 'wrong among certain']));
}

function classificationLines({ classification }: PartFigures): FigureLine[] {
  return TARGETS.flatMap((target) => {
    const figures = classification[target];
    if (figures === null) return [];
    const n = `${figures.discs} discs, ${figures.positives} positive, ${figures.patients} patients`;
    const lines: Array<[string, Estimate]> = [
      ['ROC AUC', figures.rocAuc],
      ['ROC AUC of the level alone', figures.levelOnlyRocAuc],
      ['ROC AUC above the level alone', figures.rocAucAboveLevelOnly],
      ['average precision', figures.averagePrecision],
      ['accuracy', figures.accuracy],
      ['balanced accuracy', figures.balancedAccuracy],
      ['specificity', figures.specificity],
      ['precision', figures.precision],
      ['recall', figures.recall],
      ['F1', figures.f1],
      ['Brier score', figures.brier],
      ['calibration slope', figures.calibrationSlope],
      ['calibration intercept', figures.calibrationIntercept],
      ['calibration error', figures.calibrationError],
      ['calibration error above chance', figures.calibrationExcess],
      ['coverage', figures.coverage],
    ];
    return lines
      .map(([name, estimate]) => ({ group: target, name, estimate, n }))
      .map(
        headlines([
          'ROC AUC',
          'ROC AUC of the level alone',
          'balanced accuracy',
          'recall',
          'specificity',
          'F1',
          'Brier score',
          'calibration slope',
          'calibration intercept',
          'calibration error',
          'calibration error above chance',
          'coverage',
        ]),
      );
  });
}

function segmentationLines({ segmentation }: PartFigures): FigureLine[] {
  if (segmentation === null) return [];
  const n = `${segmentation.pictures} pictures, ${segmentation.patients} patients`;
  const lines: Array<[string, Estimate]> = [
    ['mIoU without background', segmentation.meanIou],
    ['mIoU with background', segmentation.meanIouWithBackground],
    ['mean Dice without background', segmentation.meanDice],
    ['mean Dice with background', segmentation.meanDiceWithBackground],
    ['pixel accuracy', segmentation.pixelAccuracy],
    ['mean precision', segmentation.meanPrecision],
    ['mean recall', segmentation.meanRecall],
    ...(['iou', 'dice', 'precision', 'recall'] as const).flatMap((measure) =>
      SEGMENTATION_CLASSES.map((name): [string, Estimate] => [
        `${measure === 'iou' ? 'IoU' : measure === 'dice' ? 'Dice' : measure}, ${name}`,
        segmentation[measure][name],
      ]),
    ),
  ];
  return lines
    .map(([name, estimate]) => ({ group: 'segmentation', name, estimate, n }))
    .map(
      headlines([
        'mIoU without background',
        'mean Dice without background',
        'IoU, vertebra',
        'IoU, disc',
        'IoU, canal',
        'Dice, vertebra',
        'Dice, disc',
        'Dice, canal',
      ]),
    );
}
