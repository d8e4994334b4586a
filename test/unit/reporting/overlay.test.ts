import { describe, expect, it } from 'vitest';
import { drawOverlay } from '../../../src/reporting/overlay.ts';
import { rejectedReport } from '../../../src/reporting/rejected.ts';
import { SIDE, sampleMask, sampleReport, sampleSlice } from './report-samples.ts';

const sample = () => ({ slice: sampleSlice(), report: sampleReport(), mask: sampleMask() });

describe('drawOverlay', () => {
  it('enlarges the slice to at least 900 pixels', () => {
    const picture = drawOverlay(sample());
    expect(picture.height).toBeGreaterThanOrEqual(900);
    expect(picture.data).toHaveLength(picture.width * picture.height * 3);
  });

  it('leaves its input unchanged and gives the same bytes again', () => {
    const input = sample();
    const first = drawOverlay(input);
    expect(input).toEqual(sample());
    expect(Buffer.compare(first.data, drawOverlay(sample()).data)).toBe(0);
  });

  it('leaves the picture outside region, leaders and boxes as it is', () => {
    const { width, height, data } = drawOverlay(sample());
    const behindTheSpine = width - 200;
    const grey = (y: number) => [
      ...data.subarray((y * width + behindTheSpine) * 3, (y * width + behindTheSpine) * 3 + 3),
    ];
    expect(grey(Math.round(height * 0.3))).toEqual([25, 25, 25]);
    expect(grey(Math.round(height * 0.7))).toEqual([225, 225, 225]);
  });

  it.each([
    ['wide', 640, 160],
    ['narrow', 60, 512],
    ['tiny', 8, 8],
    ['larger than the drawing', 1500, 1800],
  ])('draws a %s slice without discs or mask', (_, width, height) => {
    const slice = { depth: 'u8', width, height, data: new Uint8Array(width * height).fill(90) } as const;
    const report = { ...sampleReport(), discs: [], lumbarRegion: null };
    const picture = drawOverlay({ slice, report, mask: null });
    expect(picture.width).toBeLessThanOrEqual(1700);
    expect(picture.height).toBeLessThanOrEqual(1100);
  });

  it('makes room for twelve discs, boxes that leave the slice among them', () => {
    const report = sampleReport();
    const discs = Array.from({ length: 12 }, (_, index) => ({
      ...report.discs[0]!,
      box: { x: -5, y: SIDE - 12 - index * 15, width: SIDE + 20, height: 14 },
    }));
    const picture = drawOverlay({ slice: sampleSlice(), report: { ...report, discs }, mask: sampleMask() });
    expect(picture.height).toBeGreaterThan(12 * 86);
  });

  it('cuts boxes that leave the slice at its edges, so that none lies over header or cards', () => {
    const report = sampleReport();
    const draw = (beyond: number) =>
      drawOverlay({
        ...sample(),
        report: {
          ...report,
          lumbarRegion: {
            confidence: 0.9,
            box: { x: -beyond, y: -beyond, width: SIDE + 2 * beyond, height: SIDE + 2 * beyond },
          },
          discs: report.discs.map((disc) => ({
            ...disc,
            box: { ...disc.box, x: -beyond, width: SIDE + 2 * beyond },
          })),
        },
      });
    expect(Buffer.compare(draw(30).data, draw(0).data)).toBe(0);
  });

  it('draws a refused slice with its reason', () => {
    const report = rejectedReport({
      status: 'rejected',
      reasons: [{ code: 'lumbar_region_not_found', message: 'No lumbar region was found on any candidate slice.' }],
      tenant: 'local',
      study: null,
      runKey: null,
    });
    expect(drawOverlay({ slice: sampleSlice(), report, mask: null }).width).toBeGreaterThan(900);
  });
});
