import { InputFault } from '../contracts/reasons.ts';
import { squarePixelSize } from '../imaging/resize.ts';
import type { DataSet } from './data-set.ts';
import {
  type FunctionalGroups,
  frameComplexComponent,
  frameEchoTimeMs,
  frameImageType,
  macro,
} from './functional-groups.ts';
import { add, cross, dot, length, scale, type Vector } from './geometry.ts';
import type { DicomFrame, DirectionCosines, Position } from './object.ts';
import { MAX_SIDE, type PixelDescription } from './pixel-description.ts';
import { TAG } from './tags.ts';
import { code, codes, number, numbers } from './values.ts';

/** A pixel of a patient's slice is between these, millimetres. */
const MIN_SPACING_MM = 0.01;
const MAX_SPACING_MM = 20;
const MAX_POSITION_MM = 1e5;

/**
 * The geometry and kind of every frame. Values that are absent are null. Throws `InputFault`: `geometry_unknown` where
 * values are there and cannot be, `dimensions` where a slice of square pixels would have too long a side. A classic
 * multi-frame object places its first frame alone: the others follow along the normal at SpacingBetweenSlices where that
 * is known.
 */
export function frameGeometry(set: DataSet, groups: FunctionalGroups, pixels: PixelDescription): DicomFrame[] {
  const first = orientationOf(set);
  const firstPosition = positionOf(set);
  const spacing = spacingOf(set, pixels);
  const step = number(set, TAG.spacingBetweenSlices);
  const echo = number(set, TAG.echoTime) ?? number(set, TAG.effectiveEchoTime);
  const kind = { imageType: codes(set, TAG.imageType), complexComponent: code(set, TAG.complexComponent) };
  return Array.from({ length: pixels.frames }, (_, frame) => {
    const plane = macro(groups, frame, TAG.planeOrientationSequence);
    const position = macro(groups, frame, TAG.planePositionSequence);
    const measures = macro(groups, frame, TAG.pixelMeasuresSequence);
    const orientation = plane === null ? first : orientationOf(plane);
    return {
      orientation,
      position: position === null ? stacked(firstPosition, orientation, step, frame) : positionOf(position),
      spacingMm: measures === null ? spacing : spacingOf(measures, pixels),
      echoTimeMs: frameEchoTimeMs(groups, frame) ?? echo,
      ...frameKind(groups, frame, kind),
    };
  });
}

type FrameKind = Pick<DicomFrame, 'imageType' | 'complexComponent'>;

function frameKind(groups: FunctionalGroups, frame: number, object: FrameKind): FrameKind {
  const imageType = frameImageType(groups, frame);
  const component = frameComplexComponent(groups, frame) ?? object.complexComponent;
  return {
    imageType: imageType.length > 0 ? imageType : object.imageType,
    complexComponent: component === 'MAGNITUDE' ? null : component,
  };
}

/** The place of a frame that has none of its own. */
function stacked(
  first: Position | null,
  orientation: DirectionCosines | null,
  stepMm: number | null,
  frame: number,
): Position | null {
  if (frame === 0 || first === null) return first;
  if (orientation === null || stepMm === null || stepMm === 0) return null;
  return add(first, scale(cross(rowDirection(orientation), columnDirection(orientation)), stepMm * frame));
}

export const rowDirection = (orientation: DirectionCosines): Vector => [orientation[0], orientation[1], orientation[2]];
export const columnDirection = (orientation: DirectionCosines): Vector => [
  orientation[3],
  orientation[4],
  orientation[5],
];

function orientationOf(set: DataSet): DirectionCosines | null {
  const values = numbers(set, TAG.imageOrientation);
  if (values.length === 0) return null;
  const row: Vector = [values[0]!, values[1]!, values[2]!];
  const column: Vector = [values[3]!, values[4]!, values[5]!];
  const [rowLength, columnLength] = [length(row), length(column)];
  const unit = (value: number) => value > 0.9 && value < 1.1;
  const perpendicular = Math.abs(dot(row, column)) < 0.02 * rowLength * columnLength;
  if (
    values.length !== 6 ||
    !values.every(Number.isFinite) ||
    !unit(rowLength) ||
    !unit(columnLength) ||
    !perpendicular
  ) {
    throw new InputFault('geometry_unknown', 'orientation');
  }
  return [...scale(row, 1 / rowLength), ...scale(column, 1 / columnLength)] as const;
}

function positionOf(set: DataSet): Position | null {
  const values = numbers(set, TAG.imagePosition);
  if (values.length === 0) return null;
  const [x, y, z] = values;
  if (values.length !== 3 || !values.every((value) => Math.abs(value) < MAX_POSITION_MM)) {
    throw new InputFault('geometry_unknown', 'position');
  }
  return [x!, y!, z!];
}

function spacingOf(set: DataSet, { rows, columns }: PixelDescription): readonly [number, number] | null {
  const values = numbers(set, TAG.pixelSpacing);
  if (values.length === 0) return null;
  const [row, column] = values;
  if (values.length !== 2 || !values.every((value) => value >= MIN_SPACING_MM && value <= MAX_SPACING_MM)) {
    throw new InputFault('geometry_unknown', 'pixel spacing');
  }
  const spacing = [row!, column!] as const;
  const square = squarePixelSize(columns, rows, spacing);
  if (Math.max(square.width, square.height) > MAX_SIDE) throw new InputFault('dimensions', 'pixel spacing');
  return spacing;
}
