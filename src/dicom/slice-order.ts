import { dot } from './geometry.ts';
import { slicePlane } from './plane.ts';
import type { Series, SeriesFrame } from './series.ts';

export interface OrderedSlice {
  readonly frame: SeriesFrame;
  /** Millimetres along the normal from the middle of the series; null where positions are unknown. */
  readonly offsetMm: number | null;
  /** Place along the normal, from 0. */
  readonly sliceIndex: number;
}

/** Two frames closer than this lie on one place; the one whose SOP instance UID sorts first stays. */
const SAME_PLACE_MM = 0.01;

/**
 * The slices of a series ordered along their normal, by position alone. Frames of a multi-frame object that says nothing
 * of positions keep their order. Frames without a place are left out where others have one.
 */
export function orderSlices(series: Series): OrderedSlice[] {
  const orientation = series.frames[0].geometry.orientation;
  if (orientation === null) return [];
  const { normal } = slicePlane(orientation);
  const placed = series.frames.flatMap((frame) => {
    const { position } = frame.geometry;
    return position === null ? [] : [{ frame, at: dot(normal, position) }];
  });
  if (placed.length <= 1 && series.frames.length > 1 && series.frames.every(({ object }) => object.multiFrame)) {
    return series.frames.map((frame, sliceIndex) => ({ frame, offsetMm: null, sliceIndex }));
  }
  const sorted = placed
    .sort((a, b) => a.at - b.at)
    .filter(({ at }, index, all) => index === 0 || at - all[index - 1]!.at > SAME_PLACE_MM);
  const middle = ((sorted[0]?.at ?? 0) + (sorted.at(-1)?.at ?? 0)) / 2;
  return sorted.map(({ frame, at }, sliceIndex) => ({ frame, offsetMm: at - middle, sliceIndex }));
}

/** All slices, those nearest to the middle first; of two equally near ones the lower index. */
export function fromTheMiddle(slices: readonly OrderedSlice[]): OrderedSlice[] {
  const middle = (slices.length - 1) / 2;
  const distance = ({ offsetMm, sliceIndex }: OrderedSlice) => round(Math.abs(offsetMm ?? sliceIndex - middle));
  return [...slices].sort((a, b) => distance(a) - distance(b) || a.sliceIndex - b.sliceIndex);
}

/** A hundredth of a millimetre: equal distances on both sides differ in the last bits. */
const round = (value: number): number => Math.round(value * 100) / 100;
