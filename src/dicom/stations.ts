import { columnDirection, rowDirection } from './frames.ts';
import { add, dot, scale, type Vector } from './geometry.ts';
import type { DicomFrame } from './object.ts';

interface PlacedFrame {
  readonly object: { readonly rows: number; readonly columns: number };
  readonly geometry: DicomFrame;
}

/** Neighbouring frames whose centres lie further apart within their plane, as a share of the field of view, part. */
const STATION_SHARE = 0.25;

/**
 * Parts frames of one orientation into the stations of the table that they were taken at, from the feet up; each keeps
 * the frames' order. A stack whose slices are shifted little by little stays whole. Frames without a place go with the
 * first part.
 */
export function stationsOf<F extends PlacedFrame>(frames: readonly F[]): F[][] {
  const orientation = frames[0]?.geometry.orientation ?? null;
  if (orientation === null) return [[...frames]];
  const across = rowDirection(orientation);
  const down = columnDirection(orientation);
  return partAlong(frames, across, widthMm)
    .flatMap((part) => partAlong(part, down, heightMm))
    .sort((a, b) => footMm(a) - footMm(b));
}

/** Parts frames where their centres along a direction leave a gap. */
function partAlong<F extends PlacedFrame>(
  frames: readonly F[],
  direction: Vector,
  fieldMm: (frame: PlacedFrame) => number,
): F[][] {
  const placed = frames
    .flatMap((frame) => {
      const centre = centreOf(frame);
      return centre === null ? [] : [{ frame, at: dot(direction, centre) }];
    })
    .sort((a, b) => a.at - b.at);
  const partOf = new Map<F, number>();
  let part = 0;
  for (const [index, { frame, at }] of placed.entries()) {
    if (index > 0 && at - placed[index - 1]!.at > STATION_SHARE * fieldMm(frame)) part += 1;
    partOf.set(frame, part);
  }
  const parts: F[][] = Array.from({ length: part + 1 }, () => []);
  for (const frame of frames) parts[partOf.get(frame) ?? 0]!.push(frame);
  return parts;
}

/** The middle of a frame, where its field of view is known. */
function centreOf({ object, geometry }: PlacedFrame): Vector | null {
  const { orientation, position, spacingMm } = geometry;
  if (orientation === null || position === null || spacingMm === null) return null;
  const across = scale(rowDirection(orientation), ((object.columns - 1) * spacingMm[1]) / 2);
  const down = scale(columnDirection(orientation), ((object.rows - 1) * spacingMm[0]) / 2);
  return add(position, add(across, down));
}

const widthMm = ({ object, geometry }: PlacedFrame): number => object.columns * (geometry.spacingMm?.[1] ?? 0);
const heightMm = ({ object, geometry }: PlacedFrame): number => object.rows * (geometry.spacingMm?.[0] ?? 0);

/** The lowest centre of the frames, millimetres towards the head (LPS); infinite where none is placed. */
export const footMm = (frames: readonly PlacedFrame[]): number =>
  frames.reduce((lowest, frame) => Math.min(lowest, centreOf(frame)?.[2] ?? lowest), Number.POSITIVE_INFINITY);
