import type { Box, ScoredBox } from '../contracts/detection.ts';
import type { CropRule, DiscDetector, LumbarDetector, PackManifest } from '../contracts/pack.ts';
import { cropPixels, cropRect, type PixelRect } from '../imaging/crop.ts';
import type { Grey8 } from '../imaging/image.ts';
import { fromFrame } from '../imaging/letterbox.ts';
import { type InputBatch, inputBatch } from '../imaging/tensor.ts';
import { decodeYolov8, type YoloOutput } from './yolov8.ts';

type Detector = LumbarDetector | DiscDetector;

/** One look of a detector at a part of the upright slice: the network's input, and what maps its boxes back. */
export interface DetectorPlan {
  readonly input: InputBatch;
  /** The part of the upright slice that the network sees, whole pixels. */
  readonly view: PixelRect;
}

const WHOLE = (slice: Grey8): PixelRect => ({ x0: 0, y0: 0, x1: slice.width, y1: slice.height });

/** First stage: the whole slice. */
export function planRegion(slice: Grey8, detector: LumbarDetector): DetectorPlan {
  return { input: inputBatch([slice], detector.input), view: WHOLE(slice) };
}

/** Second stage: the region's crop by the member's rule; null where the region lies outside the slice. */
export function planDiscs(slice: Grey8, region: Box, detector: DiscDetector): DetectorPlan | null {
  const view = cropRect(region, detector.crop satisfies CropRule, slice);
  return view === null ? null : { input: inputBatch([cropPixels(slice, view)], detector.input), view };
}

/** A network's boxes in pixels of the upright slice, unclipped, best first. */
export function readDetections(
  plan: DetectorPlan,
  output: YoloOutput,
  detector: Detector,
  rules: PackManifest['detection'],
): ScoredBox[] {
  const placement = plan.input.placements[0]!;
  const { classes, targetClass } = detector.output;
  return decodeYolov8(output, { classes, targetClass, ...rules }).map(({ box, confidence }) => {
    const start = fromFrame(placement, box.x, box.y);
    const end = fromFrame(placement, box.x + box.width, box.y + box.height);
    const moved = {
      x: start.x + plan.view.x0,
      y: start.y + plan.view.y0,
      width: end.x - start.x,
      height: end.y - start.y,
    };
    return { box: moved, confidence };
  });
}
