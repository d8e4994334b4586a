import type { DiscFinding, Report } from '../contracts/report.ts';
import type { Grey8, Rgb8 } from '../imaging/image.ts';
import { resizeRows } from '../imaging/resize.ts';
import { type Canvas, createCanvas, type Point, pictureOf } from './canvas.ts';
import { CARD_HEIGHT, CARD_WIDTH, drawCard } from './disc-card.ts';
import { drawFooter, drawHeader, FOOTER_HEIGHT, HEADER_HEIGHT } from './frame.ts';
import { type Placement, paintMask } from './mask-layer.ts';
import { GROUND, INK, SHADE, VERDICT_COLOURS, verdictOf } from './palette.ts';
import { drawPictureMarks, type PicturePlace } from './picture-marks.ts';
import { fillCircle, rectangleContour, strokeDashed, strokeLine } from './shapes.ts';

export interface OverlayInput {
  /** The upright slice. */
  readonly slice: Grey8;
  readonly report: Report;
  /** Classes 0 to 3, of the slice's size; null where nothing was segmented. */
  readonly mask: Grey8 | null;
}

const PICTURE_HEIGHT = 900;
const MAX_PICTURE_WIDTH = 1200;
const MIN_PICTURE_WIDTH = 420;
const EDGE = 16;
const CARD_GAP = 8;

/** The slice with its masks, and room for a number of cards: what can be drawn before the discs are classified. */
export interface OverlayGround {
  readonly canvas: Canvas;
  readonly placement: PicturePlace;
  /** Height of the part between header and footer, canvas pixels. */
  readonly body: number;
  readonly hasMask: boolean;
}

/**
 * The slice, enlarged, with masks, lumbar region and disc boxes drawn on it; level names and probabilities stand in a
 * margin on the anterior side, joined to their discs by lines, so that they hide no anatomy; letters tell the directions, a
 * bar the scale. Opaque; about 960 to 1,660 pixels wide and 1,030 high. A pure function: the same input gives the same
 * bytes on every machine.
 */
export function drawOverlay({ slice, report, mask }: OverlayInput): Rgb8 {
  return drawFindings(paintGround(slice, mask, report.discs.length), report);
}

/** `mask` as in `OverlayInput`; `discs` is the number of discs that the report will hold. */
export function paintGround(slice: Grey8, mask: Grey8 | null, discs: number): OverlayGround {
  const scale = Math.min(PICTURE_HEIGHT / slice.height, MAX_PICTURE_WIDTH / slice.width);
  const picture = {
    width: Math.max(1, Math.round(slice.width * scale)),
    height: Math.max(1, Math.round(slice.height * scale)),
  };
  const column = discs * (CARD_HEIGHT + CARD_GAP) - CARD_GAP;
  const body = Math.max(picture.height, column);
  const left = EDGE + CARD_WIDTH + EDGE;
  const width = left + Math.max(picture.width, MIN_PICTURE_WIDTH) + EDGE;
  const canvas = createCanvas(width, HEADER_HEIGHT + body + FOOTER_HEIGHT, GROUND);
  const placement = { ...picture, left, top: HEADER_HEIGHT + Math.floor((body - picture.height) / 2), scale };

  paintSlice(canvas, slice, picture, placement);
  if (mask !== null) paintMask(canvas, mask, placement);
  return { canvas, placement, body, hasMask: mask !== null };
}

/** Draws the report's findings on the ground, which it uses up; the ground has room for as many discs. */
export function drawFindings({ canvas, placement, body, hasMask }: OverlayGround, report: Report): Rgb8 {
  drawPictureMarks(canvas, report, placement);
  if (report.lumbarRegion !== null) drawRegion(canvas, corners(report.lumbarRegion.box, placement));
  for (const disc of report.discs) drawBox(canvas, disc, placement);
  drawCards(canvas, report, placement, { top: HEADER_HEIGHT, height: body });
  drawHeader(canvas, report);
  drawFooter(canvas, report, { hasMask, left: EDGE });
  return pictureOf(canvas);
}

function paintSlice(
  canvas: Canvas,
  slice: Grey8,
  size: { width: number; height: number },
  { left, top }: Placement,
): void {
  const { data, width } = canvas;
  resizeRows(slice, size.width, size.height, (row, y) => {
    let offset = ((top + y) * width + left) * 3;
    for (let x = 0; x < row.length; x++) {
      const value = Math.floor(row[x]! + 0.5);
      data[offset++] = value;
      data[offset++] = value;
      data[offset++] = value;
    }
  });
}

/** A box on the canvas, cut at the picture's edges: a network's box may reach beyond them, over header and cards. */
function corners(box: DiscFinding['box'], place: PicturePlace): Point[] {
  const start = onPicture(place, box.x, box.y);
  const end = onPicture(place, box.x + box.width, box.y + box.height);
  return rectangleContour({ x: start[0], y: start[1], width: end[0] - start[0], height: end[1] - start[1] });
}

/** The canvas point of a picture's point, or the nearest one of the picture. */
function onPicture({ left, top, width, height, scale }: PicturePlace, x: number, y: number): Point {
  return [left + Math.min(width, Math.max(0, x * scale)), top + Math.min(height, Math.max(0, y * scale))];
}

function drawRegion(canvas: Canvas, outline: readonly Point[]): void {
  strokeDashed(canvas, outline, { width: 3, dash: 10, gap: 8, closed: true }, SHADE);
  strokeDashed(canvas, outline, { width: 1.4, dash: 10, gap: 8, closed: true }, [INK[0], INK[1], INK[2], 0.7]);
}

/** A positive disc has a whole box, a negative one corners only, an unanswered one dashes. */
function drawBox(canvas: Canvas, disc: DiscFinding, placement: PicturePlace): void {
  const outline = corners(disc.box, placement);
  const verdict = verdictOf(disc);
  const colour = VERDICT_COLOURS[verdict];
  if (verdict === 'unanswered') {
    strokeDashed(canvas, outline, { width: 4, dash: 5, gap: 5, closed: true }, SHADE);
    strokeDashed(canvas, outline, { width: 2, dash: 5, gap: 5, closed: true }, colour);
    return;
  }
  const lines = verdict === 'neither' ? brackets(outline) : [[...outline, outline[0]!]];
  const width = verdict === 'neither' ? 1.8 : 3;
  for (const line of lines) strokeLine(canvas, line, width + 2.4, SHADE);
  for (const line of lines) strokeLine(canvas, line, width, colour);
}

/** The four corners of a box as lines a quarter of its shorter side long. */
function brackets(outline: readonly Point[]): Point[][] {
  const [topLeft, topRight, , bottomLeft] = outline as readonly [Point, Point, Point, Point];
  const arm = Math.min(topRight[0] - topLeft[0], bottomLeft[1] - topLeft[1]) / 4;
  return outline.map((corner, index) => {
    const towards = (other: Point): Point => [
      corner[0] + Math.sign(other[0] - corner[0]) * arm,
      corner[1] + Math.sign(other[1] - corner[1]) * arm,
    ];
    return [towards(outline[(index + 3) % 4]!), corner, towards(outline[(index + 1) % 4]!)];
  });
}

function drawCards(
  canvas: Canvas,
  report: Report,
  placement: PicturePlace,
  body: { top: number; height: number },
): void {
  const discs = [...report.discs].sort((a, b) => centreY(a) - centreY(b));
  const wanted = discs.map((disc) => placement.top + centreY(disc) * placement.scale - CARD_HEIGHT / 2);
  const tops = stack(wanted, body.top, body.top + body.height);
  discs.forEach((disc, index) => {
    const top = tops[index]!;
    const anchor = onPicture(placement, disc.box.x, centreY(disc));
    drawLeader(canvas, [EDGE + CARD_WIDTH, top + CARD_HEIGHT / 2], anchor, disc);
    drawCard(canvas, disc, report.reasons, { left: EDGE, top });
  });
}

const centreY = ({ box }: DiscFinding) => box.y + box.height / 2;

/** Tops as near to the wanted ones (ascending) as cards without overlap allow, between two heights. */
function stack(wanted: readonly number[], from: number, to: number): number[] {
  const step = CARD_HEIGHT + CARD_GAP;
  const tops: number[] = [];
  for (const top of wanted) tops.push(Math.max(from, top, (tops.at(-1) ?? Number.NEGATIVE_INFINITY) + step));
  let limit = to - CARD_HEIGHT;
  for (let index = tops.length - 1; index >= 0; index--) {
    tops[index] = Math.round(Math.min(tops[index]!, limit));
    limit = tops[index]! - step;
  }
  return tops;
}

function drawLeader(canvas: Canvas, from: Point, to: Point, disc: DiscFinding): void {
  const colour = VERDICT_COLOURS[verdictOf(disc)];
  strokeLine(canvas, [from, to], 3.4, [0, 0, 0, 0.45]);
  strokeLine(canvas, [from, to], 1.4, [colour[0], colour[1], colour[2], 0.9]);
  fillCircle(canvas, to, 4.5, SHADE);
  fillCircle(canvas, to, 3, colour);
}
