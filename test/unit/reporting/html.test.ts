import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { REASON_CODES, REASONS, reasonOf } from '../../../src/contracts/reasons.ts';
import { renderHtml } from '../../../src/reporting/html.ts';
import { escapeHtml } from '../../../src/reporting/markup.ts';
import { rejectedReport } from '../../../src/reporting/rejected.ts';
import { adviceFor } from '../../../src/reporting/wording.ts';
import { sampleReport } from './report-samples.ts';

const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0);

describe('renderHtml', () => {
  it('tells each disc, its verdict, probability and threshold in words', () => {
    const page = renderHtml(sampleReport(), JPEG);
    for (const { level } of sampleReport().discs) expect(page).toContain(`<span class="level">${level}</span>`);
    expect(page).toContain('Herniation suggested at L5-S1. Bulge or herniation suggested at L4-L5, L5-S1.');
    expect(page).toContain('Level not certain: L1-L2.');
    expect(page).toContain('probability 0.930, threshold 0.350');
    expect(page).toContain('Not seen on this slice');
    expect(page).toContain('Not assessable');
    expect(page).toContain('cannot exclude a paracentral or foraminal herniation');
    expect(page).toContain('Not for diagnostic use');
    expect(page).toContain('−0.4');
    expect(page).not.toMatch(/undefined|\bnull\b|NaN|\[object/);
  });

  it('says possible, and what that means, where a low threshold is passed by a probability below one half', () => {
    const report = sampleReport();
    const weak = { ...report.discs[1]!.herniation, probability: 0.06, threshold: 0.055, positive: true };
    const discs = report.discs.map((disc, index) => (index === 1 ? { ...disc, herniation: weak } : disc));
    const page = renderHtml({ ...report, discs }, null);
    expect(page).toContain(
      'Herniation suggested at L5-S1. Herniation possible at L4-L5. Bulge or herniation suggested',
    );
    expect(page).toContain('▲ Herniation possible</span>');
    expect(page).toContain('“Possible”: the probability is above the threshold');
    expect(renderHtml(report, null)).not.toContain('“Possible”');
  });

  it('never says that nothing was seen where no disc was assessed, nor of all discs where some were', () => {
    const report = sampleReport();
    const none = report.discs[3]!.herniation;
    const negative = report.discs.slice(2, 4);
    const seen = renderHtml({ ...report, discs: negative }, null);
    expect(seen).toContain('No bulge or herniation seen on this slice at the discs that were assessed. Not fully');
    const discs = report.discs.map((disc) => ({ ...disc, herniation: none, bulgeOrHerniation: none }));
    const unseen = renderHtml({ ...report, discs }, null);
    expect(unseen).not.toContain('No bulge or herniation seen');
    expect(unseen).toContain('Not fully assessable: L1-L2, L2-L3, L3-L4, L4-L5, L5-S1.');
    const whole = renderHtml({ ...report, discs: report.discs.slice(2, 3) }, null);
    expect(whole).toContain('No bulge or herniation seen on this slice.');
  });

  it('tells each disc its own answers and marks it with its own reasons alone', () => {
    const rows = renderHtml(sampleReport(), null)
      .match(/<tr>.*?<\/tr>/gs)!
      .slice(1, 6);
    const kinds = rows.map((row) => [...row.matchAll(/class="verdict (\w+)"/g)].map(([, kind]) => kind));
    const textOf = (row: string) =>
      row
        .replaceAll(/<[^>]*>|, disagreement 0.031/g, ' ')
        .replaceAll(/\s+/g, ' ')
        .trim();
    const negative = 'Not seen on this slice probability';
    expect(rows.map(textOf)).toEqual([
      `L1-L2 level uncertain ${negative} 0.010, threshold 0.350 ${negative} 0.010, threshold 0.500 0.93`,
      `L2-L3 Not assessable ${negative} 0.300, threshold 0.500 0.93`,
      `L3-L4 ${negative} 0.040, threshold 0.350 ${negative} 0.200, threshold 0.500 0.93`,
      `L4-L5 members disagree ${negative} 0.210, threshold 0.350 ▲ Bulge or herniation suggested probability 0.810, threshold 0.500 0.93`,
      'L5-S1 ▲ Herniation suggested probability 0.930, threshold 0.350 ▲ Bulge or herniation suggested probability 0.980, threshold 0.500 0.93',
    ]);
    expect(kinds.slice(-2)).toEqual([
      ['absent', 'bulgeOrHerniation'],
      ['herniation', 'bulgeOrHerniation'],
    ]);
  });

  it('rounds a window between grey values, and a slice just before the middle lies at it', () => {
    const report = sampleReport();
    const selected = { ...report.input!.selected!, offsetMm: -0.04 };
    const window = { low: 89.14077758789062, high: 1305.4708251953125 };
    const page = renderHtml({ ...report, input: { ...report.input!, selected, window } }, null);
    expect(page).toContain('<dt>Window</dt><dd>89.14 to 1305.47</dd>');
    expect(page).toContain('<dt>Distance from the middle</dt><dd>0.0 mm</dd>');
  });

  it('says what a canal of no width means where the disc parts it', () => {
    const report = sampleReport();
    const parted = report.discs.map((disc, index) =>
      index === 1 ? { ...disc, measurements: { ...disc.measurements!, canalApMm: 0 } } : disc,
    );
    expect(renderHtml({ ...report, discs: parted }, null)).toContain(
      'A canal of 0.0: it shows above and below the disc',
    );
    expect(renderHtml(report, null)).not.toContain('A canal of 0.0');
  });

  it('shows dashes for a disc that was not measured beside others that were', () => {
    const report = sampleReport();
    const discs = report.discs.map((disc, index) => (index === 0 ? { ...disc, measurements: null } : disc));
    const table = renderHtml({ ...report, discs }, null).split('Measured on the segmentation')[1]!;
    const row = table.match(/<tr>.*?<\/tr>/gs)!.find((text) => text.includes('L5-S1</span>'))!;
    expect(row.match(/<td[^>]*>–<\/td>/g)).toHaveLength(8);
  });

  it('marks an uncertain level in the tables of measurements and networks too', () => {
    expect(renderHtml(sampleReport(), null).match(/<span class="level">L1-L2 \?<\/span>/g)).toHaveLength(3);
  });

  it('says of discs above L1-L2 that nobody knows how well they are answered', () => {
    const report = sampleReport();
    const upper = { ...report.discs[2]!, level: 'T12-L1' as const };
    expect(renderHtml(report, null)).not.toContain('Discs above L1-L2');
    expect(renderHtml({ ...report, discs: [...report.discs, upper] }, null)).toContain(
      'Discs above L1-L2 are answered',
    );
  });

  it('gives a reason of several discs once, flags last', () => {
    const report = sampleReport();
    const reasons = [
      reasonOf('age_unknown'),
      reasonOf('level_uncertain', { level: 'L5-S1' }),
      reasonOf('level_uncertain', { level: 'L4-L5' }),
    ];
    const page = renderHtml({ ...report, reasons }, null);
    expect(page).toContain(`<li><b>L4-L5, L5-S1:</b> ${REASONS.level_uncertain.sentence}`);
    expect(
      page
        .match(/<li>.*?<\/li>/gs)!
        .slice(0, 2)
        .map((item) => /class="mark">(.*?)</.exec(item)![1]),
    ).toEqual(['level_uncertain', 'age_unknown']);
  });

  it('gives each of two details of one reason', () => {
    const reasons = ['a file', 'all files'].map((detail) => reasonOf('too_large', { detail }));
    const page = renderHtml({ ...sampleReport(), reasons }, null);
    for (const { message } of reasons) expect(page).toContain(message);
  });

  it('loads nothing and allows only its own style and the picture inside it', () => {
    const page = renderHtml(sampleReport(), JPEG);
    const style = /<style>([\s\S]*)<\/style>/.exec(page)![1]!;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(page).toContain(`style-src &#39;sha256-${hash}&#39;`);
    expect(page).toContain(`src="data:image/jpeg;base64,${Buffer.from(JPEG).toString('base64')}"`);
    expect(page).not.toMatch(/https?:|<script|<link|url\(|style="/);
  });

  it('escapes whatever a report carries', () => {
    const report = sampleReport();
    const hostile = `<script>alert("x")</script>'&`;
    const page = renderHtml(
      {
        ...report,
        reasons: [{ code: 'malformed', message: hostile }],
        limits: [hostile],
        models: { ...report.models!, pack: hostile },
        discs: report.discs.map((disc) => ({
          ...disc,
          herniation: { ...disc.herniation, members: [{ id: hostile, probability: 0.5, weight: 1 }] },
        })),
      },
      null,
    );
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;');
  });

  it('says of a bare picture that its orientation is assumed', () => {
    const { input, ...report } = sampleReport();
    const page = renderHtml({ ...report, input: { ...input!, kind: 'image' } }, JPEG);
    expect(page).toContain('A bare picture carries no orientation: anterior is taken to be on the left.');
    expect(renderHtml(sampleReport(), JPEG)).toContain('<figcaption>Anterior is on the left.');
  });

  it('has a language, one main heading, a text for the picture and headers for its tables', () => {
    const page = renderHtml(sampleReport(), JPEG);
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page.match(/<h1/g)).toHaveLength(1);
    expect(page).toMatch(/<img [^>]*alt="The sagittal slice with 5 discs marked/);
    expect(page.match(/<th scope="row"/g)!.length).toBeGreaterThanOrEqual(10);
  });

  it('says that there are no measurements where the spacing is unknown', () => {
    const report = sampleReport();
    const discs = report.discs.map((disc) => ({ ...disc, measurements: null }));
    expect(renderHtml({ ...report, discs }, null)).toContain('No measurements: the pixel spacing');
  });

  it.each(REASON_CODES.filter((code) => ['rejected', 'failed', 'quarantined'].includes(REASONS[code].status)))(
    'tells why and what to do when a study ends with %s',
    (code) => {
      const status = REASONS[code].status as 'rejected' | 'failed' | 'quarantined';
      const page = renderHtml(
        rejectedReport({ status, reasons: [reasonOf(code)], tenant: 'local', study: null, runKey: null }),
        null,
      );
      expect(page).toContain(escapeHtml(REASONS[code].sentence));
      expect(adviceFor(code)).toBeDefined();
      expect(page).toContain('What to do:');
      expect(page).toContain('Run <code>none</code>, study <code>unknown</code>.');
      expect(page).not.toContain('<table');
    },
  );

  it('gives the advice of what ended a study, not of what only flags it', () => {
    const reasons = [reasonOf('age_unknown'), reasonOf('modality')];
    const page = renderHtml(
      rejectedReport({ status: 'rejected', reasons, tenant: 'local', study: null, runKey: null }),
      null,
    );
    expect(page).toContain(`What to do:</b> ${adviceFor('modality')}</p>`);
    expect(page).not.toContain(adviceFor('age_unknown'));
  });
});
