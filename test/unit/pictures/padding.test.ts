import { describe, expect, it } from 'vitest';
import { readHeader } from '../../../src/dicom/header.ts';
import { type Attributes, type RawElement, WRITE_SYNTAX, writeDicom } from '../../../src/dicom/write.ts';
import { type Window, windowOf } from '../../../src/imaging/window.ts';
import { decodeDicomFrame } from '../../../src/pictures/codecs/frame-decoder.ts';
import { MR_IMAGE } from '../../support/mr-image.ts';

const SIDE = 64;
const BORDER = 5;
const inside = (index: number): boolean =>
  [index % SIDE, Math.floor(index / SIDE)].every((at) => at >= BORDER && at < SIDE - BORDER);
/** A signal from 100 to 1000, and what stands around it. */
const signal = (index: number): number => 100 + ((index * 37) % 901);
const framed = (around: number): number[] =>
  Array.from({ length: SIDE * SIDE }, (_, index) => (inside(index) ? signal(index) : around));

const paddingValue = (vr: 'US' | 'SS', value: number): RawElement => ({ tag: 0x00280120, vr, value });
const rangeLimit = (vr: 'US' | 'SS', value: number): RawElement => ({ tag: 0x00280121, vr, value });

interface Written {
  readonly around: number;
  readonly signed?: boolean;
  readonly raw?: readonly RawElement[];
  readonly more?: Attributes;
  readonly syntax?: string;
}

function written({ around, signed = false, raw = [], more = {}, syntax }: Written): Buffer {
  const attributes: Attributes = {
    ...MR_IMAGE,
    Rows: SIDE,
    Columns: SIDE,
    BitsStored: 16,
    HighBit: 15,
    PixelRepresentation: signed ? 1 : 0,
    ...more,
  };
  const samples = signed ? Int16Array.from(framed(around)) : Uint16Array.from(framed(around));
  return writeDicom(attributes, { kind: 'samples', samples }, syntax ?? WRITE_SYNTAX.explicitLittleEndian, raw);
}

/** The window on the scale of stored values. */
async function windowed(spec: Written): Promise<Window> {
  const { low, high } = windowOf(await decodeDicomFrame(written(spec), 0));
  const zero = spec.signed ? 32768 : 0;
  return { low: low - zero, high: high - zero };
}

describe('padding around the signal', () => {
  const syntaxes = [
    WRITE_SYNTAX.explicitLittleEndian,
    WRITE_SYNTAX.implicitLittleEndian,
    WRITE_SYNTAX.explicitBigEndian,
  ];

  it.each<readonly [string, Written]>([
    ['the lowest signed value', { around: -32768, signed: true, raw: [paddingValue('SS', -32768)] }],
    [
      'a signed value that is written as an unsigned one',
      { around: -2000, signed: true, raw: [paddingValue('US', 63536)] },
    ],
    ['the highest unsigned value', { around: 65535, raw: [paddingValue('US', 65535)] }],
    ['a value of a range', { around: 3000, raw: [paddingValue('US', 4095), rangeLimit('US', 2000)] }],
    ['a value of a signed range', { around: -9, signed: true, raw: [paddingValue('SS', -2000), rangeLimit('SS', -1)] }],
  ])('does not widen the window: %s', async (_, spec) => {
    const expected = await windowed({ around: 100, signed: spec.signed ?? false });
    expect(expected.high).toBeLessThanOrEqual(1000);
    for (const syntax of syntaxes) expect(await windowed({ ...spec, syntax })).toEqual(expected);
  });

  it.each([
    ['MONOCHROME1', { PhotometricInterpretation: 'MONOCHROME1' }],
    ['a negative slope', { RescaleSlope: -1, RescaleIntercept: 1000 }],
    [
      'a negative slope in functional groups',
      { SharedFunctionalGroupsSequence: [{ PixelValueTransformationSequence: [{ RescaleSlope: -1 }] }] },
    ],
  ] as const)('becomes the highest stored value where that is shown dark: %s', async (_, more) => {
    const file = written({ around: 0, more, raw: [paddingValue('US', 0)] });
    expect(readHeader(file).invert).toBe(true);
    expect((await decodeDicomFrame(file, 0)).data[0]).toBe(1000);
  });

  it.each<readonly [string, Omit<Written, 'around'>]>([
    ['none is named', {}],
    ['no pixel has its value', { raw: [paddingValue('US', 50)] }],
    ['no pixel can have its value', { more: { BitsStored: 12, HighBit: 11 }, raw: [paddingValue('SS', -2000)] }],
    ['every pixel is padded', { raw: [paddingValue('US', 0), rangeLimit('US', 1000)] }],
  ])('changes no pixel where %s', async (_, spec) => {
    const { data } = await decodeDicomFrame(written({ around: 0, ...spec }), 0);
    expect(Array.from(data)).toEqual(framed(0));
  });
});
