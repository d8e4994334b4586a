import type { Report } from '../contracts/report.ts';
import type { Canvas } from './canvas.ts';
import { drawText } from './lettering.ts';
import { INK, SHADE } from './palette.ts';
import { strokeLine } from './shapes.ts';

/** Where the slice lies on the canvas, and its canvas pixels a slice pixel. */
export interface PicturePlace {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly scale: number;
}

const LETTER = {
  size: 20,
  weight: 'semibold',
  colour: INK,
  align: 'centre',
  halo: { width: 2.5, colour: SHADE },
} as const;
/** Distance of a letter's middle from the picture's edge, canvas pixels. */
const INSET = 22;
/** Height at which `A` and `P` stand: below the discs, so that no leader crosses them. */
const SIDES = 0.9;

const BAR = { lengthsMm: [50, 20, 10], share: 0.4, inset: 18, tick: 5 } as const;

/**
 * Letters at the edges as PACS draw them (head, foot, anterior, posterior); with a question mark on a bare picture, which
 * is only taken to lie so. A bar of 50, 20 or 10 mm where the pixel spacing is known. Too small a picture has neither.
 */
export function drawPictureMarks(canvas: Canvas, { input }: Report, place: PicturePlace): void {
  const { left, top, width, height } = place;
  if (Math.min(width, height) < 6 * INSET) return;
  const doubt = input?.kind === 'dicom' ? '' : '?';
  const baseline = LETTER.size * 0.36;
  const letter = (text: string, x: number, y: number) => drawText(canvas, `${text}${doubt}`, x, y + baseline, LETTER);
  letter('H', left + width / 2, top + INSET);
  letter('F', left + width / 2, top + height - INSET);
  letter('A', left + INSET, top + height * SIDES);
  letter('P', left + width - INSET, top + height * SIDES);
  const spacingMm = input?.pixelSpacingMm?.[1] ?? null;
  if (spacingMm !== null) drawScale(canvas, place, spacingMm / place.scale);
}

function drawScale(canvas: Canvas, { left, top, width, height }: PicturePlace, mmPerPixel: number): void {
  const lengthMm = BAR.lengthsMm.find((mm) => mm / mmPerPixel <= BAR.share * width);
  if (lengthMm === undefined) return;
  const [right, y] = [left + width - BAR.inset, top + height - BAR.inset];
  const start = right - lengthMm / mmPerPixel;
  const lines = [
    [start, y, right, y],
    [start, y - BAR.tick, start, y + BAR.tick],
    [right, y - BAR.tick, right, y + BAR.tick],
  ] as const;
  for (const [width, colour] of [
    [5, SHADE],
    [2, INK],
  ] as const) {
    for (const [x0, y0, x1, y1] of lines) {
      strokeLine(
        canvas,
        [
          [x0, y0],
          [x1, y1],
        ],
        width,
        colour,
      );
    }
  }
  drawText(canvas, `${lengthMm} mm`, (start + right) / 2, y - 10, { ...LETTER, size: 15 });
}
