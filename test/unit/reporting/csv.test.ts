import { describe, expect, it } from 'vitest';
import { reasonOf } from '../../../src/contracts/reasons.ts';
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

  it('tells why a study needs review in every row, and why a disc does in its own', () => {
    const report = sampleReport();
    const reasons = [...report.reasons, reasonOf('low_quality'), reasonOf('age_unknown')];
    const [, ...rows] = findingsCsv({ ...report, reasons })
      .trimEnd()
      .split('\r\n');
    const cells = (name: (typeof FINDINGS_COLUMNS)[number]) =>
      rows.map((row) => row.split(',')[FINDINGS_COLUMNS.indexOf(name)]);
    expect(new Set(cells('study_reasons'))).toEqual(new Set(['low_quality age_unknown']));
    expect(cells('reasons').slice(0, 4)).toEqual(['', '', 'members_disagree', 'members_disagree']);
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
