import { TARGETS } from '../../contracts/pack.ts';
import { estimateText, figureLines, subsetLines } from './figure-lines.ts';
import type { SourceFigures } from './figures.ts';
import type { EvaluationRecord } from './record.ts';
import type { TierFigures } from './tiers.ts';

/** `metrics.md`. */
export function metricsMarkdown(record: EvaluationRecord): string {
  const { pack, data, splits, tier, sources, notes, tiers, worst } = record;
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
    lines.push(...confusionLines(figures), ...partTable(figures));
  }
  lines.push(...tierTable(tiers), ...worstLines(worst));
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

function partTable(figures: SourceFigures): string[] {
  const rows = subsetLines(figures);
  if (rows.length === 0) return [];
  return [
    '',
    `Parts of ${figures.source}:`,
    '',
    '| by | which | part | figure | value (95 % interval) | over |',
    '|---|---|---|---|---|---|',
    ...rows.map(
      ({ by, subset, group, name, estimate, n }) =>
        `| ${by} | ${subset} | ${group} | ${name} | ${estimateText(estimate)} | ${n} |`,
    ),
  ];
}

function tierTable(tiers: readonly TierFigures[]): string[] {
  if (tiers.length === 0) return [];
  const reference = tiers[0]!.tier;
  const head = ['source', 'tier', 'networks, ms (median; 95th percentile)', 'mIoU without background'];
  const targetHead = TARGETS.flatMap((target) => [
    `${target}: AUC`,
    'balanced accuracy',
    'Brier score',
    `AUC above ${reference} (p)`,
  ]);
  const columns = [...head, ...targetHead];
  return [
    '',
    '## Tiers',
    '',
    `The same pictures, one at a time. Milliseconds are the networks' own, as measured in this run on this machine.`,
    '',
    `| ${columns.join(' | ')} |`,
    `|${columns.map(() => '---|').join('')}`,
    ...tiers.map((row) => `| ${tierCells(row).join(' | ')} |`),
  ];
}

function tierCells({ source, tier, networksMs, classification, meanIou }: TierFigures): string[] {
  return [
    source,
    tier,
    `${networksMs.median.toFixed(0)}; ${networksMs.p95.toFixed(0)}`,
    meanIou === null ? '–' : estimateText(meanIou),
    ...TARGETS.flatMap((target) => {
      const found = classification[target];
      if (found === null) return ['–', '–', '–', '–'];
      const { rocAuc, balancedAccuracy, brier, rocAucAboveReference: above } = found;
      const difference =
        above === null ? '–' : `${estimateText(above)}${above.p === null ? '' : ` (${above.p.toFixed(3)})`}`;
      return [estimateText(rocAuc), estimateText(balancedAccuracy), estimateText(brier), difference];
    }),
  ];
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
