import type { Box } from '../contracts/detection.ts';
import type { Measurements } from '../contracts/report.ts';
import type { PixelRect } from '../imaging/crop.ts';
import type { Grey8 } from '../imaging/image.ts';
import { canalWidth, signalRatio } from './canal.ts';
import { type DiscFrame, discFrame, discPixels } from './disc-frame.ts';
import { discHeights, vertebraHeight } from './heights.ts';
import { posteriorProtrusion } from './protrusion.ts';

const NOTHING: Measurements = {
  heightAnteriorMm: null,
  heightMiddleMm: null,
  heightPosteriorMm: null,
  heightIndex: null,
  areaMm2: null,
  posteriorProtrusionMm: null,
  canalApMm: null,
  signalRatio: null,
};

/** A disc that ends farther in front of the posterior wall was not segmented to its end, millimetres. */
const FARTHEST_IN_FRONT_MM = -4;

/** Neighbouring discs lie within this multiple of the median spacing; beyond it one is missing between them. */
const NEIGHBOUR = 1.55;

/**
 * Millimetres of each disc from the class mask, in the order of `boxes` (lowest disc first). Mask and slice have the same
 * size and square pixels of `spacingMm`; outside `part` nothing was segmented. A value that cannot be measured is null; so
 * are all of a disc that the mask does not cover or that `part` cuts. Rounded to 0.01.
 */
export function measureDiscs(
  { mask, part }: { readonly mask: Grey8; readonly part: PixelRect },
  upright: Grey8,
  boxes: readonly Box[],
  spacingMm: number,
): Measurements[] {
  const frames = discPixels(mask, boxes).map((pixels, index) =>
    isCut(pixels, mask.width, part) ? null : discFrame(pixels, mask.width, boxes[index]!),
  );
  const spacing = medianSpacing(boxes);
  const bodies = frames.slice(1).map((upper, index) => bodyHeight(mask, frames[index]!, upper, spacing));
  return frames.map((frame, index) => {
    if (frame === null) return NOTHING;
    const heights = discHeights(frame);
    const meanHeight = (heights.anterior + heights.middle + heights.posterior) / 3;
    const adjoining = [bodies[index - 1], bodies[index]].filter((height) => typeof height === 'number');
    const protrusion = posteriorProtrusion(mask, frame, spacing);
    const canal = canalWidth(mask, part, frame, meanHeight, spacingMm);
    const ratio = signalRatio(mask, upright, frame, spacingMm);
    return {
      heightAnteriorMm: round2(heights.anterior * spacingMm),
      heightMiddleMm: round2(heights.middle * spacingMm),
      heightPosteriorMm: round2(heights.posterior * spacingMm),
      heightIndex:
        adjoining.length === 0 ? null : round2((meanHeight * adjoining.length) / adjoining.reduce((a, b) => a + b, 0)),
      areaMm2: round2(frame.area * spacingMm ** 2),
      posteriorProtrusionMm:
        protrusion === null || protrusion * spacingMm < FARTHEST_IN_FRONT_MM ? null : round2(protrusion * spacingMm),
      canalApMm: canal === null ? null : round2(canal * spacingMm),
      signalRatio: ratio === null ? null : round2(ratio),
    };
  });
}

function isCut(pixels: readonly number[], width: number, { x0, y0, x1, y1 }: PixelRect): boolean {
  return pixels.some((pixel) => {
    const x = pixel % width;
    const y = Math.floor(pixel / width);
    return x <= x0 || y <= y0 || x >= x1 - 1 || y >= y1 - 1;
  });
}

function bodyHeight(mask: Grey8, lower: DiscFrame | null, upper: DiscFrame | null, spacing: number): number | null {
  if (lower === null || upper === null) return null;
  if (Math.hypot(upper.x - lower.x, upper.y - lower.y) > NEIGHBOUR * spacing) return null;
  return vertebraHeight(mask, lower, upper);
}

function medianSpacing(boxes: readonly Box[]): number {
  const distances = boxes
    .slice(1)
    .map((box, index) => {
      const below = boxes[index]!;
      const [dx, dy] = [
        box.x - below.x + (box.width - below.width) / 2,
        box.y - below.y + (box.height - below.height) / 2,
      ];
      return Math.hypot(dx, dy);
    })
    .sort((a, b) => a - b);
  return distances[Math.floor((distances.length - 1) / 2)] ?? boxes[0]?.width ?? 0;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
