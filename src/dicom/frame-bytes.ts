import { InputFault } from '../contracts/reasons.ts';
import type { DataSet, Fragment } from './data-set.ts';
import { isMrImage } from './header.ts';
import { openPart10 } from './part10.ts';
import { describePixels, type PixelDescription } from './pixel-description.ts';
import type { PixelCoding } from './transfer-syntax.ts';

/** One frame's bytes as they lie in the file, and how to read them. */
export interface FrameBytes {
  readonly coding: PixelCoding;
  readonly littleEndian: boolean;
  readonly description: PixelDescription;
  readonly bytes: Uint8Array;
}

/** The bytes of one frame, from 0. Throws `InputFault` as `readHeader` does; `no_pixels` for a frame that is not there. */
export function frameBytes(file: Uint8Array, frame: number, options: { anyModality?: boolean } = {}): FrameBytes {
  const part10 = openPart10(file);
  const { dataSet, syntax } = part10;
  if (options.anyModality !== true && !isMrImage(part10)) throw new InputFault('modality');
  const description = describePixels(dataSet, syntax);
  if (!Number.isInteger(frame) || frame < 0 || frame >= description.frames)
    throw new InputFault('no_pixels', 'no such frame');
  const { element } = description;
  const bytes =
    element.fragments === undefined
      ? nativeFrame(dataSet, description, frame)
      : encapsulatedFrame(dataSet, element.fragments, description.frames, frame);
  // describePixels refuses a syntax without a coding.
  return { coding: syntax.pixels ?? 'native', littleEndian: syntax.littleEndian, description, bytes };
}

function nativeFrame({ bytes }: DataSet, description: PixelDescription, frame: number): Uint8Array {
  const size = (description.rows * description.columns * description.bitsAllocated) / 8;
  const start = description.element.offset + frame * size;
  return bytes.subarray(start, start + size);
}

/**
 * Fragments of one frame joined, PS3.5 annex A.4: all of a single frame, one a frame where they are as many, else by the
 * basic offset table, or where that is empty by where codestreams begin.
 */
function encapsulatedFrame(set: DataSet, fragments: readonly Fragment[], frames: number, frame: number): Uint8Array {
  const [table, ...data] = fragments;
  if (frames === 1) return join(set, data);
  if (data.length === frames) return join(set, data.slice(frame, frame + 1));
  const firsts = offsetTable(set, table, data, frames) ?? codestreamStarts(set, data);
  if (firsts.length !== frames) throw new InputFault('inconsistent_header', 'fragments do not say where frames begin');
  return join(set, data.slice(firsts[frame], firsts[frame + 1] ?? data.length));
}

/** The index of each frame's first fragment, or null where the table is empty. */
function offsetTable(
  set: DataSet,
  table: Fragment | undefined,
  data: readonly Fragment[],
  frames: number,
): number[] | null {
  if (table === undefined || table.length === 0) return null;
  if (table.length !== 4 * frames) throw new InputFault('malformed', 'the basic offset table');
  const first = data[0]?.offset ?? 0;
  const starts = new Map(data.map((fragment, index) => [fragment.offset - first, index]));
  return Array.from({ length: frames }, (_, frame) => {
    const index = starts.get(set.view.getUint32(table.offset + 4 * frame, set.littleEndian));
    if (index === undefined) throw new InputFault('malformed', 'the basic offset table');
    return index;
  });
}

/** Start of image of JPEG and JPEG-LS with the next marker, start of codestream of JPEG 2000: no data in between holds them. */
const CODESTREAM_STARTS = [
  [0xff, 0xd8, 0xff],
  [0xff, 0x4f, 0xff, 0x51],
] as const;

/** The indices of the fragments that begin a codestream. */
function codestreamStarts({ bytes }: DataSet, data: readonly Fragment[]): number[] {
  const begins = ({ offset, length }: Fragment) =>
    CODESTREAM_STARTS.some(
      (magic) => length >= magic.length && magic.every((byte, index) => bytes[offset + index] === byte),
    );
  return data.flatMap((fragment, index) => (begins(fragment) ? [index] : []));
}

function join(set: DataSet, fragments: readonly Fragment[]): Uint8Array {
  const parts = fragments.map(({ offset, length }) => set.bytes.subarray(offset, offset + length));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
