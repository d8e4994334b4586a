import { createHash } from 'node:crypto';
import type { Report } from '../contracts/report.ts';
import { discTable, measurementTable, memberTable } from './disc-tables.ts';
import { type Markup, markup, trustedMarkup } from './markup.ts';
import { inputFacts, limitList, modelFacts, seriesTable, statusBanner } from './page-sections.ts';
import { PAGE_STYLE } from './page-style.ts';
import { findingsSentence, NOT_FOR_DIAGNOSTIC_USE, STATUS_TITLES } from './wording.ts';

const STYLE_HASH = createHash('sha256').update(PAGE_STYLE).digest('base64');
const POLICY = `default-src 'none'; img-src data:; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

const TITLE = 'Lumbar disc report';

/** Whether a page is one that `renderHtml` made. */
export const isReportPage = (html: string): boolean => html.includes(`<title>${TITLE}: `);

/**
 * `report.html`: one file that loads nothing, for screen, phone and A4 paper. `overlayJpeg` is the overlay as JPEG, so
 * that a phone loads a quarter of a megabyte and not one and a half; null where there is none. Everything that comes
 * from the report is escaped.
 */
export function renderHtml(report: Report, overlayJpeg: Uint8Array | null): string {
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<title>${TITLE}: ${STATUS_TITLES[report.status]}</title>
<style>${trustedMarkup(PAGE_STYLE)}</style>
</head>
<body>
<header>
<h1>${TITLE}</h1>
<p class="use">${NOT_FOR_DIAGNOSTIC_USE}. Made by software, not read by a radiologist.</p>
</header>
<main>
${statusBanner(report)}
${findings(report, overlayJpeg)}
<section aria-labelledby="limits"><h2 id="limits">Limits</h2>${limitList(report)}</section>
${measurements(report)}
${inputSection(report)}
${modelFacts(report)}
</main>
<footer>${NOT_FOR_DIAGNOSTIC_USE}. Run <code>${report.study.runKey ?? 'none'}</code>, study <code>${report.study.key ?? 'unknown'}</code>.</footer>
</body>
</html>
`;
  return page.html;
}

function findings(report: Report, overlayJpeg: Uint8Array | null): Markup | null {
  const picture = overlayJpeg === null ? null : overlayFigure(report, overlayJpeg);
  if (report.discs.length === 0) return picture;
  return markup`<section aria-labelledby="findings"><h2 id="findings">Findings</h2>
<p class="summary">${findingsSentence(report)}</p>
${picture}
${discTable(report)}</section>`;
}

function measurements(report: Report): Markup | null {
  if (report.discs.length === 0) return null;
  return markup`<section aria-labelledby="measurements"><h2 id="measurements">Measurements</h2>${measurementTable(report)}</section>
<section aria-labelledby="members"><h2 id="members">Networks behind the answers</h2>${memberTable(report)}</section>`;
}

function overlayFigure(report: Report, jpeg: Uint8Array): Markup {
  const source = `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`;
  const alt =
    report.discs.length === 0
      ? 'The sagittal slice that was looked at.'
      : `The sagittal slice with ${report.discs.length} discs marked. ${findingsSentence(report)}`;
  const side =
    report.input?.kind === 'dicom'
      ? 'Anterior is on the left.'
      : 'A bare picture carries no orientation: anterior is taken to be on the left.';
  return markup`<figure><img src="${source}" alt="${alt}"><figcaption>${side} Probabilities stand on the bars; the white stroke on a bar is the threshold.</figcaption></figure>`;
}

function inputSection(report: Report): Markup | null {
  if (report.input === null) return null;
  return markup`<section aria-labelledby="input"><h2 id="input">Input</h2>${inputFacts(report.input)}${seriesTable(report.input)}</section>`;
}
