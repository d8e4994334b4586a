import { describe, expect, it } from 'vitest';
import { type Canvas, createCanvas } from '../../../src/reporting/canvas.ts';
import { drawPictureMarks, type PicturePlace } from '../../../src/reporting/picture-marks.ts';
import { sampleReport } from './report-samples.ts';

const PLACE: PicturePlace = { left: 100, top: 50, width: 400, height: 600, scale: 2 };

function draw(input: Partial<NonNullable<ReturnType<typeof sampleReport>['input']>>, place = PLACE) {
  const report = sampleReport();
  const canvas = createCanvas(600, 700, [90, 90, 90, 1]);
  drawPictureMarks(canvas, { ...report, input: { ...report.input!, ...input } }, place);
  return canvas;
}

/** Pixels of a part of the canvas that are nearly the ink's. */
function ink({ data, width }: Canvas, x0: number, y0: number, x1: number, y1: number): number {
  let count = 0;
  for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) if (data[(y * width + x) * 3]! > 220) count++;
  return count;
}

describe('drawPictureMarks', () => {
  it('writes head, foot, anterior and posterior at the edges of the picture, with doubt on a bare one', () => {
    const places: Array<readonly [number, number, number, number]> = [
      [280, 60, 320, 90],
      [280, 610, 320, 645],
      [105, 570, 145, 610],
      [455, 570, 495, 610],
    ];
    const [dicom, bare] = [
      draw({ kind: 'dicom', pixelSpacingMm: null }),
      draw({ kind: 'image', pixelSpacingMm: null }),
    ];
    for (const place of places) {
      expect(ink(dicom, ...place)).toBeGreaterThan(20);
      expect(ink(bare, ...place)).toBeGreaterThan(ink(dicom, ...place));
    }
    const everywhere = ink(dicom, 0, 0, 600, 700);
    expect(places.reduce((sum, place) => sum + ink(dicom, ...place), 0)).toBe(everywhere);
  });

  it.each([
    { spacingMm: 0.8, lengthMm: 50 },
    { spacingMm: 0.4, lengthMm: 20 },
  ])('draws a bar of $lengthMm mm at $spacingMm mm from column to column', ({ spacingMm, lengthMm }) => {
    const canvas = draw({ kind: 'dicom', pixelSpacingMm: [3, spacingMm] });
    const row = PLACE.top + PLACE.height - 18;
    const bar = ink(canvas, PLACE.left, row, PLACE.left + PLACE.width, row + 1);
    expect(Math.abs(bar - (lengthMm / spacingMm) * PLACE.scale)).toBeLessThanOrEqual(4);
  });

  it('leaves a picture alone that is too small for letters', () => {
    const canvas = draw({ kind: 'dicom' }, { ...PLACE, width: 100 });
    expect(ink(canvas, 0, 0, 600, 700)).toBe(0);
  });
});
