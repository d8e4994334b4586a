import type { Report } from '../contracts/report.ts';
import type { Canvas, Colour } from './canvas.ts';
import { drawText, fitText, textWidth } from './lettering.ts';
import { ATTENTION, CLASS_COLOURS, FAINT_INK, GROUND, INK, VERDICT_COLOURS, verdictOf } from './palette.ts';
import { fillRectangle } from './shapes.ts';
import { NOT_FOR_DIAGNOSTIC_USE, reasonsOnce, STATUS_TITLES } from './wording.ts';

export const HEADER_HEIGHT = 60;
export const FOOTER_HEIGHT = 72;

const EDGE = 16;

/** The status in words, and the reasons' sentences as far as they fit. */
export function drawHeader(canvas: Canvas, report: Report): void {
  const style = { size: 19, weight: 'semibold' } as const;
  const title = STATUS_TITLES[report.status];
  const width = textWidth(title, style) + 28;
  const done = report.status === 'done';
  fillRectangle(canvas, { x: EDGE, y: 14, width, height: 32 }, done ? FAINT_INK : ATTENTION, 8);
  drawText(canvas, title, EDGE + 14, 37, { ...style, colour: GROUND });
  const left = EDGE + width + 14;
  const plain = { size: 17, colour: INK } as const;
  drawText(canvas, fitText(reasonsLine(report), canvas.width - left - EDGE, plain), left, 36, plain);
}

function reasonsLine(report: Report): string {
  return reasonsOnce(report)
    .map(({ message, levels }) => (levels.length === 0 ? message : `${levels.join(', ')}: ${message}`))
    .join(' ');
}

/** What the colours mean, and what the picture may not be used for. */
export function drawFooter(
  canvas: Canvas,
  { discs }: Report,
  { hasMask, left }: { hasMask: boolean; left: number },
): void {
  const top = canvas.height - FOOTER_HEIGHT;
  const entries: Array<[string, Colour]> = [
    ['herniation', VERDICT_COLOURS.herniation],
    ['bulge or herniation', VERDICT_COLOURS.bulge],
    ['neither seen', VERDICT_COLOURS.neither],
  ];
  if (discs.some((disc) => verdictOf(disc) === 'unanswered'))
    entries.push(['not assessable', VERDICT_COLOURS.unanswered]);
  const boxes = entries.length;
  const classes = ['vertebra', 'disc', 'canal'];
  if (hasMask) entries.push(...classes.map((name, index): [string, Colour] => [name, CLASS_COLOURS[index]!]));
  let pen = left;
  for (const [index, [name, colour]] of entries.entries()) {
    const isMask = index >= boxes;
    fillRectangle(canvas, { x: pen, y: top + 14, width: 16, height: 16 }, colour, isMask ? 8 : 3);
    if (!isMask) fillRectangle(canvas, { x: pen + 3, y: top + 17, width: 10, height: 10 }, GROUND, 1);
    drawText(canvas, name, pen + 23, top + 28, { size: 16, colour: FAINT_INK });
    pen += 23 + textWidth(name, { size: 16 }) + 22;
  }
  const warning = { size: 17, weight: 'semibold', colour: INK } as const;
  drawText(canvas, `${NOT_FOR_DIAGNOSTIC_USE}.`, left, top + 57, warning);
  const after = left + textWidth(`${NOT_FOR_DIAGNOSTIC_USE}.`, warning) + 10;
  const plain = { size: 16, colour: FAINT_INK } as const;
  const limit = 'One mid-sagittal slice: what is not seen here is not excluded beside it.';
  drawText(canvas, fitText(limit, canvas.width - after - EDGE, plain), after, top + 57, plain);
}
