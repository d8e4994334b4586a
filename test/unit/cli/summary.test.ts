import { describe, expect, it } from 'vitest';
import { startProgress } from '../../../src/cli/progress.ts';
import { countByReason, countLeftOut, exitCodeOf, jsonLine, type Row, summaryTable } from '../../../src/cli/summary.ts';
import { type Reason, reasonOf } from '../../../src/contracts/reasons.ts';
import { rejectedReport } from '../../../src/reporting/rejected.ts';
import { sampleReport } from '../reporting/report-samples.ts';

/** A row of one status; the report's other fields do not matter here. */
function row(status: Row['report']['status'], more: Partial<Row> = {}): Row {
  const refused = rejectedReport({ status: 'rejected', reasons: [], tenant: 'local', study: null, runKey: null });
  return { name: 'a', source: 'a.zip', folder: 'out/a', leftOut: [], report: { ...refused, status }, ...more };
}
const torn: Reason[] = [reasonOf('truncated', { count: 3 }), reasonOf('ignored_file', { count: 2 })];

describe('exitCodeOf', () => {
  it.each([
    [[row('done'), row('needs_review')], 0],
    [[row('done'), row('quarantined')], 2],
    [[row('rejected'), row('failed')], 1],
    [[row('done', { leftOut: torn })], 2],
    [[row('done'), row('done', { leftOut: torn })], 2],
    [[row('failed', { leftOut: torn })], 1],
    [[row('done'), row('cancelled')], 1],
    [[row('done', { leftOut: [reasonOf('ignored_file', { count: 4 })] })], 0],
    [[row('done', { leftOut: [reasonOf('low_quality', { count: 1 })] })], 0],
  ])('of rows %#', (rows, code) => {
    expect(exitCodeOf(rows)).toBe(code);
  });
});

it('says which files were left out in the line of --json, the table and the count, once an upload', () => {
  const rows = [row('done', { leftOut: torn }), row('done', { name: 'b', leftOut: torn })];
  expect(JSON.parse(jsonLine(rows[0]!))).toMatchObject({ source: 'a.zip', folder: 'out/a', leftOut: torn });
  expect(summaryTable(rows)).toContain('left out: truncated 3');
  expect(countLeftOut(rows)).toBe('truncated 3, ignored_file 2');
  expect(JSON.parse(jsonLine(row('done')))).not.toHaveProperty('leftOut');
});

it('gives the files of a study in the line of --json only where its upload held several', () => {
  expect(JSON.parse(jsonLine(row('done', { member: 'b.png', files: 1 })))).toMatchObject({ files: 1 });
  expect(JSON.parse(jsonLine(row('done')))).not.toHaveProperty('files');
});

it('tells each lumbar disc in the table: both probabilities, what is positive, what is uncertain or unanswered', () => {
  const [line = ''] = summaryTable([row('needs_review', { report: sampleReport() })])
    .split('\n')
    .filter((text) => text.includes('needs_review'));
  const cells = line.split('│').map((cell) => cell.trim());
  expect(cells.slice(2, 9)).toEqual([
    'needs_review',
    ...['0.93* 0.98*', '0.21 0.81*', '0.04 0.20', '- 0.30', '0.01 0.01 ?'],
    'members_disagree, level_uncertain',
  ]);
});

it('counts studies by their end and, once a study, by their reasons', () => {
  const report = { ...sampleReport(), reasons: [reasonOf('level_uncertain'), reasonOf('level_uncertain')] };
  expect(countByReason([row('done'), row('needs_review', { report }), row('done')])).toBe(
    'done 2, needs_review 1; reasons: level_uncertain 1',
  );
  expect(countByReason([row('done')])).toBe('done 1');
});

it('names the files of a study in an upload of several, without what would move the cursor', () => {
  const table = summaryTable([
    row('done', { name: 'a-1', member: 'one\u001b[2J.png', files: 1 }),
    row('done', { name: 'a-2', member: 'IM1', files: 12 }),
  ]);
  expect(table).toContain('a-1 (one?[2J.png)');
  expect(table).toContain('a-2 (IM1 and 11 more)');
});

it('prints control characters of a file name neither in the table nor in the progress', () => {
  const name = '\u001b[31mred\n[9/9] forged';
  expect(summaryTable([row('done', { name })])).toContain('?[31mred?[9/9] forged');
  const said: string[] = [];
  const stream = { isTTY: false, write: (text: string) => said.push(text) } as unknown as NodeJS.WriteStream;
  startProgress(1, stream).finished(name, 'done');
  expect(said).toEqual(['[1/1] ?[31mred?[9/9] forged: done\n']);
});
