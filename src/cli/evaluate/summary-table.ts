import Table from 'cli-table3';
import { estimateText, figureLines, subsetLines } from './figure-lines.ts';
import type { EvaluationRecord } from './record.ts';

/** The chief figures of every source as a table for the terminal; the rest stands in metrics.md. */
export function figuresTable(record: EvaluationRecord): string {
  const table = new Table({
    head: ['source', 'part', 'figure', 'value (95 %)', 'over'],
    style: { head: [], border: [], compact: true },
  });
  for (const figures of record.sources) {
    for (const { group, name, estimate, n, headline } of figureLines(figures)) {
      if (headline) table.push([figures.source, group, name, estimateText(estimate), n]);
    }
    for (const line of subsetLines(figures)) {
      if (line.by !== 'slice') continue;
      table.push([figures.source, `${line.group}, ${line.subset}`, line.name, estimateText(line.estimate), line.n]);
    }
  }
  const ends = record.sources.map(({ source, statuses }) => {
    const counts = Object.entries(statuses).map(([status, count]) => `${status} ${count}`);
    return `${source}: ${counts.join(', ')}`;
  });
  return [
    `${record.data}, ${record.splits.join(', ')}: pack ${record.pack.name} ${record.pack.version}, tier ${record.tier}`,
    table.toString(),
    ...ends,
  ].join('\n');
}
