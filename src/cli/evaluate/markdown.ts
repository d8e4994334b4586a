import { TARGETS } from '../../contracts/pack.ts';
import { SEGMENTATION_CLASSES } from '../../contracts/report.ts';
import type { Estimate } from '../../evaluation/bootstrap.ts';
import type { SourceFigures } from './figures.ts';
import type { EvaluationRecord } from './record.ts';

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

/** Every figure of a source as lines, in the order of the stages. */
export function figureLines(figures: SourceFigures): FigureLine[] {
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

function detectionLines({ region, discs }: SourceFigures): FigureLine[] {
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
      .map(headlines(['mAP50', 'mAP50-95', 'precision', 'recall', 'false a picture']));
  });
}

function levelLines({ levels }: SourceFigures): FigureLine[] {
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

function classificationLines({ classification }: SourceFigures): FigureLine[] {
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
          'coverage',
        ]),
      );
  });
}

function segmentationLines({ segmentation }: SourceFigures): FigureLine[] {
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
      ]),
    );
}

/** `metrics.md`. */
export function metricsMarkdown(record: EvaluationRecord): string {
  const { pack, data, splits, tier, sources, notes, worst } = record;
  const lines = [
    `# Evaluation of ${pack.name} ${pack.version} on ${data}, ${splits.join(', ')}`,
    '',
    `Tier \`${tier}\`, pack \`${pack.sha256}\`. Both stages run on the TypeScript path. Intervals: 95 %, percentile bootstrap over patients, ${record.bootstrap.draws} draws. A labelled disc that was missed or not assessable counts with probability 0. Scored discs are the five lowest; those above are neither hit, miss nor extra. Not for diagnostic use.`,
    '',
    ...notes.map((note) => `- ${note}`),
  ];
  for (const figures of sources) {
    lines.push(
      '',
      `## ${figures.source}`,
      '',
      `${figures.pictures} pictures of ${figures.patients} patients. ${countsText('Ended', figures.statuses)} ${countsText('Reasons', figures.reasons)}`,
      '',
    );
    lines.push('| part | figure | value (95 % interval) | over |', '|---|---|---|---|');
    for (const { group, name, estimate, n } of figureLines(figures)) {
      lines.push(`| ${group} | ${name} | ${estimateText(estimate)} | ${n} |`);
    }
    lines.push(...confusionLines(figures));
  }
  lines.push(...worstLines(worst));
  return `${lines.join('\n')}\n`;
}

function countsText(title: string, counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([word, count]) => `${word} ${count}`);
  return parts.length === 0 ? '' : `${title}: ${parts.join(', ')}.`;
}

function confusionLines({ classification }: SourceFigures): string[] {
  return TARGETS.flatMap((target) => {
    const figures = classification[target];
    if (figures === null) return [];
    const { truePositives, falsePositives, falseNegatives, trueNegatives } = figures.confusion;
    return [
      '',
      `Confusion matrix of ${target} (${figures.missed} of ${figures.discs} discs without an answer):`,
      '',
      '| | called positive | called negative |',
      '|---|---|---|',
      `| labelled positive | ${truePositives} | ${falseNegatives} |`,
      `| labelled negative | ${falsePositives} | ${trueNegatives} |`,
    ];
  });
}

function worstLines(worst: EvaluationRecord['worst']): string[] {
  if (worst.length === 0) return [];
  return [
    '',
    '## Discs to look at',
    '',
    'The answers farthest from their labels, and discs without an answer.',
    '',
    '| source | picture | level | target | label | probability |',
    '|---|---|---|---|---|---|',
    ...worst.map(
      ({ source, picture, level, target, label, probability }) =>
        `| ${source} | ${picture.replaceAll('|', '\\|')} | ${level} | ${target} | ${label} | ${probability === null ? 'no answer' : probability.toFixed(4)} |`,
    ),
  ];
}
