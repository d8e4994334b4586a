import type { Box, ScoredBox } from '../contracts/detection.ts';

/** A network's answer: `dims` are 1, 4 + classes, anchors; `data` is row major. */
export interface YoloOutput {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface YoloRules {
  /** Number of classes the export has. */
  readonly classes: number;
  /** The class that is wanted, from 0. */
  readonly targetClass: number;
  /** A score counts above this, not at it. */
  readonly confidence: number;
  /** Boxes of one class that overlap a better one by more than this are dropped. */
  readonly nmsIou: number;
}

/**
 * Decodes the usual YOLOv8 export, `1 x (4 + classes) x anchors`: centre x, centre y, width and height in input
 * pixels, then class scores in 0..1. Returns the boxes of the target class after class-wise non-maximum suppression,
 * highest score first, ties by lower anchor index; in input pixels, pixel edges, origin top left. An empty array where
 * nothing scores; boxes that are not finite or have no area are dropped. Throws `RangeError` where dims do not fit or a
 * score is no number: what a broken network did not find is no fault of the picture.
 */
export function decodeYolov8(output: YoloOutput, rules: YoloRules): ScoredBox[] {
  const [batch, rows, anchors] = output.dims;
  if (output.dims.length !== 3 || batch !== 1 || rows !== 4 + rules.classes || anchors === undefined) {
    throw new RangeError(`a YOLOv8 output is 1 x ${4 + rules.classes} x anchors, not ${output.dims.join(' x ')}`);
  }
  const { data } = output;
  const scores = (4 + rules.targetClass) * anchors;
  const candidates: ScoredBox[] = [];
  for (let anchor = 0; anchor < anchors; anchor++) {
    const confidence = data[scores + anchor]!;
    if (!Number.isFinite(confidence)) throw new RangeError('a YOLOv8 output holds scores that are no numbers');
    if (confidence <= rules.confidence) continue;
    const width = data[2 * anchors + anchor]!;
    const height = data[3 * anchors + anchor]!;
    const box = { x: data[anchor]! - width / 2, y: data[anchors + anchor]! - height / 2, width, height };
    if (usable(box)) candidates.push({ box, confidence: Math.min(1, confidence) });
  }
  return suppress(candidates, rules.nmsIou);
}

/** Greedy non-maximum suppression; the sort is stable, so ties keep the order of the input. */
export function suppress(candidates: readonly ScoredBox[], iouLimit: number): ScoredBox[] {
  const kept: ScoredBox[] = [];
  for (const candidate of [...candidates].sort((a, b) => b.confidence - a.confidence)) {
    if (kept.every((other) => intersectionOverUnion(other.box, candidate.box) <= iouLimit)) kept.push(candidate);
  }
  return kept;
}

/** Area shared over area covered, 0 to 1. */
export function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

function usable({ x, y, width, height }: Box): boolean {
  return Number.isFinite(x) && Number.isFinite(y) && width > 0 && height > 0 && width < 1e6 && height < 1e6;
}
