import Table from 'cli-table3';
import { REASONS, type Reason } from '../contracts/reasons.ts';
import type { Answer, Report } from '../contracts/report.ts';
import type { Source } from './members.ts';

/** How one study ended, or one upload without any. */
export interface Row extends Source {
  readonly name: string;
  /** Where its files lie. */
  readonly folder: string;
  readonly report: Report;
  /** Why files of its upload are in no study, with counts; the same list on every row of the upload. */
  readonly leftOut: readonly Reason[];
}

/** The line of `--json`: the report, and what only this machine knows of it. */
export const jsonLine = ({ source, files, folder, leftOut, report }: Row): string =>
  JSON.stringify({
    source,
    ...(files === undefined ? {} : { files }),
    folder,
    ...(leftOut.length === 0 ? {} : { leftOut }),
    ...report,
  });

const LUMBAR = ['L5-S1', 'L4-L5', 'L3-L4', 'L2-L3', 'L1-L2'] as const;

/** One line a study: its end, then the probability of each lumbar disc (PLID / bulge or herniation), then reasons. */
export function summaryTable(rows: readonly Row[]): string {
  const table = new Table({
    head: ['study', 'status', ...LUMBAR, 'reasons'],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    const { report } = row;
    table.push([title(row), report.status, ...LUMBAR.map((level) => cell(report, level)), reasons(row)]);
  }
  return table.toString();
}

/** Names of files, in an archive too, can hold what moves a terminal's cursor, colours or turns round what follows. */
export const printable = (name: string): string => name.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '?');

/** With its files where the upload held several studies. */
function title({ name, member, files = 1 }: Row): string {
  if (member === undefined) return printable(name);
  return `${printable(name)} (${printable(member)}${files > 1 ? ` and ${files - 1} more` : ''})`;
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

function reasons({ report, leftOut }: Row): string {
  const codes = new Set(report.reasons.map(({ code }) => code));
  const unread = leftOut.filter(isFault).map(({ code, count = 1 }) => `${code} ${count}`);
  return [...codes, ...(unread.length > 0 ? [`left out: ${unread.join(', ')}`] : [])].join(', ');
}

/** A file that was meant to be read, other than one that is no part of a study. */
const isFault = ({ code }: Reason): boolean => REASONS[code].status === 'rejected';

/** Files of all uploads that are in no study, by reason. */
export function countLeftOut(rows: readonly Row[]): string {
  const counts = new Map<string, number>();
  for (const reason of [...new Set(rows.map(({ leftOut }) => leftOut))].flat())
    counts.set(reason.code, (counts.get(reason.code) ?? 0) + (reason.count ?? 1));
  return list(counts);
}

const list = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

/** `1 study`, `2 studies`. */
export const studyCount = (studies: number): string => `${studies} ${studies === 1 ? 'study' : 'studies'}`;

/** How many studies ended in which state, and for which reasons. */
export function countByReason(rows: readonly Row[]): string {
  const statuses = new Map<string, number>();
  const codes = new Map<string, number>();
  for (const { report } of rows) {
    statuses.set(report.status, (statuses.get(report.status) ?? 0) + 1);
    for (const code of new Set(report.reasons.map((reason) => reason.code)))
      codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  return `${list(statuses)}${codes.size > 0 ? `; reasons: ${list(codes)}` : ''}`;
}

/** 0 all answered, 2 one rejected or quarantined, or a file that could not be read, 1 one failed; 1 beats 2. */
export function exitCodeOf(rows: readonly Row[]): 0 | 1 | 2 {
  const statuses = rows.map(({ report }) => report.status);
  if (statuses.some((status) => status === 'failed' || status === 'cancelled')) return 1;
  if (rows.some(({ leftOut }) => leftOut.some(isFault))) return 2;
  return statuses.some((status) => status === 'rejected' || status === 'quarantined') ? 2 : 0;
}
