import Table from 'cli-table3';
import type { Answer, Report } from '../contracts/report.ts';

export interface Row {
  readonly name: string;
  readonly report: Report;
}

const LUMBAR = ['L5-S1', 'L4-L5', 'L3-L4', 'L2-L3', 'L1-L2'] as const;

/** One line a study: its end, then the probability of each lumbar disc (PLID / bulge or herniation), then reasons. */
export function summaryTable(rows: readonly Row[]): string {
  const table = new Table({
    head: ['study', 'status', ...LUMBAR, 'reasons'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, report } of rows)
    table.push([name, report.status, ...LUMBAR.map((level) => cell(report, level)), reasons(report)]);
  return table.toString();
}

function cell(report: Report, level: (typeof LUMBAR)[number]): string {
  const disc = report.discs.find((candidate) => candidate.level === level);
  if (disc === undefined) return '';
  return `${answer(disc.herniation)} ${answer(disc.bulgeOrHerniation)}${disc.levelCertain ? '' : ' ?'}`;
}

function answer({ probability, positive }: Answer): string {
  if (probability === null) return '-';
  return `${probability.toFixed(2)}${positive ? '*' : ''}`;
}

function reasons(report: Report): string {
  return [...new Set(report.reasons.map(({ code }) => code))].join(', ');
}

/** How many studies ended in which state, and for which reasons. */
export function countByReason(rows: readonly Row[]): string {
  const statuses = new Map<string, number>();
  const codes = new Map<string, number>();
  for (const { report } of rows) {
    statuses.set(report.status, (statuses.get(report.status) ?? 0) + 1);
    for (const code of new Set(report.reasons.map((reason) => reason.code)))
      codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  const list = (counts: Map<string, number>) =>
    [...counts]
      .sort((a, b) => b[1] - a[1])
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  return `${list(statuses)}${codes.size > 0 ? `; reasons: ${list(codes)}` : ''}`;
}

/** 0 all answered, 2 one rejected or quarantined, 1 one failed; 1 beats 2. */
export function exitCodeOf(statuses: readonly Report['status'][]): 0 | 1 | 2 {
  if (statuses.some((status) => status === 'failed' || status === 'cancelled')) return 1;
  return statuses.some((status) => status === 'rejected' || status === 'quarantined') ? 2 : 0;
}
