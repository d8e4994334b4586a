import type { Grey8, Grey16 } from './image.ts';
import { componentsOf } from './mask.ts';
import { thinBright } from './opening.ts';
import { applyWindow, windowOf } from './window.ts';

/** A stroke stands out from its ground by this much of the window's 255. */
const MIN_CONTRAST = 90;
/** Strokes of the brightest level, as burned-in text has it, stand out by so much over bright fat too. */
const MIN_BRIGHTEST = 250;
const MIN_BRIGHTEST_CONTRAST = 30;
/** Heights of letters, pixels. */
const MIN_HEIGHT = 5;
/** In the halved picture; smaller ones show in the whole one. */
const MIN_HALVED_HEIGHT = 9;
const MAX_HEIGHT = 40;
/** Letters that run together may be this many heights wide. */
const MAX_ASPECT = 6;
const MIN_FILL = 0.15;
const MAX_FILL = 0.9;
/** The width of a letter in its heights. */
const LETTER_ASPECT = 0.75;
/** Letters of one line: small ones are this share of capitals, stand on one base line and are equally bright. */
const HEIGHT_RATIO = 0.62;
const BASE_LINE = 0.12;
const MAX_LEVEL_DIFFERENCE = 30;
const MAX_GAP = 1.2;
/** A line of text has so many separate pieces and, by their widths, so many letters. */
const MIN_PIECES = 4;
const MIN_LETTERS = 5;

/** A connected stroke: pixel edges, and the mean of its pixels. */
interface Piece {
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly height: number;
  readonly level: number;
  readonly letters: number;
}

/** A picture with a longer side than this is looked at in half its size too, for letters of thicker strokes. */
const FULL_SIDE = 640;

/**
 * True where thin strokes of one height and one brightness stand beside each other on a base line, bright on dark or
 * dark on bright: a line of at least five letters of 5 to 40 pixels' height, of 80 in a large picture. Single letters
 * (side markers) are none.
 */
export function holdsText(image: Grey16): boolean {
  const bright = applyWindow(image, windowOf(image));
  if (showsText(bright, MIN_HEIGHT)) return true;
  return Math.max(bright.width, bright.height) > FULL_SIDE && showsText(halved(bright), MIN_HALVED_HEIGHT);
}

/** Whether a pixel belongs to a stroke, by its contrast to the ground and its level. */
type IsStroke = (contrast: number, level: number) => boolean;
const CLEAR: IsStroke = (contrast) => contrast > MIN_CONTRAST;
const BRIGHTEST: IsStroke = (contrast, level) => contrast > MIN_BRIGHTEST_CONTRAST && level >= MIN_BRIGHTEST;

function showsText(bright: Grey8, minHeight: number): boolean {
  const dark: Grey8 = { ...bright, data: bright.data.map((value) => 255 - value) };
  const thin = thinBright(bright);
  return (
    hasLine(piecesOf(bright, thin, CLEAR, minHeight)) ||
    hasLine(piecesOf(bright, thin, BRIGHTEST, minHeight)) ||
    hasLine(piecesOf(dark, thinBright(dark), CLEAR, minHeight))
  );
}

/** Means of 2 x 2 pixels; an odd last row or column is left out. */
function halved({ width, height, data }: Grey8): Grey8 {
  const [halfWidth, halfHeight] = [width >> 1, height >> 1];
  const half = new Uint8Array(halfWidth * halfHeight);
  for (let y = 0; y < halfHeight; y++) {
    for (let x = 0; x < halfWidth; x++) {
      const at = 2 * y * width + 2 * x;
      half[y * halfWidth + x] = (data[at]! + data[at + 1]! + data[at + width]! + data[at + width + 1]! + 2) >> 2;
    }
  }
  return { depth: 'u8', width: halfWidth, height: halfHeight, data: half };
}

/** Connected strokes of the size of letters, from left to right; `thin` holds each pixel's contrast to its ground. */
function piecesOf(image: Grey8, thin: Grey8, isStroke: IsStroke, minHeight: number): Piece[] {
  const strokes: Grey8 = {
    ...thin,
    data: thin.data.map((contrast, at) => (isStroke(contrast, image.data[at]!) ? 1 : 0)),
  };
  return componentsOf(strokes, 1)
    .flatMap(({ pixels }) => pieceOf(pixels, image) ?? [])
    .filter(({ height }) => height >= minHeight)
    .sort((a, b) => a.left - b.left || a.bottom - b.bottom);
}

function pieceOf(pixels: Int32Array, { width: imageWidth, data }: Grey8): Piece | null {
  let [left, right, top, bottom, sum] = [Infinity, 0, Infinity, 0, 0];
  for (const index of pixels) {
    const x = index % imageWidth;
    const y = (index - x) / imageWidth;
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
    sum += data[index]!;
  }
  const [width, height] = [right - left, bottom - top];
  const fill = pixels.length / (width * height);
  if (height > MAX_HEIGHT || width > MAX_ASPECT * height || fill < MIN_FILL || fill > MAX_FILL) {
    return null;
  }
  const letters = Math.max(1, Math.round(width / (LETTER_ASPECT * height)));
  return { left, right, bottom, height, level: sum / pixels.length, letters };
}

function hasLine(pieces: readonly Piece[]): boolean {
  return pieces.some((first, index) => {
    let [right, count, letters] = [first.right, 1, first.letters];
    for (const next of pieces.slice(index + 1)) {
      const gap = next.left - right;
      // Pieces come by their left edges: a word's space and nothing in it ends the line.
      if (gap > 3 * first.height || count >= MIN_PIECES + MIN_LETTERS) break;
      if (gap < -1 || gap > MAX_GAP * first.height || !onLine(first, next)) continue;
      right = next.right;
      count += 1;
      letters += next.letters;
    }
    return count >= MIN_PIECES && letters >= MIN_LETTERS;
  });
}

function onLine(first: Piece, next: Piece): boolean {
  const ratio = next.height / first.height;
  return (
    Math.abs(next.bottom - first.bottom) <= Math.max(1, BASE_LINE * first.height) &&
    ratio >= HEIGHT_RATIO &&
    ratio <= 1 / HEIGHT_RATIO &&
    Math.abs(next.level - first.level) <= MAX_LEVEL_DIFFERENCE
  );
}
