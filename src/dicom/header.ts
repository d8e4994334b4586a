import { InputFault } from '../contracts/reasons.ts';
import { ageInYears } from './age.ts';
import { bodyRegionOf } from './body-region.ts';
import type { DataSet } from './data-set.ts';
import { descriptionHints, dixonHints } from './description-hints.ts';
import { frameGeometry } from './frames.ts';
import {
  type FunctionalGroups,
  functionalGroups,
  type GroupedAcquisition,
  groupedAcquisition,
} from './functional-groups.ts';
import type { DicomFrame, DicomObject, DirectionCosines, SequenceValues } from './object.ts';
import { openPart10, type Part10 } from './part10.ts';
import { patientOf } from './patient.ts';
import { describePixels, type PixelDescription } from './pixel-description.ts';
import { mayBeMrImage, sopClassKind } from './sop-class.ts';
import { TAG, type TagNumber } from './tags.ts';
import { code, codes, number, numbers, text } from './values.ts';

/**
 * The allow-listed header values of a DICOM Part 10 file. The pixels and the geometry of an MR image are checked, not
 * decoded; of any other object only what tells what it is. Throws `InputFault` with the code of the first fault.
 */
export function readHeader(bytes: Uint8Array): DicomObject {
  const part10 = openPart10(bytes);
  const { dataSet } = part10;
  const groups = functionalGroups(dataSet);
  const grouped = groupedAcquisition(groups);
  const image = readImage(part10, groups);
  return {
    ...identity(part10),
    rows: image?.pixels.rows ?? 0,
    columns: image?.pixels.columns ?? 0,
    frames: image?.frames ?? otherFrames(dataSet),
    multiFrame: (image?.pixels.frames ?? 1) > 1 || sopClassKind(sopClassOf(part10)) === 'enhanced_mr',
    ageYears: ageInYears(
      text(dataSet, TAG.patientAge),
      text(dataSet, TAG.patientBirthDate),
      text(dataSet, TAG.studyDate),
    ),
    bodyRegion: bodyRegionOf(text(dataSet, TAG.bodyPartExamined)) ?? grouped.region,
    patient: patientOf(dataSet),
    seriesNumber: number(dataSet, TAG.seriesNumber),
    burnedInAnnotation: yesNo(code(dataSet, TAG.burnedInAnnotation)),
    sequence: sequenceValues(dataSet, grouped, image?.frames[0]?.echoTimeMs ?? null),
    invert: image?.pixels.invert ?? false,
  };
}

function identity(part10: Part10) {
  const { syntax, dataSet } = part10;
  return {
    studyInstanceUid: uidOf(dataSet, TAG.studyInstanceUid),
    seriesInstanceUid: uidOf(dataSet, TAG.seriesInstanceUid),
    sopInstanceUid: uidOf(dataSet, TAG.sopInstanceUid),
    sopClassUid: sopClassOf(part10),
    transferSyntaxUid: syntax.uid,
    modality: code(dataSet, TAG.modality),
  };
}

/** The data set's class; that of the file meta group where it has none, as a directory has. */
const sopClassOf = ({ dataSet, meta }: Part10): string | null =>
  uidOf(dataSet, TAG.sopClassUid) ?? uidOf(meta, TAG.mediaStorageSopClassUid);

/** Null where the element is absent or no UID by its form. */
export function uidOf(set: DataSet, tag: TagNumber): string | null {
  const value = text(set, tag);
  return value !== null && value.length <= 64 && /^\d+(\.\d+)+$/.test(value) ? value : null;
}

/** Pixels and frames of an MR image; null for any other object. */
function readImage(
  part10: Part10,
  groups: FunctionalGroups,
): { pixels: PixelDescription; frames: DicomFrame[] } | null {
  const { dataSet, syntax } = part10;
  if (!isMrImage(part10) || !hasPixels(dataSet)) return null;
  if (!dataSet.elements.has(TAG.pixelData)) throw new InputFault('unsupported_pixels', 'floating point');
  const pixels = describePixels(dataSet, syntax);
  if (groups.perFrame.length > 0 && groups.perFrame.length !== pixels.frames) {
    throw new InputFault('inconsistent_header', 'functional groups and frames differ in number');
  }
  return { pixels, frames: frameGeometry(dataSet, groups, pixels) };
}

/** Modality MR and a class of MR images, or none. */
export const isMrImage = (part10: Part10): boolean =>
  code(part10.dataSet, TAG.modality) === 'MR' && mayBeMrImage(sopClassOf(part10));

const hasPixels = (set: DataSet): boolean =>
  [TAG.pixelData, TAG.floatPixelData, TAG.doublePixelData].some((tag) => set.elements.has(tag));

/** An object that is no MR image is told by its class: one frame says that it has pixels and whether they are placed. */
function otherFrames(set: DataSet): DicomFrame[] {
  if (!hasPixels(set)) return [];
  const values = numbers(set, TAG.imageOrientation);
  const placed = values.length === 6 && values.every(Number.isFinite);
  const orientation = placed ? (values as unknown as DirectionCosines) : null;
  const imageType = codes(set, TAG.imageType);
  return [{ orientation, position: null, spacingMm: null, echoTimeMs: null, imageType, complexComponent: null }];
}

const yesNo = (value: string | null): boolean | null => (value === 'YES' ? true : value === 'NO' ? false : null);

function sequenceValues(set: DataSet, grouped: GroupedAcquisition, echoTimeMs: number | null): SequenceValues {
  const seriesDescription = text(set, TAG.seriesDescription) ?? '';
  const description = [seriesDescription, text(set, TAG.protocolName) ?? ''].join(' ').trim();
  const hints = [...descriptionHints(description), ...dixonHints(seriesDescription)];
  const own = (tag: TagNumber, otherwise: readonly string[]) => (set.elements.has(tag) ? codes(set, tag) : otherwise);
  const scanOptions = own(TAG.scanOptions, grouped.scanOptions);
  const acquisitionType = code(set, TAG.acquisitionType) ?? grouped.acquisitionType;
  return {
    repetitionTimeMs: grouped.repetitionTimeMs ?? number(set, TAG.repetitionTime),
    echoTimeMs: echoTimeMs ?? number(set, TAG.echoTime),
    inversionTimeMs: grouped.inversionTimeMs ?? number(set, TAG.inversionTime),
    flipAngleDegrees: grouped.flipAngleDegrees ?? number(set, TAG.flipAngle),
    echoTrainLength: grouped.echoTrainLength ?? number(set, TAG.echoTrainLength),
    scanningSequence: scanningSequence(set, grouped),
    sequenceVariant: own(TAG.sequenceVariant, grouped.sequenceVariant),
    scanOptions,
    acquisitionType: acquisitionType === '2D' || acquisitionType === '3D' ? acquisitionType : null,
    contrast: code(set, TAG.acquisitionContrast),
    fatSuppressed:
      grouped.fatSuppressed ||
      scanOptions.includes('FS') ||
      hints.some((hint) => hint === 'fat_suppressed' || hint === 'stir'),
    fieldStrengthTesla: number(set, TAG.fieldStrength),
    descriptionHints: hints,
  };
}

/**
 * ScanningSequence, that of a converted object's groups, or EchoPulseSequence (0018,9008) and InversionRecovery of an
 * Enhanced object in its terms.
 */
function scanningSequence(set: DataSet, grouped: GroupedAcquisition): readonly string[] {
  const classic = codes(set, TAG.scanningSequence);
  if (classic.length > 0) return classic;
  if (grouped.scanningSequence.length > 0) return grouped.scanningSequence;
  const pulse = code(set, TAG.echoPulseSequence);
  const spin = pulse === 'SPIN' || pulse === 'BOTH' ? ['SE'] : [];
  const gradient = pulse === 'GRADIENT' || pulse === 'BOTH' ? ['GR'] : [];
  return [...spin, ...gradient, ...(grouped.inversion ? ['IR'] : [])];
}
