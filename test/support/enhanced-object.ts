import { type Attributes, type RawElement, WRITE_SYNTAX, writeDicom } from '../../src/dicom/write.ts';
import { DICTIONARY } from '../../src/dicom/write-dictionary.ts';

export const ENHANCED_MR = '1.2.840.10008.5.1.4.1.1.4.1';
export const LEGACY_CONVERTED_MR = '1.2.840.10008.5.1.4.1.1.4.4';
const SIDE = 64;

export interface EnhancedObjectSpec {
  /** One set of functional groups a frame; its position is added. */
  readonly perFrame: readonly Attributes[];
  readonly shared?: Attributes;
  readonly root?: Attributes;
  readonly raw?: readonly RawElement[];
  readonly syntax?: string;
}

/** A multi-frame MR object of sagittal frames, 4 mm apart, whose acquisition the caller describes. */
export function enhancedObject({ perFrame, shared, root, raw = [], syntax }: EnhancedObjectSpec): Buffer {
  const attributes: Attributes = {
    SOPClassUID: ENHANCED_MR,
    SOPInstanceUID: '2.25.3',
    StudyInstanceUID: '2.25.1',
    SeriesInstanceUID: '2.25.2',
    Modality: 'MR',
    ImageType: ['ORIGINAL', 'PRIMARY', 'M', 'NONE'],
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: SIDE,
    Columns: SIDE,
    BitsAllocated: 16,
    BitsStored: 12,
    HighBit: 11,
    PixelRepresentation: 0,
    NumberOfFrames: perFrame.length,
    ...(raw.some(({ tag }) => tag === DICTIONARY.SharedFunctionalGroupsSequence[0])
      ? {}
      : { SharedFunctionalGroupsSequence: [sharedGroups(shared)] }),
    PerFrameFunctionalGroupsSequence: perFrame.map((groups, frame) => ({
      PlanePositionSequence: [{ ImagePositionPatient: [4 * frame, -128, 128] }],
      ...groups,
    })),
    ...root,
  };
  const samples = new Uint16Array(SIDE * SIDE * perFrame.length);
  return writeDicom(attributes, { kind: 'samples', samples }, syntax ?? WRITE_SYNTAX.explicitLittleEndian, raw);
}

export const sharedGroups = (more: Attributes = {}): Attributes => ({
  PlaneOrientationSequence: [{ ImageOrientationPatient: [0, 1, 0, 0, 0, -1] }],
  PixelMeasuresSequence: [{ PixelSpacing: [4, 4] }],
  ...more,
});

/** A sequence's value as it stands in an implicit little endian data set. */
export function implicitItems(items: readonly Attributes[]): Uint8Array {
  const tag = DICTIONARY.SharedFunctionalGroupsSequence[0];
  const bytes = writeDicom(
    {
      SOPClassUID: ENHANCED_MR,
      SOPInstanceUID: '2.25.3',
      Rows: 1,
      Columns: 1,
      BitsAllocated: 8,
      SharedFunctionalGroupsSequence: items,
    },
    { kind: 'samples', samples: new Uint8Array(1) },
    WRITE_SYNTAX.implicitLittleEndian,
  );
  const at = bytes.indexOf(Buffer.from([(tag >>> 16) & 255, tag >>> 24, tag & 255, (tag >>> 8) & 255]));
  return bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at + 4));
}
