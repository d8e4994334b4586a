import { deflateRawSync } from 'node:zlib';
import { DICTIONARY, type Keyword, type Vr } from './write-dictionary.ts';
import { encodeRle } from './write-rle.ts';

/** Text, numbers, bytes or items of a sequence. Attribute tags (VR AT) are numbers. */
export type Value = string | number | readonly string[] | readonly number[] | Uint8Array | readonly Attributes[];
/** A data set by keyword: the writer sorts it. */
export type Attributes = { readonly [K in Keyword]?: Value };

/** An attribute outside the dictionary: a private one, or one that a test needs to be wrong. */
export interface RawElement {
  readonly tag: number;
  readonly vr: Vr;
  readonly value: Value;
}

/** Pixels: samples of all frames one after the other, or frames that an encoder made. */
export type Pixels =
  | { readonly kind: 'samples'; readonly samples: Uint8Array | Uint16Array | Int16Array }
  | { readonly kind: 'encoded'; readonly frames: readonly Uint8Array[] };

/** Transfer syntaxes that samples are written in: DICOM PS3.5 Annex A. */
export const WRITE_SYNTAX = {
  implicitLittleEndian: '1.2.840.10008.1.2',
  explicitLittleEndian: '1.2.840.10008.1.2.1',
  deflated: '1.2.840.10008.1.2.1.99',
  explicitBigEndian: '1.2.840.10008.1.2.2',
  rle: '1.2.840.10008.1.2.5',
} as const;

const SAMPLE_SYNTAXES: readonly string[] = Object.values(WRITE_SYNTAX);
/** 2.25 and a UUID as an integer: the UID of this writer. */
const IMPLEMENTATION_UID = '2.25.196415128732617218764935127640811239741';
const LONG_VRS: readonly Vr[] = ['OB', 'OW', 'SQ', 'UN', 'UT'];

interface Encoding {
  readonly explicit: boolean;
  readonly bigEndian: boolean;
}

/**
 * Writes a DICOM Part 10 file (PS3.10 section 7): preamble, file meta information, data set.
 * Samples are written native, deflated or as RLE; other syntaxes take encoded frames. Throws `RangeError` or
 * `TypeError` instead of writing a file that would not read back: missing UIDs, sizes that disagree, values that do
 * not fit their representation.
 */
export function writeDicom(
  attributes: Attributes,
  pixels: Pixels,
  transferSyntaxUid: string,
  raw: readonly RawElement[] = [],
): Buffer {
  const encoding = {
    explicit: transferSyntaxUid !== WRITE_SYNTAX.implicitLittleEndian,
    bigEndian: transferSyntaxUid === WRITE_SYNTAX.explicitBigEndian,
  };
  const body = Buffer.concat([
    encodeDataset([...elementsOf(attributes), ...raw], encoding),
    encodePixels(attributes, pixels, transferSyntaxUid, encoding),
  ]);
  const deflated = transferSyntaxUid === WRITE_SYNTAX.deflated;
  return Buffer.concat([fileMeta(attributes, transferSyntaxUid), deflated ? padded(deflateRawSync(body), 0) : body]);
}

function fileMeta(attributes: Attributes, transferSyntaxUid: string): Buffer {
  const encoding = { explicit: true, bigEndian: false };
  const uidOf = (keyword: 'SOPClassUID' | 'SOPInstanceUID'): string => {
    const uid = attributes[keyword];
    if (typeof uid !== 'string') throw new TypeError(`${keyword} is missing`);
    return uid;
  };
  const group = encodeDataset(
    [
      { tag: 0x00020001, vr: 'OB', value: Uint8Array.of(0, 1) },
      { tag: 0x00020002, vr: 'UI', value: uidOf('SOPClassUID') },
      { tag: 0x00020003, vr: 'UI', value: uidOf('SOPInstanceUID') },
      { tag: 0x00020010, vr: 'UI', value: transferSyntaxUid },
      { tag: 0x00020012, vr: 'UI', value: IMPLEMENTATION_UID },
      { tag: 0x00020013, vr: 'SH', value: 'DISCFLOW' },
    ],
    encoding,
  );
  const length = encodeElement({ tag: 0x00020000, vr: 'UL', value: group.length }, encoding);
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM', 'latin1'), length, group]);
}

function elementsOf(attributes: Attributes): RawElement[] {
  return (Object.keys(attributes) as Keyword[]).map((keyword) => {
    const [tag, vr] = DICTIONARY[keyword];
    return { tag, vr, value: attributes[keyword]! };
  });
}

function encodeDataset(elements: readonly RawElement[], encoding: Encoding): Buffer {
  const sorted = [...elements].sort((a, b) => a.tag - b.tag);
  const twice = sorted.find((element, i) => element.tag === sorted[i + 1]?.tag);
  if (twice !== undefined) throw new RangeError(`attribute ${twice.tag.toString(16).padStart(8, '0')} stands twice`);
  return Buffer.concat(sorted.map((element) => encodeElement(element, encoding)));
}

function encodeElement({ tag, vr, value }: RawElement, encoding: Encoding): Buffer {
  const body = encodeValue(vr, value, encoding);
  return Buffer.concat([elementHeader(tag, vr, body.length, encoding), body]);
}

function elementHeader(tag: number, vr: Vr, length: number, { explicit, bigEndian }: Encoding): Buffer {
  const long = !explicit || LONG_VRS.includes(vr);
  const header = Buffer.alloc(explicit && long ? 12 : 8);
  const u16 = (value: number, at: number) =>
    bigEndian ? header.writeUInt16BE(value, at) : header.writeUInt16LE(value, at);
  u16(tag >>> 16, 0);
  u16(tag & 0xffff, 2);
  if (explicit) header.write(vr, 4, 'latin1');
  if (!long) {
    if (length > 0xffff) throw new RangeError(`a value of ${vr} is longer than 65535 bytes`);
    u16(length, 6);
  } else if (bigEndian) header.writeUInt32BE(length, header.length - 4);
  else header.writeUInt32LE(length, header.length - 4);
  return header;
}

function encodeValue(vr: Vr, value: Value, encoding: Encoding): Buffer {
  if (vr === 'SQ') return encodeItems(value as readonly Attributes[], encoding);
  if (value instanceof Uint8Array) return padded(Buffer.from(value), 0);
  const values = (Array.isArray(value) ? value : [value]) as readonly (string | number)[];
  const binary = BINARY[vr];
  if (binary !== undefined) {
    if (values.some((v) => typeof v !== 'number')) throw new TypeError(`a value of ${vr} is no number`);
    return Buffer.concat((values as readonly number[]).map((v) => binary(v, encoding.bigEndian)));
  }
  const text = values.map((v) => (typeof v === 'number' ? decimalText(vr, v) : v)).join('\\');
  if (vr === 'UI' && !/^[0-9]+(\.[0-9]+)*(\\[0-9]+(\.[0-9]+)*)*$/.test(text))
    throw new RangeError('a UID holds digits and dots');
  if (vr === 'UI' && text.split('\\').some((uid) => uid.length > 64))
    throw new RangeError('a UID is longer than 64 characters');
  return padded(Buffer.from(text, 'utf8'), vr === 'UI' ? 0 : 0x20);
}

function encodeItems(items: readonly Attributes[], encoding: Encoding): Buffer {
  return Buffer.concat(
    items.map((item) => {
      const body = encodeDataset(elementsOf(item), encoding);
      return Buffer.concat([itemHeader(0xfffee000, body.length, encoding.bigEndian), body]);
    }),
  );
}

function itemHeader(tag: number, length: number, bigEndian = false): Buffer {
  return elementHeader(tag, 'UN', length, { explicit: false, bigEndian });
}

const padded = (body: Buffer, pad: number): Buffer =>
  body.length % 2 === 0 ? body : Buffer.concat([body, Buffer.of(pad)]);

type BinaryWriter = (value: number, bigEndian: boolean) => Buffer;

const integer =
  (bytes: 2 | 4, signed: boolean): BinaryWriter =>
  (value, bigEndian) => {
    const out = Buffer.alloc(bytes);
    if (signed) bigEndian ? out.writeIntBE(value, 0, bytes) : out.writeIntLE(value, 0, bytes);
    else bigEndian ? out.writeUIntBE(value, 0, bytes) : out.writeUIntLE(value, 0, bytes);
    return out;
  };
const float =
  (bytes: 4 | 8): BinaryWriter =>
  (value, bigEndian) => {
    const out = Buffer.alloc(bytes);
    const view = new DataView(out.buffer, out.byteOffset, bytes);
    if (bytes === 4) view.setFloat32(0, value, !bigEndian);
    else view.setFloat64(0, value, !bigEndian);
    return out;
  };
const attributeTag: BinaryWriter = (value, bigEndian) =>
  Buffer.concat([integer(2, false)(value >>> 16, bigEndian), integer(2, false)(value & 0xffff, bigEndian)]);

const BINARY: { readonly [K in Vr]?: BinaryWriter } = {
  US: integer(2, false),
  SS: integer(2, true),
  UL: integer(4, false),
  SL: integer(4, true),
  FL: float(4),
  FD: float(8),
  AT: attributeTag,
};

/** A number as decimal (DS, at most 16 characters) or integer string (IS): PS3.5 section 6.2. */
function decimalText(vr: Vr, value: number): string {
  if (!Number.isFinite(value)) throw new RangeError('a decimal string cannot hold this number');
  if (vr === 'IS' && !Number.isInteger(value)) throw new RangeError('an integer string cannot hold a fraction');
  for (let digits = 16; digits > 0; digits -= 1) {
    const text = String(Number(value.toPrecision(digits)));
    if (text.length <= (vr === 'IS' ? 12 : 16)) return text;
  }
  throw new RangeError(`a value of ${vr} does not fit its length`);
}

function encodePixels(attributes: Attributes, pixels: Pixels, syntax: string, encoding: Encoding): Buffer {
  const [rows, columns] = [Number(attributes.Rows), Number(attributes.Columns)];
  const frames = Number(attributes.NumberOfFrames ?? 1);
  if (pixels.kind === 'encoded') {
    if (SAMPLE_SYNTAXES.includes(syntax)) throw new TypeError('encoded frames need a compressed transfer syntax');
    if (pixels.frames.length !== frames)
      throw new RangeError('as many encoded frames are needed as NumberOfFrames says');
    return encapsulated(pixels.frames);
  }
  const { samples } = pixels;
  if (!SAMPLE_SYNTAXES.includes(syntax)) throw new TypeError('this transfer syntax needs encoded frames');
  const size = rows * columns * Number(attributes.SamplesPerPixel ?? 1);
  if (samples.length !== size * frames) throw new RangeError('pixels must have rows x columns x frames samples');
  if (samples.BYTES_PER_ELEMENT * 8 !== attributes.BitsAllocated)
    throw new RangeError('samples and BitsAllocated disagree');
  if (syntax === WRITE_SYNTAX.rle) {
    const frameOf = (i: number) => encodeRle(samples.subarray(i * size, (i + 1) * size), rows, columns);
    return encapsulated(Array.from({ length: frames }, (_, i) => frameOf(i)));
  }
  const body = padded(
    Buffer.from(samples.buffer.slice(samples.byteOffset, samples.byteOffset + samples.byteLength)),
    0,
  );
  if (encoding.bigEndian && samples.BYTES_PER_ELEMENT === 2) body.swap16();
  const vr = samples.BYTES_PER_ELEMENT === 1 && encoding.explicit ? 'OB' : 'OW';
  return Buffer.concat([elementHeader(0x7fe00010, vr, body.length, encoding), body]);
}

/** Pixel data as items, one a frame, behind a basic offset table (PS3.5 section A.4). */
function encapsulated(frames: readonly Uint8Array[]): Buffer {
  const table = Buffer.alloc(4 * frames.length);
  const items: Buffer[] = [];
  let offset = 0;
  for (const [i, frame] of frames.entries()) {
    table.writeUInt32LE(offset, 4 * i);
    const body = padded(Buffer.from(frame), 0);
    items.push(itemHeader(0xfffee000, body.length), body);
    offset += 8 + body.length;
  }
  return Buffer.concat([
    elementHeader(0x7fe00010, 'OB', 0xffffffff, { explicit: true, bigEndian: false }),
    itemHeader(0xfffee000, table.length),
    table,
    ...items,
    itemHeader(0xfffee0dd, 0),
  ]);
}
