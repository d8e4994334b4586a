import type { DataSet } from './data-set.ts';
import type { TagNumber } from './tags.ts';

const latin1 = new TextDecoder('latin1');
/** Longer values are cut: no value that is read here is longer by its VR, PS3.5 table 6.2-1. */
const MAX_TEXT_BYTES = 1024;

/** The value as text without padding, or null where it is absent or empty. No character set is decoded. */
export function text(set: DataSet, tag: TagNumber): string | null {
  const element = set.elements.get(tag);
  if (element === undefined || element.length === 0 || element.items !== undefined) return null;
  const end = element.offset + Math.min(element.length, MAX_TEXT_BYTES);
  const value = latin1.decode(set.bytes.subarray(element.offset, end));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: DICOM pads UIDs with NUL
  const trimmed = value.replace(/^[ \u0000]+|[ \u0000]+$/g, '');
  return trimmed === '' ? null : trimmed;
}

/** Coded strings in upper case; values with anything beside letters, digits, `_`, `-` and space are dropped. */
export function codes(set: DataSet, tag: TagNumber): string[] {
  const value = text(set, tag);
  if (value === null) return [];
  return value
    .split('\\')
    .map((part) => part.trim().toUpperCase())
    .filter((part) => /^[A-Z0-9_ -]{1,32}$/.test(part));
}

export const code = (set: DataSet, tag: TagNumber): string | null => codes(set, tag)[0] ?? null;

/** A decimal or integer string, PS3.5 section 6.2: NaN where it is no number. */
function parseDecimal(part: string): number {
  const trimmed = part.trim();
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(trimmed) ? Number(trimmed) : Number.NaN;
}

/** The numbers of a DS, IS, FD, FL, US, SS, UL or SL element; NaN for each that is none; empty where it is absent. */
export function numbers(set: DataSet, tag: TagNumber): number[] {
  const element = set.elements.get(tag);
  if (element === undefined || element.length === 0 || element.items !== undefined) return [];
  const unknown = element.vr === 'UN';
  const binary = BINARY[element.vr === '' || unknown ? (IMPLICIT_BINARY.get(tag) ?? '') : element.vr];
  if (binary === undefined) return (text(set, tag) ?? '').split('\\').map(parseDecimal);
  const { width, read } = binary;
  if (element.length % width !== 0) return [Number.NaN];
  const count = Math.min(element.length / width, MAX_TEXT_BYTES);
  // An UN value of a known element is little endian, whatever its data set is: PS3.5 section 6.2.2, note 2.
  const littleEndian = set.littleEndian || unknown;
  return Array.from({ length: count }, (_, index) => read(set.view, element.offset + index * width, littleEndian));
}

/** The first number, or null where it is absent or not finite. */
export function number(set: DataSet, tag: TagNumber): number | null {
  const value = numbers(set, tag)[0];
  return value !== undefined && Number.isFinite(value) ? value : null;
}

interface BinaryValue {
  readonly width: number;
  readonly read: (view: DataView, offset: number, littleEndian: boolean) => number;
}

const BINARY: Readonly<Record<string, BinaryValue>> = {
  US: { width: 2, read: (view, offset, little) => view.getUint16(offset, little) },
  SS: { width: 2, read: (view, offset, little) => view.getInt16(offset, little) },
  UL: { width: 4, read: (view, offset, little) => view.getUint32(offset, little) },
  SL: { width: 4, read: (view, offset, little) => view.getInt32(offset, little) },
  FL: { width: 4, read: (view, offset, little) => view.getFloat32(offset, little) },
  FD: { width: 8, read: (view, offset, little) => view.getFloat64(offset, little) },
};

/** Value representations of the binary elements that are read, PS3.6, for data sets that do not carry them. */
const IMPLICIT_BINARY: ReadonlyMap<number, string> = new Map<TagNumber, string>([
  [0x00280002, 'US'],
  [0x00280010, 'US'],
  [0x00280011, 'US'],
  [0x00280100, 'US'],
  [0x00280101, 'US'],
  [0x00280102, 'US'],
  [0x00280103, 'US'],
  // US or SS by the pixel representation: the reader of these two takes either for the other.
  [0x00280120, 'US'],
  [0x00280121, 'US'],
  [0x00189079, 'FD'],
  [0x00189082, 'FD'],
  [0x00189240, 'US'],
]);
