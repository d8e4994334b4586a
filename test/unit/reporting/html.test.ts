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
      expect(page).not.toContain('<table');
    },
  );
});
