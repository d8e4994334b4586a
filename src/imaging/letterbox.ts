import type { GreyF32, GreyImage } from './image.ts';
import { planeOf, resizeInto } from './resize.ts';

/** Where a `sourceWidth` x `sourceHeight` picture lies inside a `width` x `height` frame; all in pixels. */
export interface Placement {
  readonly width: number;
  readonly height: number;
  readonly sourceWidth: number;
  readonly sourceHeight: number;
  readonly contentWidth: number;
  readonly contentHeight: number;
  readonly left: number;
  readonly top: number;
}

export type ResizeRule = 'letterbox' | 'stretch';

/** Centred, uncropped, aspect kept up to rounding: docs/model-pack.md, "Letterbox"; or filling the frame: "Stretch". */
export function planPlacement(
  source: { readonly width: number; readonly height: number },
  frame: { readonly width: number; readonly height: number },
  rule: ResizeRule,
): Placement {
  const { width, height } = frame;
  const base = { width, height, sourceWidth: source.width, sourceHeight: source.height };
  if (rule === 'stretch') return { ...base, contentWidth: width, contentHeight: height, left: 0, top: 0 };
  const ratio = Math.min(width / source.width, height / source.height);
  const contentWidth = Math.max(1, Math.floor(source.width * ratio + 0.5));
  const contentHeight = Math.max(1, Math.floor(source.height * ratio + 0.5));
  const left = Math.floor((width - contentWidth) / 2);
  const top = Math.floor((height - contentHeight) / 2);
  return { ...base, contentWidth, contentHeight, left, top };
}

/** Frame point to source point, both in pixel-edge coordinates: the exact inverse of the placement. */
export function fromFrame(placement: Placement, x: number, y: number): { x: number; y: number } {
  return {
    x: ((x - placement.left) * placement.sourceWidth) / placement.contentWidth,
    y: ((y - placement.top) * placement.sourceHeight) / placement.contentHeight,
  };
}

/** Source point to frame point. */
export function toFrame(placement: Placement, x: number, y: number): { x: number; y: number } {
  return {
    x: (x * placement.contentWidth) / placement.sourceWidth + placement.left,
    y: (y * placement.contentHeight) / placement.sourceHeight + placement.top,
  };
}

/** The picture in its frame, values 0..255, the rest `pad`. */
export function place(image: GreyImage, placement: Placement, pad: number): GreyF32 {
  const { width, height } = placement;
  const data = new Float32Array(width * height).fill(pad);
  placeInto(image, placement, data, 0);
  return { depth: 'f32', width, height, data };
}

/** Writes the resized content alone at `offset` of a frame buffer, each value as `value * scale + shift`. */
export function placeInto(
  image: GreyImage,
  placement: Placement,
  target: Float32Array,
  offset: number,
  scale = 1,
  shift = 0,
): void {
  const inside = offset + placement.top * placement.width + placement.left;
  const size = { width: placement.contentWidth, height: placement.contentHeight };
  resizeInto(planeOf(image), { data: target, offset: inside, stride: placement.width, ...size }, scale, shift);
}
