import type { Orientation } from '../imaging/orientation.ts';
import { columnDirection, rowDirection } from './frames.ts';
import { cross, type Vector } from './geometry.ts';
import type { DirectionCosines } from './object.ts';

export type Plane = 'sagittal' | 'coronal' | 'axial' | 'oblique';

export interface SlicePlane {
  readonly plane: Plane;
  /** Unit normal, its largest component positive, so that slices are ordered to the left, the back or the head. */
  readonly normal: Vector;
  /** Angle between the normal and the left-right axis, degrees, 0 to 90. */
  readonly obliquityDegrees: number;
}

/** A slice is of a plane when its normal lies within this angle of the plane's axis. */
const MAX_OBLIQUITY_DEGREES = 35;
const MIN_COSINE = Math.cos((MAX_OBLIQUITY_DEGREES * Math.PI) / 180);

export function slicePlane(orientation: DirectionCosines): SlicePlane {
  const normal = cross(rowDirection(orientation), columnDirection(orientation));
  const sizes = normal.map(Math.abs) as [number, number, number];
  const largest = Math.max(...sizes);
  const axis = sizes.indexOf(largest);
  const sign = normal[axis]! < 0 ? -1 : 1;
  const plane = largest < MIN_COSINE ? 'oblique' : (['sagittal', 'coronal', 'axial'] as const)[axis]!;
  return {
    plane,
    normal: [sign * normal[0], sign * normal[1], sign * normal[2]],
    obliquityDegrees: (Math.acos(Math.min(1, sizes[0])) * 180) / Math.PI,
  };
}

/**
 * Which exact moves bring a sagittal slice head up and anterior left: the transpose first, then the flips of the
 * picture that is then there. Columns must then run to the patient's back (+y) and rows to the feet (-z).
 */
export function uprightMoves(orientation: DirectionCosines): Orientation {
  const row = rowDirection(orientation);
  const column = columnDirection(orientation);
  const straight = Math.abs(row[1]) + Math.abs(column[2]);
  const turned = Math.abs(row[2]) + Math.abs(column[1]);
  const transpose = turned > straight;
  const [across, down] = transpose ? [column, row] : [row, column];
  return { transpose, flipX: across[1] < 0, flipY: down[2] > 0 };
}
