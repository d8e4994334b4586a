import dicomParser from 'dicom-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Attributes, WRITE_SYNTAX, writeDicom } from '../../../src/dicom/write.ts';
import { encodeRle } from '../../../src/dicom/write-rle.ts';
import { FRAME_ENCODERS } from '../../support/frame-encoders.ts';

const samples = Uint16Array.from({ length: 6 }, (_, i) => 257 * i + 3);
const attributes: Attributes = {
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.4',
  SOPInstanceUID: '2.25.99',
  Rows: 2,
  Columns: 3,
  BitsAllocated: 16,
  BitsStored: 12,
  PixelRepresentation: 0,
  PatientName: 'Ünsinn^Erfunden',
  PixelSpacing: [1 / 3, 0.5],
  DimensionIndexSequence: [{ DimensionIndexPointer: 0x00209057 }, { DimensionIndexPointer: 0x00209111 }],
};
const write = (syntax: string, more: Attributes = {}) =>
  writeDicom({ ...attributes, ...more }, { kind: 'samples', samples }, syntax);

/** PackBits as PS3.5 Annex G.3.2 words it. */
function unpack(segment: Uint8Array, length: number): number[] {
  const out: number[] = [];
  for (let at = 0; out.length < length; ) {
    const n = (segment[at]! << 24) >> 24;
    at += 1;
    if (n >= 0) {
      out.push(...segment.subarray(at, at + n + 1));
      at += n + 1;
    } else if (n > -128) {
      out.push(...new Array<number>(1 - n).fill(segment[at]!));
      at += 1;
    }
  }
  return out;
}

describe('writeDicom', () => {
  it.each(['implicitLittleEndian', 'explicitLittleEndian', 'explicitBigEndian', 'deflated'] as const)(
    'writes values and pixels that another reader reads back: %s',
    (name) => {
      const bytes = write(WRITE_SYNTAX[name]);
      const data = dicomParser.parseDicom(bytes);
      expect(data.string('x00020010')).toBe(WRITE_SYNTAX[name]);
      expect(data.uint16('x00280010')).toBe(2);
      expect(data.string('x00280030')).toBe('0.33333333333333\\0.5');
      const { dataOffset, length } = data.elements['x7fe00010']!;
      const body = Buffer.from(data.byteArray.subarray(dataOffset, dataOffset + length));
      if (name === 'explicitBigEndian') body.swap16();
      expect(Array.from({ length: 6 }, (_, i) => body.readUInt16LE(2 * i))).toEqual([...samples]);
    },
  );

  it('nests sequences', () => {
    const items = dicomParser.parseDicom(write(WRITE_SYNTAX.explicitLittleEndian)).elements['x00209222']!.items!;
    expect(items.map((item) => item.dataSet!.attributeTag('x00209165'))).toEqual(['x00209057', 'x00209111']);
  });

  it('writes one RLE fragment a frame behind an offset table', () => {
    const two = Uint16Array.of(...samples, ...samples);
    const bytes = writeDicom({ ...attributes, NumberOfFrames: 2 }, { kind: 'samples', samples: two }, WRITE_SYNTAX.rle);
    const element = dicomParser.parseDicom(bytes).elements['x7fe00010']!;
    expect(element.fragments).toHaveLength(2);
    expect(element.basicOffsetTable).toEqual([0, element.fragments![1]!.offset]);
  });

  it.each([
    ['too few samples', /rows x columns x frames/, () => write(WRITE_SYNTAX.explicitLittleEndian, { Rows: 3 })],
    [
      'a depth that is not the samples’',
      /BitsAllocated/,
      () => write(WRITE_SYNTAX.explicitLittleEndian, { BitsAllocated: 8 }),
    ],
    [
      'a UID with letters',
      /digits and dots/,
      () => write(WRITE_SYNTAX.explicitLittleEndian, { StudyInstanceUID: '1.2.x' }),
    ],
    [
      'a UID of 65 characters',
      /64 characters/,
      () => write(WRITE_SYNTAX.explicitLittleEndian, { StudyInstanceUID: `1.${'2'.repeat(63)}` }),
    ],
    ['a compressed syntax without encoded frames', /needs encoded frames/, () => write('1.2.840.10008.1.2.4.80')],
    [
      'a number that is none',
      /cannot hold this number/,
      () => write(WRITE_SYNTAX.explicitLittleEndian, { PixelSpacing: [Number.NaN, 1] }),
    ],
    [
      'an attribute that stands twice',
      /00280010 stands twice/,
      () =>
        writeDicom(attributes, { kind: 'samples', samples }, WRITE_SYNTAX.rle, [
          { tag: 0x00280010, vr: 'US', value: 2 },
        ]),
    ],
    [
      'encoded frames in a native syntax',
      /need a compressed transfer syntax/,
      () =>
        writeDicom(
          attributes,
          { kind: 'encoded', frames: [samples.slice(0, 1) as never] },
          WRITE_SYNTAX.implicitLittleEndian,
        ),
    ],
  ])('refuses %s', (_, message, attempt) => {
    expect(attempt).toThrow(message);
  });
});

describe('encodeRle', () => {
  it('loses nothing, row by row and byte by byte', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.constantFrom(0, 0, 0, 1, 255, 256, 65535), { minLength: 1, maxLength: 300 }),
        (rows, row) => {
          const frame = Uint16Array.from({ length: rows * row.length }, (_, i) => row[i % row.length]!);
          const packed = encodeRle(frame, rows, row.length);
          expect(packed.readUInt32LE(0)).toBe(2);
          const [high, low] = [packed.readUInt32LE(4), packed.readUInt32LE(8)];
          const bytes = [unpack(packed.subarray(high, low), frame.length), unpack(packed.subarray(low), frame.length)];
          expect(bytes[0]!.map((h, i) => h * 256 + bytes[1]![i]!)).toEqual([...frame]);
        },
      ),
    );
  });

  it('shrinks an even picture', () => {
    expect(encodeRle(new Uint16Array(128 * 4), 4, 128).length).toBe(64 + 2 * 8);
  });
});

describe('FRAME_ENCODERS', () => {
  it.each(['jpegLs', 'jpeg2000', 'htj2k'] as const)('%s makes a code stream', async (name) => {
    const encode = await FRAME_ENCODERS[name].load();
    const frame = encode(new Uint16Array(64 * 64).fill(700), { rows: 64, columns: 64, bitsStored: 12, signed: false });
    expect([0xd8, 0x4f]).toContain(frame[1]);
    expect(frame.length).toBeLessThan(1000);
  });
});
