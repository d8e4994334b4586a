import type { Answer, DiscFinding } from '../contracts/report.ts';
import type { Colour } from './canvas.ts';

/** Okabe and Ito's colours, which people with colour-blindness tell apart (jfly.uni-koeln.de/color, 2008). */
const VERMILLION: Colour = [213, 94, 0, 1];
const ORANGE: Colour = [230, 159, 0, 1];
const SKY_BLUE: Colour = [86, 180, 233, 1];
const GREEN: Colour = [0, 158, 115, 1];
const PURPLE: Colour = [204, 121, 167, 1];

export const GROUND: Colour = [14, 17, 22, 1];
export const CARD: Colour = [28, 33, 41, 1];
export const INK: Colour = [240, 243, 247, 1];
export const FAINT_INK: Colour = [165, 174, 186, 1];
export const RAIL: Colour = [62, 70, 82, 1];
export const SHADE: Colour = [0, 0, 0, 0.65];
export const ATTENTION: Colour = [240, 228, 66, 1];

/** Mask classes 1 to 3: vertebra, disc, canal. */
export const CLASS_COLOURS: readonly Colour[] = [SKY_BLUE, GREEN, PURPLE];

/** What a disc's two answers come to: each verdict has its own colour and its own line. */
export type Verdict = 'herniation' | 'bulge' | 'neither' | 'unanswered';

export function verdictOf({
  herniation,
  bulgeOrHerniation,
}: Pick<DiscFinding, 'herniation' | 'bulgeOrHerniation'>): Verdict {
  if (herniation.positive === true) return 'herniation';
  if (bulgeOrHerniation.positive === true) return 'bulge';
  return isAnswered(herniation) && isAnswered(bulgeOrHerniation) ? 'neither' : 'unanswered';
}

/** True where the report gives this answer a probability. */
export const isAnswered = (answer: Answer): boolean => answer.assessable && answer.probability !== null;

export const VERDICT_COLOURS: Readonly<Record<Verdict, Colour>> = {
  herniation: VERMILLION,
  bulge: ORANGE,
  neither: [226, 232, 240, 1],
  unanswered: FAINT_INK,
};
