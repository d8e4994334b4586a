import { InputFault } from '../contracts/reasons.ts';
import type { DataSet, Element } from './data-set.ts';
import { functionalGroups, macro } from './functional-groups.ts';
import { TAG } from './tags.ts';
import type { TransferSyntax } from './transfer-syntax.ts';
import { code, number, numbers } from './values.ts';

/** How the pixels are stored; consistent with the pixel data's length where it could be told without decoding. */
export interface PixelDescription {
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
  readonly bitsAllocated: 8 | 16;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  /** Low stored values are to be shown bright: MONOCHROME1, or a negative rescale slope, not both. */
  readonly invert: boolean;
  readonly padding: PixelPadding | null;
  readonly element: Element;
}

/** Stored values outside what was imaged, PS3.3 C.7.5.1.1.2: those between the two, which stand in no order. */
interface PixelPadding {
  /** 16-bit words, two's complement where pixels are signed. */
  readonly value: number;
  readonly limit: number;
}

/** Rows or columns beyond this, stored or of square pixels, are no slice of a patient. */
export const MAX_SIDE = 8192;
const MAX_FRAMES = 10_000;

/**
 * Reads and checks the Image Pixel module (PS3.3 C.7.6.3) of an MR object against its pixel data, before anything is
 * allocated by its sizes. Throws `InputFault`: `unsupported_transfer_syntax`, `unsupported_pixels`,
 * `inconsistent_header`, `no_pixels`, `dimensions`, `truncated`.
 */
export function describePixels(set: DataSet, syntax: TransferSyntax): PixelDescription {
  const element = set.elements.get(TAG.pixelData);
  if (element === undefined) throw new InputFault('no_pixels');
  if (syntax.pixels === null) throw new InputFault('unsupported_transfer_syntax', syntax.name);
  const photometric = code(set, TAG.photometric);
  const samples = single(set, TAG.samplesPerPixel, 1);
  if (samples === 0) throw new InputFault('inconsistent_header', 'samples per pixel');
  if (samples !== 1) throw new InputFault('unsupported_pixels', 'colour');
  if (photometric !== 'MONOCHROME1' && photometric !== 'MONOCHROME2') {
    throw new InputFault('unsupported_pixels', 'photometric interpretation');
  }
  const description: PixelDescription = {
    rows: single(set, TAG.rows),
    columns: single(set, TAG.columns),
    frames: frameCount(set),
    ...bitDepth(set),
    signed: sign(set),
    invert: (photometric === 'MONOCHROME1') !== rescaleSlopeOf(set) < 0,
    padding: pixelPaddingOf(set),
    element,
  };
  checkSizes(description, syntax);
  checkRescale(set);
  return description;
}

function single(
  set: DataSet,
  tag:
    | typeof TAG.rows
    | typeof TAG.samplesPerPixel
    | typeof TAG.columns
    | typeof TAG.bitsAllocated
    | typeof TAG.bitsStored
    | typeof TAG.highBit
    | typeof TAG.pixelRepresentation,
  otherwise?: number,
): number {
  const values = numbers(set, tag);
  if (values.length === 0 && otherwise !== undefined) return otherwise;
  const [value] = values;
  if (value === undefined || !Number.isInteger(value) || value < 0) {
    throw new InputFault('inconsistent_header', 'an element of the image pixel module');
  }
  return value;
}

function frameCount(set: DataSet): number {
  const values = numbers(set, TAG.numberOfFrames);
  if (values.length === 0) return 1;
  const [frames] = values;
  if (frames === undefined || !Number.isInteger(frames) || frames < 1 || frames > MAX_FRAMES) {
    throw new InputFault('inconsistent_header', 'number of frames');
  }
  return frames;
}

function bitDepth(set: DataSet): Pick<PixelDescription, 'bitsAllocated' | 'bitsStored' | 'highBit'> {
  const bitsAllocated = single(set, TAG.bitsAllocated);
  if (bitsAllocated !== 8 && bitsAllocated !== 16)
    throw new InputFault('unsupported_pixels', `${bitsAllocated % 1000} bits allocated`);
  const bitsStored = single(set, TAG.bitsStored, bitsAllocated);
  const highBit = single(set, TAG.highBit, bitsStored - 1);
  if (bitsStored < 1 || bitsStored > bitsAllocated || highBit >= bitsAllocated || highBit + 1 < bitsStored) {
    throw new InputFault('inconsistent_header', 'bits stored and high bit');
  }
  return { bitsAllocated, bitsStored, highBit };
}

function sign(set: DataSet): boolean {
  const value = single(set, TAG.pixelRepresentation, 0);
  if (value > 1) throw new InputFault('inconsistent_header', 'pixel representation');
  return value === 1;
}

function checkSizes(description: PixelDescription, syntax: TransferSyntax): void {
  const { rows, columns, frames, bitsAllocated, element } = description;
  if (rows === 0 || columns === 0) throw new InputFault('inconsistent_header', 'rows and columns');
  if (element.length === 0) throw new InputFault('no_pixels', 'the pixel data is empty');
  const native = syntax.pixels === 'native';
  if (native !== (element.fragments === undefined)) throw new InputFault('inconsistent_header', 'pixel encapsulation');
  const wanted = ((rows * columns * bitsAllocated) / 8) * frames;
  if (native && wanted > element.length)
    throw new InputFault('inconsistent_header', 'the pixel data is shorter than its header says');
  if (!native && (element.fragments?.length ?? 0) - 1 < frames) {
    throw new InputFault('inconsistent_header', 'fewer pixel fragments than frames');
  }
  if (rows > MAX_SIDE || columns > MAX_SIDE) throw new InputFault('dimensions');
}

/** Null where PixelPaddingValue (0028,0120) is absent; without PixelPaddingRangeLimit (0028,0121) one value pads. */
function pixelPaddingOf(set: DataSet): PixelPadding | null {
  const value = number(set, TAG.pixelPaddingValue);
  if (value === null) return null;
  const limit = number(set, TAG.pixelPaddingRangeLimit) ?? value;
  return { value: value & 0xffff, limit: limit & 0xffff };
}

/** That of the object, or of its first frame's functional groups. */
function rescaleSlopeOf(set: DataSet): number {
  const transform = macro(functionalGroups(set), 0, TAG.pixelTransformSequence);
  return number(set, TAG.rescaleSlope) ?? (transform === null ? null : number(transform, TAG.rescaleSlope)) ?? 1;
}

/** Throws where the rescale values are no finite line; where they are absent there is nothing to check. PS3.3 C.11.1. */
export function checkRescale(set: DataSet): void {
  for (const tag of [TAG.rescaleSlope, TAG.rescaleIntercept] as const) {
    const [value] = numbers(set, tag);
    if (value !== undefined && !(Math.abs(value) < 1e30)) throw new InputFault('unsupported_pixels', 'rescale');
  }
  if (number(set, TAG.rescaleSlope) === 0) throw new InputFault('unsupported_pixels', 'rescale');
}
