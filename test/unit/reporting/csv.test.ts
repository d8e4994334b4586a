import { describe, expect, it } from 'vitest';
import { csvTable, FINDINGS_COLUMNS, findingsCsv } from '../../../src/reporting/csv.ts';
import { rejectedReport } from '../../../src/reporting/rejected.ts';
import { sampleReport } from './report-samples.ts';

describe('findingsCsv', () => {
  it('writes one row a disc and target', () => {
    const lines = findingsCsv(sampleReport()).split('\r\n');
    expect(lines).toHaveLength(1 + 5 * 2 + 1);
    expect(lines.at(-1)).toBe('');
    for (const line of lines.slice(0, -1)) expect(line.split(',')).toHaveLength(FINDINGS_COLUMNS.length);
  });

  it('leaves the cells of an unanswered question empty', () => {
    const row = findingsCsv(sampleReport())
      .split('\r\n')
      .find((line) => line.includes('L2-L3,true,herniation'))!;
    const cell = (name: (typeof FINDINGS_COLUMNS)[number]) => row.split(',')[FINDINGS_COLUMNS.indexOf(name)];
    expect([cell('assessable'), cell('probability'), cell('positive'), cell('threshold')]).toEqual([
      'false',
      '',
      '',
      '0.35',
    ]);
  });

  it('keeps a negative number a number', () => {
    expect(findingsCsv(sampleReport())).toContain(',-0.4,');
  });

  it('has the header alone where nothing was analysed', () => {
    const report = rejectedReport({ status: 'rejected', reasons: [], tenant: 'local', study: null, runKey: null });
    expect(findingsCsv(report)).toBe(`${FINDINGS_COLUMNS.join(',')}\r\n`);
  });
});

describe('csvTable', () => {
  it('quotes commas, quotes and line ends, and doubles quotes', () => {
    expect(csvTable([['a,b', 'say "x"', 'two\r\nlines', 'plain']])).toBe('"a,b","say ""x""","two\r\nlines",plain\r\n');
  });

  it.each(['=1+1', '+1', '-cmd', '@sum', '\tx', '\rx'])('takes the formula out of %j', (text) => {
    expect(csvTable([[text]]).replaceAll('"', '')).toBe(`'${text}\r\n`);
  });
});
