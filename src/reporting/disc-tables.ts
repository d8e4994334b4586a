import { TARGETS, type Target } from '../contracts/pack.ts';
import { LEVELS, type Level } from '../contracts/reasons.ts';
import type { DiscFinding, Measurements, Report } from '../contracts/report.ts';
import { type Markup, markup } from './markup.ts';
import { isAnswered } from './palette.ts';
import { levelText, numberText, POSSIBLE, strengthOf, TARGET_MEANINGS, TARGET_NAMES, verdictWords } from './wording.ts';

/** Discs as they stand in the picture: the highest first. */
const fromAbove = (report: Report): DiscFinding[] => [...report.discs].reverse();

/** One row a disc: level, and each target's verdict in words with its probability. */
export function discTable(report: Report): Markup {
  const rows = fromAbove(report).map(
    (disc) => markup`<tr><th scope="row">${levelCell(report, disc)}</th>
${TARGETS.map((target) => answerCell(disc, target))}
<td class="number" data-label="Disc confidence">${disc.confidence.toFixed(2)}</td></tr>`,
  );
  return markup`<table class="stacked"><caption>Herniation means ${TARGET_MEANINGS.herniation}; bulge or herniation means ${TARGET_MEANINGS.bulgeOrHerniation}.${notesOf(report)}</caption>
<thead><tr><th scope="col">Disc</th>${TARGETS.map((target) => markup`<th scope="col">${TARGET_NAMES[target]}</th>`)}<th scope="col" class="number">Disc confidence</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

/** What a reader must know of these answers, where it holds of any. */
function notesOf({ discs }: Report): string {
  const isPossible = discs.some((disc) => TARGETS.some((target) => strengthOf(disc[target]) === 'possible'));
  const isAbove = discs.some(({ level }) => !isLumbar(level));
  return `${isPossible ? ` ${POSSIBLE}` : ''}${isAbove ? ` ${UNMEASURED}` : ''}`;
}

const UNMEASURED = 'Discs above L1-L2 are answered too, but how well is not known, and no gate judges them.';

/** L5-S1 to L1-L2: what figures and gates are about. */
const isLumbar = (level: Level): boolean => LEVELS.indexOf(level) <= LEVELS.indexOf('L1-L2');

function levelCell(report: Report, disc: DiscFinding): Markup {
  const marks = new Set(report.reasons.filter(({ level }) => level === disc.level).map(({ code }) => code));
  if (!disc.levelCertain) marks.add('level_uncertain');
  return markup`<span class="level">${disc.level}</span>${[...marks].map((code) => markup` <span class="mark">${code.replaceAll('_', ' ')}</span>`)}`;
}

function answerCell(disc: DiscFinding, target: Target): Markup {
  const answer = disc[target];
  const words = verdictWords(target, answer);
  const label = TARGET_NAMES[target];
  if (!isAnswered(answer) || answer.probability === null) return markup`<td data-label="${label}">${words}</td>`;
  const kind = answer.positive === true ? target : 'absent';
  const spread = answer.disagreement === null ? null : markup`, disagreement ${answer.disagreement.toFixed(3)}`;
  return markup`<td data-label="${label}"><span class="verdict ${kind}">${answer.positive === true ? '▲ ' : ''}${words}</span>
<small>probability ${answer.probability.toFixed(3)}, threshold ${answer.threshold.toFixed(3)}${spread}</small></td>`;
}

const MEASUREMENTS: ReadonlyArray<readonly [keyof Measurements, string, number]> = [
  ['heightAnteriorMm', 'Anterior height, mm', 1],
  ['heightMiddleMm', 'Middle height, mm', 1],
  ['heightPosteriorMm', 'Posterior height, mm', 1],
  ['heightIndex', 'Disc height index', 2],
  ['areaMm2', 'Area, mm²', 0],
  ['posteriorProtrusionMm', 'Posterior protrusion, mm', 1],
  ['canalApMm', 'Canal AP diameter, mm', 1],
  ['signalRatio', 'Signal ratio, disc to canal', 2],
];

/** One row a disc, in millimetres, or a sentence where the pixel spacing is unknown. */
export function measurementTable(report: Report): Markup {
  if (report.discs.every(({ measurements }) => measurements === null)) {
    return markup`<p>No measurements: the pixel spacing of this picture is not known, or nothing was segmented.</p>`;
  }
  const rows = fromAbove(report).map(
    (disc) =>
      markup`<tr><th scope="row"><span class="level">${levelText(disc)}</span></th>${MEASUREMENTS.map(
        ([field, name, digits]) =>
          markup`<td class="number" data-label="${name}">${numberText(disc.measurements?.[field] ?? null, digits)}</td>`,
      )}</tr>`,
  );
  return markup`<div class="wide"><table class="stacked"><caption>Measured on the segmentation of this one slice. A dash: it could not be measured, as the posterior protrusion of L5-S1 without a segmented sacrum.${partedNote(report)}</caption>
<thead><tr><th scope="col">Disc</th>${MEASUREMENTS.map(([, name]) => markup`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

/** What a canal of no width means, where there is one. */
function partedNote({ discs }: Report): string {
  const isParted = discs.some(({ measurements }) => measurements?.canalApMm === 0);
  return isParted ? ' A canal of 0.0: it shows above and below the disc, and nothing of it between.' : '';
}

/** One row a disc, target and member. */
export function memberTable(report: Report): Markup {
  const rows = fromAbove(report).flatMap((disc) =>
    TARGETS.flatMap((target) =>
      disc[target].members.map(
        ({
          id,
          probability,
          weight,
        }) => markup`<tr><th scope="row"><span class="level">${levelText(disc)}</span></th><td>${TARGET_NAMES[target]}</td>
<td><code>${id}</code></td><td class="number">${probability.toFixed(3)}</td><td class="number">${weight.toFixed(2)}</td></tr>`,
      ),
    ),
  );
  if (rows.length === 0) return markup`<p>No network answered.</p>`;
  return markup`<details><summary>Every network’s own probability (${rows.length} rows)</summary>
<div class="wide"><table><thead><tr><th scope="col">Disc</th><th scope="col">Question</th><th scope="col">Network</th><th scope="col" class="number">Probability</th><th scope="col" class="number">Weight</th></tr></thead>
<tbody>${rows}</tbody></table></div></details>`;
}
