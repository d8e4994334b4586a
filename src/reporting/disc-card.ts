import type { Target } from '../contracts/pack.ts';
import { TARGETS } from '../contracts/pack.ts';
import type { Reason } from '../contracts/reasons.ts';
import type { Answer, DiscFinding } from '../contracts/report.ts';
import { type Canvas, type Colour, fillContours } from './canvas.ts';
import { drawText, fitText, textWidth } from './lettering.ts';
import { ATTENTION, CARD, FAINT_INK, INK, isAnswered, RAIL, VERDICT_COLOURS, verdictOf } from './palette.ts';
import { fillCircle, fillRectangle, strokeLine } from './shapes.ts';
import { levelText, probabilityText, TARGET_NAMES } from './wording.ts';

export const CARD_WIDTH = 356;
export const CARD_HEIGHT = 86;

const STRIPE = 7;
const BAR = { left: 196, width: 84, height: 8 };
const VALUE_RIGHT = 330;

interface Corner {
  readonly left: number;
  readonly top: number;
}

/** A disc's label: level, what a person must look at, and both probabilities on bars with their thresholds. */
export function drawCard(canvas: Canvas, disc: DiscFinding, reasons: readonly Reason[], at: Corner): void {
  const { left, top } = at;
  fillRectangle(canvas, { x: left, y: top, width: CARD_WIDTH, height: CARD_HEIGHT }, CARD, 8);
  fillRectangle(
    canvas,
    { x: left, y: top + 4, width: STRIPE, height: CARD_HEIGHT - 8 },
    VERDICT_COLOURS[verdictOf(disc)],
    3,
  );
  const title = { size: 25, weight: 'semibold', colour: INK } as const;
  const level = levelText(disc);
  drawText(canvas, level, left + 18, top + 28, title);
  drawAttention(
    canvas,
    marksOf(disc, reasons),
    { left: left + 18 + textWidth(level, title) + 14, top },
    left + CARD_WIDTH - 12,
  );
  TARGETS.forEach((target, index) => {
    drawAnswer(canvas, target, disc[target], { left, top: top + 52 + index * 23 });
  });
}

/** What a person must look at on this disc, in a few words. */
function marksOf(disc: DiscFinding, reasons: readonly Reason[]): string[] {
  const codes = reasons.filter(({ level }) => level === disc.level).map(({ code }) => code);
  const marks: string[] = [];
  if (!disc.levelCertain || codes.includes('level_uncertain')) marks.push('level uncertain');
  if (codes.includes('members_disagree')) marks.push('members disagree');
  const others = codes.filter((code) => code !== 'level_uncertain' && code !== 'members_disagree');
  return [...marks, ...others.map((code) => code.replaceAll('_', ' '))];
}

function drawAttention(canvas: Canvas, marks: readonly string[], { left, top }: Corner, right: number): void {
  if (marks.length === 0) return;
  drawTriangle(canvas, left + 8, top + 19, 9, ATTENTION);
  const style = { size: 15, weight: 'semibold', colour: ATTENTION } as const;
  drawText(canvas, fitText(marks.join(', '), right - left - 22, style), left + 22, top + 26, style);
}

function drawAnswer(canvas: Canvas, target: Target, answer: Answer, { left, top }: Corner): void {
  drawText(canvas, TARGET_NAMES[target], left + 18, top, { size: 16, colour: FAINT_INK });
  if (!isAnswered(answer) || answer.probability === null) {
    drawText(canvas, 'not assessable', left + VALUE_RIGHT, top, { size: 16, colour: FAINT_INK, align: 'right' });
    return;
  }
  const colour =
    answer.positive === true ? VERDICT_COLOURS[target === 'herniation' ? 'herniation' : 'bulge'] : FAINT_INK;
  drawBar(canvas, answer.probability, answer.threshold, colour, { left: left + BAR.left, top: top - 10 });
  const style = { size: 18, weight: 'semibold', colour: INK, align: 'right' } as const;
  drawText(canvas, probabilityText(answer.probability), left + VALUE_RIGHT, top, style);
  if (answer.positive === true) drawTriangle(canvas, left + VALUE_RIGHT + 13, top - 6, 7, colour);
  else strokeCircle(canvas, left + VALUE_RIGHT + 13, top - 6, 4.5, colour);
}

function drawBar(canvas: Canvas, probability: number, threshold: number, colour: Colour, { left, top }: Corner): void {
  const { width, height } = BAR;
  fillRectangle(canvas, { x: left, y: top, width, height }, RAIL, height / 2);
  const filled = Math.max(height, probability * width);
  fillRectangle(canvas, { x: left, y: top, width: filled, height }, colour, height / 2);
  const mark = left + threshold * width;
  strokeLine(
    canvas,
    [
      [mark, top - 3],
      [mark, top + height + 3],
    ],
    2,
    INK,
  );
}

/** A filled triangle, point up, about a centre. */
function drawTriangle(canvas: Canvas, x: number, y: number, radius: number, colour: Colour): void {
  fillContours(
    canvas,
    [
      [
        [x, y - radius],
        [x + radius, y + radius * 0.75],
        [x - radius, y + radius * 0.75],
      ],
    ],
    colour,
  );
}

function strokeCircle(canvas: Canvas, x: number, y: number, radius: number, colour: Colour): void {
  fillCircle(canvas, [x, y], radius, colour);
  fillCircle(canvas, [x, y], radius - 1.6, CARD);
}
