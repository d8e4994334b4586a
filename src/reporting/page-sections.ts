import { REASONS, type ReasonCode } from '../contracts/reasons.ts';
import type { Report } from '../contracts/report.ts';
import { type Markup, markup } from './markup.ts';
import { adviceFor, limitSentence, numberText, reasonsOnce, STATUS_SENTENCES, STATUS_TITLES } from './wording.ts';

type Input = NonNullable<Report['input']>;

/** The status in plain words, each reason as a sentence, and what to do about it. */
export function statusBanner(report: Report): Markup {
  const reasons = reasonsOnce(report).map(
    ({ code, message, count, levels }) =>
      markup`<li>${levels.length === 0 ? null : markup`<b>${levels.join(', ')}:</b> `}${message}${count === undefined ? null : ` (${count} files)`} <span class="mark">${code}</span></li>`,
  );
  const unanswered = report.status !== 'done' && report.status !== 'needs_review';
  const advice = unanswered ? [...new Set(gravest(report).map(adviceFor))] : [];
  return markup`<section class="banner ${report.status}" aria-label="Status">
<strong>${STATUS_TITLES[report.status]}</strong>
<p>${STATUS_SENTENCES[report.status]}</p>
${reasons.length === 0 ? null : markup`<ul>${reasons}</ul>`}
${advice.length === 0 ? null : markup`<p><b>What to do:</b> ${advice.join(' ')}</p>`}
</section>`;
}

/** Reasons that ended a study: those that merely flag it, or ask for a look at an answer, need no advice beside them. */
function gravest({ reasons }: Report): ReasonCode[] {
  const codes = reasons.map(({ code }) => code).filter((code) => REASONS[code].status !== 'flag');
  const ending = codes.filter((code) => REASONS[code].status !== 'needs_review');
  return ending.length > 0 ? ending : codes;
}

export function limitList(report: Report): Markup {
  return markup`<ul>${report.limits.map((limit) => markup`<li>${limitSentence(limit)}</li>`)}</ul>`;
}

const SEQUENCES = { t2: 'T2-weighted', t2_star: 'T2*-weighted', unknown: 'not known' } as const;

export function inputFacts(input: Input): Markup {
  const { selected, rows, columns, pixelSpacingMm, window } = input;
  const facts: Array<[string, string]> = [['Kind', input.kind === 'dicom' ? 'DICOM study' : 'picture']];
  if (selected !== null) {
    facts.push(['Sequence', SEQUENCES[selected.sequence]]);
    facts.push(['Slice', `${selected.sliceIndex + 1} of ${selected.sliceCount}`]);
    if (selected.frame !== null) facts.push(['Frame', String(selected.frame + 1)]);
    if (selected.offsetMm !== null) facts.push(['Distance from the middle', `${numberText(selected.offsetMm, 1)} mm`]);
  }
  if (rows !== null && columns !== null) facts.push(['Upright slice', `${columns} × ${rows} pixels`]);
  facts.push([
    'Pixel spacing',
    pixelSpacingMm === null ? 'not known' : `${pixelSpacingMm.map((mm) => mm.toFixed(3)).join(' × ')} mm`,
  ]);
  if (window !== null) facts.push(['Window', `${windowText(window.low)} to ${windowText(window.high)}`]);
  return factList(facts);
}

/** Between the grey values where the slice was made square. */
const windowText = (value: number): string => String(Math.round(value * 100) / 100);

/** How the series were ranked; nothing for a bare picture. */
export function seriesTable(input: Input): Markup | null {
  if (input.seriesRanking.length === 0) return null;
  const milliseconds = (value: number | null) => (value === null ? '–' : value.toFixed(0));
  const rows = input.seriesRanking.map((series) => {
    const chosen = series.seriesIndex === input.selected?.seriesIndex;
    return markup`<tr><th scope="row">${series.seriesIndex + 1}${chosen ? ' (chosen)' : ''}</th><td>${series.plane}</td><td>${series.weighting.replaceAll('_', ' ')}</td>
<td class="number">${series.slices}</td><td class="number">${milliseconds(series.repetitionTimeMs)}</td><td class="number">${milliseconds(series.echoTimeMs)}</td>
<td class="number">${series.score === null ? 'not eligible' : series.score.toFixed(1)}</td><td>${series.notes.join(', ').replaceAll('_', ' ')}</td></tr>`;
  });
  return markup`<details><summary>How the series were ranked (${rows.length})</summary>
<div class="wide"><table><thead><tr><th scope="col">Series</th><th scope="col">Plane</th><th scope="col">Weighting</th><th scope="col" class="number">Slices</th><th scope="col" class="number">TR, ms</th><th scope="col" class="number">TE, ms</th><th scope="col" class="number">Score</th><th scope="col">Notes</th></tr></thead>
<tbody>${rows}</tbody></table></div></details>`;
}

export function modelFacts({ models, segmentation }: Report): Markup | null {
  if (models === null) return null;
  const facts: Array<[string, string]> = [
    ['Model pack', `${models.pack} ${models.version}`],
    ['Pack hash', models.sha256],
    ['Tier', models.tier],
  ];
  if (segmentation !== null) {
    facts.push([
      'Segmentation',
      segmentation.members.map(({ id, weight }) => `${id} (${weight.toFixed(2)})`).join(', '),
    ]);
  }
  return markup`<section aria-labelledby="models"><h2 id="models">Models</h2>${factList(facts)}</section>`;
}

const factList = (facts: ReadonlyArray<readonly [string, string]>): Markup =>
  markup`<dl>${facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
