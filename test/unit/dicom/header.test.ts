import dicomParser from 'dicom-parser';
import { describe, expect, it } from 'vitest';
import { readHeader } from '../../../src/dicom/header.ts';
import { type Attributes, WRITE_SYNTAX, writeDicom } from '../../../src/dicom/write.ts';
import { encodeRle } from '../../../src/dicom/write-rle.ts';
import { studyOnce } from '../../support/drawn-once.ts';

const samples = Uint16Array.from({ length: 64 * 80 }, (_, index) => (index * 37) % 4096);

const attributes: Attributes = {
  ImageType: ['ORIGINAL', 'PRIMARY', 'M', 'NORM'],
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.4',
  SOPInstanceUID: '2.25.3',
  StudyInstanceUID: '2.25.1',
  SeriesInstanceUID: '2.25.2',
  SeriesNumber: 7,
  Modality: 'MR',
  StudyDate: '20240115',
  SeriesDescription: 'T2 TSE SAG FS Doe^Jane',
  PatientName: 'Doe^Jane',
  PatientBirthDate: '19800620',
  BodyPartExamined: 'LSPINE',
  ScanningSequence: 'SE',
  SequenceVariant: ['SK', 'SP'],
  ScanOptions: ['FS', 'PFP'],
  MRAcquisitionType: '2D',
  RepetitionTime: 3500.5,
  EchoTime: 102,
  FlipAngle: 150,
  EchoTrainLength: 17,
  MagneticFieldStrength: 3,
  ImageOrientationPatient: [0, 1, 0, 0, 0, -1],
  ImagePositionPatient: [-4.4, -120, 150],
  PixelSpacing: [0.5, 0.625],
  SamplesPerPixel: 1,
  PhotometricInterpretation: 'MONOCHROME2',
  Rows: 64,
  Columns: 80,
  BitsAllocated: 16,
  BitsStored: 12,
  HighBit: 11,
  PixelRepresentation: 0,
  BurnedInAnnotation: 'NO',
};

const write = (more: Attributes = {}, syntax: string = WRITE_SYNTAX.explicitLittleEndian): Buffer =>
  writeDicom({ ...attributes, ...more }, { kind: 'samples', samples }, syntax);
/** Values that the writer refuses to write wrong: patched behind the element's header. */
function patched(group: number, element: number, value: number): Buffer {
  const bytes = write();
  const at = bytes.indexOf(Buffer.from([group & 255, group >> 8, element & 255, element >> 8, 0x55, 0x53]));
  bytes.writeUInt16LE(value, at + 8);
  return bytes;
}

/** An element that the writer demands: its tag turned into one that nobody reads. */
function without(element: number): Buffer {
  const bytes = write();
  const at = bytes.indexOf(Buffer.from([0x28, 0, element & 255, element >> 8, 0x55, 0x53]));
  bytes[at + 2] = bytes[at + 2]! + 7;
  return bytes;
}

describe('readHeader', () => {
  it.each(Object.entries(WRITE_SYNTAX))('reads the same values from %s', (_, uid) => {
    const { transferSyntaxUid, ...read } = readHeader(write({}, uid));
    expect(transferSyntaxUid).toBe(uid);
    expect(read).toEqual({
      studyInstanceUid: '2.25.1',
      seriesInstanceUid: '2.25.2',
      sopInstanceUid: '2.25.3',
      sopClassUid: '1.2.840.10008.5.1.4.1.1.4',
      modality: 'MR',
      rows: 64,
      columns: 80,
      frames: [
        {
          orientation: [0, 1, 0, 0, 0, -1],
          position: [-4.4, -120, 150],
          spacingMm: [0.5, 0.625],
          echoTimeMs: 102,
          imageType: ['ORIGINAL', 'PRIMARY', 'M', 'NORM'],
          complexComponent: null,
        },
      ],
      multiFrame: false,
      ageYears: 43,
      bodyRegion: 'lumbar',
      patient: {
        id: null,
        name: expect.stringMatching(/^[0-9a-f]{64}$/),
        birthDate: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      seriesNumber: 7,
      burnedInAnnotation: false,
      sequence: {
        repetitionTimeMs: 3500.5,
        echoTimeMs: 102,
        inversionTimeMs: null,
        flipAngleDegrees: 150,
        echoTrainLength: 17,
        scanningSequence: ['SE'],
        sequenceVariant: ['SK', 'SP'],
        scanOptions: ['FS', 'PFP'],
        acquisitionType: '2D',
        contrast: null,
        fatSuppressed: true,
        fieldStrengthTesla: 3,
        descriptionHints: ['t2', 'fat_suppressed'],
      },
      invert: false,
    });
  });

  it('keeps neither name nor description', () => {
    expect(JSON.stringify(readHeader(write()))).not.toMatch(/doe|jane|tse/i);
  });

  it('agrees with another reader on a whole phantom study', () => {
    for (const { bytes } of studyOnce({ seed: 3, rows: 64, columns: 64, spacingMm: [4, 4], t2Slices: 3 }).files) {
      const [own, other] = [readHeader(bytes), dicomParser.parseDicom(bytes)];
      expect(own.sopInstanceUid).toBe(other.string('x00080018'));
      expect(own.sequence.echoTimeMs).toBe(other.floatString('x00180081'));
      expect(own.frames[0]!.position).toEqual(other.string('x00200032')!.split('\\').map(Number));
      expect([own.rows, own.columns]).toEqual([other.uint16('x00280010'), other.uint16('x00280011')]);
    }
  });

  it('reads geometry and timings of an Enhanced object from its functional groups', () => {
    const spec = {
      seed: 5,
      rows: 64,
      columns: 64,
      spacingMm: [4, 3] as const,
      t2Slices: 4,
      t1Slices: 0,
      localizer: false,
    };
    const object = readHeader(studyOnce({ ...spec, multiFrame: true }).files[0]!.bytes);
    const single = studyOnce(spec).files.map(({ bytes }) => readHeader(bytes).frames[0]!);
    const place = ({ position }: (typeof single)[number]) => position![0].toFixed(3);
    expect(object.multiFrame).toBe(true);
    expect(object.frames.map(place).sort()).toEqual(single.map(place).sort());
    expect(object.frames[0]!.spacingMm).toEqual([4, 3]);
    expect(object.sequence).toMatchObject({
      repetitionTimeMs: 3500,
      echoTimeMs: 102,
      scanningSequence: ['SE'],
      contrast: 'T2',
    });
  });

  it('places the frames of a classic multi-frame object along the normal', () => {
    const three = { kind: 'samples' as const, samples: new Uint16Array(3 * samples.length) };
    const more = { ...attributes, NumberOfFrames: 3, SpacingBetweenSlices: 4 };
    const { frames } = readHeader(writeDicom(more, three, WRITE_SYNTAX.explicitLittleEndian));
    expect(frames.map(({ position }) => position![0])).toEqual([-4.4, -8.4, -12.4]);
  });

  it.each([
    ['MONOCHROME1', { PhotometricInterpretation: 'MONOCHROME1' }, true],
    ['a negative rescale slope', { RescaleSlope: -1, RescaleIntercept: 4095 }, true],
    ['both', { PhotometricInterpretation: 'MONOCHROME1', RescaleSlope: -1, RescaleIntercept: 4095 }, false],
  ])('inverts %s', (_, more, invert) => {
    expect(readHeader(write(more)).invert).toBe(invert);
  });

  it.each([
    ['a bad UID', { StudyInstanceUID: '1' }, 'studyInstanceUid', null],
    ['no age', { PatientBirthDate: '' }, 'ageYears', null],
    ['an age in months', { PatientAge: '018M' }, 'ageYears', 1],
    [
      'no years, as anonymisers leave them, without a birth date',
      { PatientAge: '000Y', PatientBirthDate: '' },
      'ageYears',
      null,
    ],
    ['no years of an infant', { PatientAge: '000M', PatientBirthDate: '' }, 'ageYears', 0],
    ['an age beside a birth date', { PatientAge: '061Y' }, 'ageYears', 61],
    ['another body part', { BodyPartExamined: 'C SPINE' }, 'bodyRegion', 'elsewhere'],
    ['a body part in free text', { BodyPartExamined: 'DOE JANE' }, 'bodyRegion', null],
  ] as const)('reads %s', (_, more, key, value) => {
    expect(readHeader(write(more))[key]).toBe(value);
  });

  it('tells what an object of another modality is, whatever its pixels are', () => {
    const object = readHeader(write({ Modality: 'CT', SOPClassUID: '1.2.840.10008.5.1.4.1.1.2', BitsStored: 12 }));
    expect([object.modality, object.frames.length, object.rows]).toEqual(['CT', 1, 0]);
  });

  it.each([
    ['colour', () => write({ PhotometricInterpretation: 'RGB' }), 'unsupported_pixels'],
    ['three samples', () => patched(0x0028, 0x0002, 3), 'unsupported_pixels'],
    ['no sample', () => patched(0x0028, 0x0002, 0), 'inconsistent_header'],
    ['32 bits', () => patched(0x0028, 0x0100, 32), 'unsupported_pixels'],
    ['more bits stored than allocated', () => patched(0x0028, 0x0101, 17), 'inconsistent_header'],
    ['a high bit below the bits stored', () => patched(0x0028, 0x0102, 9), 'inconsistent_header'],
    ['a row too many', () => patched(0x0028, 0x0010, 65), 'inconsistent_header'],
    ['no columns', () => patched(0x0028, 0x0011, 0), 'inconsistent_header'],
    ['a slope of zero', () => write({ RescaleSlope: 0 }), 'unsupported_pixels'],
    ['parallel directions', () => write({ ImageOrientationPatient: [0, 1, 0, 0, 1, 0] }), 'geometry_unknown'],
    ['directions of no length', () => write({ ImageOrientationPatient: [0, 0, 0, 0, 0, 0] }), 'geometry_unknown'],
    ['a spacing of a kilometre', () => write({ PixelSpacing: [1e6, 1] }), 'geometry_unknown'],
    ['pixels that are endless once they are square', () => write({ PixelSpacing: [15, 0.05] }), 'dimensions'],
    ['no rows', () => without(0x0010), 'inconsistent_header'],
    ['no depth', () => without(0x0100), 'inconsistent_header'],
  ])('refuses an MR image of %s', (_, bytes, code) => {
    expect(() => readHeader(bytes())).toThrow(expect.objectContaining({ name: 'InputFault', code }));
  });

  it('refuses an MR image in a syntax that it cannot decode, by the syntax’s name', () => {
    const pixels = { kind: 'encoded' as const, frames: [encodeRle(samples, 64, 80)] };
    const bytes = writeDicom(attributes, pixels, '1.2.840.10008.1.2.4.51');
    expect(() => readHeader(bytes)).toThrow(
      expect.objectContaining({ code: 'unsupported_transfer_syntax', detail: 'JPEG Extended 12-bit' }),
    );
  });
});
