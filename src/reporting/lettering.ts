import { type Canvas, type Colour, fillContours, type Point } from './canvas.ts';
import { GLYPHS, UNITS_PER_EM } from './glyphs.ts';
import { cubic, strokeLine } from './shapes.ts';

export interface LetterStyle {
  /** Font size, canvas pixels an em. */
  readonly size: number;
  readonly colour: Colour;
  readonly weight?: keyof typeof GLYPHS;
  readonly align?: 'left' | 'centre' | 'right';
  /** Painted around each letter, so that text stays legible on any ground. */
  readonly halo?: { readonly width: number; readonly colour: Colour };
}

const CURVE_STEPS = 6;
const REPLACEMENT = '?';
const parsed = new Map<string, Point[][]>();

/** Width of a line of text in canvas pixels. Characters without an outline are drawn as `?`. */
export function textWidth(text: string, style: Pick<LetterStyle, 'size' | 'weight'>): number {
  const glyphs = GLYPHS[style.weight ?? 'medium'];
  const units = [...text].reduce((sum, character) => sum + (glyphs[character] ?? glyphs[REPLACEMENT]!)[0], 0);
  return (units * style.size) / UNITS_PER_EM;
}

/** Draws one line of text with its baseline at `y`. */
export function drawText(canvas: Canvas, text: string, x: number, y: number, style: LetterStyle): void {
  const weight = style.weight ?? 'medium';
  const shift = { left: 0, centre: 0.5, right: 1 }[style.align ?? 'left'] * textWidth(text, style);
  const contours = contoursOf(text, x - shift, y, style.size, weight);
  if (style.halo !== undefined) {
    for (const contour of contours) strokeLine(canvas, contour, style.halo.width * 2, style.halo.colour, true);
  }
  fillContours(canvas, contours, style.colour);
}

/** The outline of a line of text as an SVG path, its baseline starting at the origin. */
export function textPath(text: string, style: Pick<LetterStyle, 'size' | 'weight'>): string {
  const contours = contoursOf(text, 0, 0, style.size, style.weight ?? 'medium');
  return contours
    .map((contour) => `M${contour.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join('L')}Z`)
    .join('');
}

/** Cuts text with an ellipsis so that it is no wider than `width` canvas pixels. */
export function fitText(text: string, width: number, style: Pick<LetterStyle, 'size' | 'weight'>): string {
  if (textWidth(text, style) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && textWidth(`${characters.join('')}…`, style) > width) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}

function contoursOf(text: string, x: number, y: number, size: number, weight: keyof typeof GLYPHS): Point[][] {
  const scale = size / UNITS_PER_EM;
  let pen = x;
  return [...text].flatMap((character) => {
    const known = GLYPHS[weight][character] === undefined ? REPLACEMENT : character;
    const left = pen;
    pen += GLYPHS[weight][known]![0] * scale;
    return outlineOf(weight, known).map((contour) =>
      contour.map(([px, py]): Point => [left + px * scale, y + py * scale]),
    );
  });
}

/** A glyph's contours in font units, parsed once. */
function outlineOf(weight: keyof typeof GLYPHS, character: string): Point[][] {
  const key = `${weight}${character}`;
  const contours = parsed.get(key) ?? parseOutline(GLYPHS[weight][character]![1]);
  parsed.set(key, contours);
  return contours;
}

/** Contours of an SVG path of absolute M, L, Q, C and Z commands. */
function parseOutline(path: string): Point[][] {
  const contours: Point[][] = [];
  for (const command of path.match(/[MLQC][^MLQCZ]*/g) ?? []) {
    const numbers = command.slice(1).trim().split(' ').map(Number);
    const points = Array.from(
      { length: numbers.length / 2 },
      (_, index): Point => [numbers[2 * index]!, numbers[2 * index + 1]!],
    );
    if (command[0] === 'M') {
      contours.push(points);
      continue;
    }
    const contour = contours.at(-1)!;
    contour.push(...after(command[0]!, contour.at(-1)!, points));
  }
  return contours;
}

function after(kind: string, start: Point, points: Point[]): Point[] {
  const [first, second, third] = points;
  if (kind === 'L') return points;
  if (kind === 'C') return cubic(start, first!, second!, third!, CURVE_STEPS);
  const towards = (end: Point): Point => [
    end[0] + (2 / 3) * (first![0] - end[0]),
    end[1] + (2 / 3) * (first![1] - end[1]),
  ];
  return cubic(start, towards(start), towards(second!), second!, CURVE_STEPS);
}
