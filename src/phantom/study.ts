import { type Attributes, WRITE_SYNTAX, writeDicom } from '../dicom/write.ts';
import type { Orientation } from '../imaging/orientation.ts';
import { PHANTOM_IDENTITY, phantomUid } from './identity.ts';
import { drawLocalizer, LOCALIZER_SIDE, LOCALIZER_SPACING_MM } from './localizer.ts';
import { type EnhancedSeries, enhancedAttributes } from './multi-frame.ts';
import { drawPhantom, type Phantom, type PhantomSpec } from './phantom.ts';
import {
  type FrameEncoder,
  type PixelForm,
  pixelAttributes,
  pixelsOf,
  rescaleAttributes,
  samplesOf,
} from './pixels.ts';
import { mixSeed, randomOf } from './random.ts';
import { type StoredSlice, storeSlice } from './stored.ts';

export interface PhantomStudySpec extends Omit<PhantomSpec, 'weighting' | 'offsetMm' | 'noiseSeed'> {
  /** Sagittal T2 slices (default 13) and T1 slices (default as many); 0 leaves the series out. */
  readonly t2Slices?: number;
  readonly t1Slices?: number;
  /** Three planes of a localizer, before all else (default true). */
  readonly localizer?: boolean;
  readonly sliceThicknessMm?: number;
  /** Whole years; null leaves age and birth date out. */
  readonly ageYears?: number | null;
  readonly pixels?: PixelForm;
  /** Enhanced MR Image objects, one a series, instead of one file a slice. */
  readonly multiFrame?: boolean;
  /** How stored pixels lie: what brings them upright (default: they are). */
  readonly toUpright?: Orientation;
  /** Default explicit little endian. Compressed syntaxes but RLE need an encoder. */
  readonly transferSyntaxUid?: string;
  readonly encodeFrame?: FrameEncoder;
  /** Laid over the attributes of every file, to make a study odd or wrong. */
  readonly override?: Attributes;
}

export interface PhantomFile {
  /** `IM00000` and so on, in no order that means anything. */
  readonly name: string;
  readonly series: 'localizer' | 't1' | 't2';
  /** Distance of a single-frame sagittal slice from the middle, millimetres; null for others. */
  readonly offsetMm: number | null;
  readonly bytes: Buffer;
}

export interface PhantomStudy {
  readonly files: readonly PhantomFile[];
  /** The middle T2 slice, upright, as it was drawn; null where there is no T2 series. */
  readonly truth: Phantom | null;
}

const MR_IMAGE = '1.2.840.10008.5.1.4.1.1.4';
const ENHANCED_MR_IMAGE = '1.2.840.10008.5.1.4.1.1.4.1';
const UPRIGHT: Orientation = { transpose: false, flipX: false, flipY: false };

const SEQUENCE = {
  t1: { repetitionTimeMs: 520, echoTimeMs: 10, flipAngleDegrees: 90, echoTrainLength: 3, contrast: 'T1' },
  t2: { repetitionTimeMs: 3500, echoTimeMs: 102, flipAngleDegrees: 150, echoTrainLength: 19, contrast: 'T2' },
} as const;

/** How slices are drawn. */
export interface Drawing {
  readonly phantom: typeof drawPhantom;
  readonly localizer: typeof drawLocalizer;
}

const DRAWING: Drawing = { phantom: drawPhantom, localizer: drawLocalizer };

type SliceFile = Omit<PhantomFile, 'name' | 'bytes'> & { readonly write: (instanceNumber: number) => Buffer };

/**
 * A whole lumbar study in DICOM Part 10 files: localizer, sagittal T1, sagittal T2. Instance numbers and names are
 * shuffled; geometry and sequence values are right. The same spec gives the same bytes.
 */
export function phantomStudy(spec: PhantomStudySpec, drawing = DRAWING): PhantomStudy {
  const { t2Slices = 13, t1Slices = t2Slices } = spec;
  const t1 = drawSeries(spec, drawing, 't1', t1Slices);
  const t2 = drawSeries(spec, drawing, 't2', t2Slices);
  const entries = [
    ...(spec.localizer === false ? [] : localizerFiles(spec, drawing)),
    ...(spec.multiFrame ? multiFrameFiles(spec, 't1', t1) : sliceFiles(spec, 't1', t1)),
    ...(spec.multiFrame ? multiFrameFiles(spec, 't2', t2) : sliceFiles(spec, 't2', t2)),
  ];
  const order = shuffled(entries.length, spec.seed);
  const files = entries.map(({ write, ...entry }, i) => ({
    ...entry,
    name: `IM${String(order[i]!).padStart(5, '0')}`,
    bytes: write(order[i]! + 1),
  }));
  return {
    files: files.sort((a, b) => (a.name < b.name ? -1 : 1)),
    truth: t2[Math.floor(t2.length / 2)]?.phantom ?? null,
  };
}

interface DrawnSlice {
  readonly phantom: Phantom;
  readonly offsetMm: number;
  readonly stored: StoredSlice;
}

function drawSeries(spec: PhantomStudySpec, drawing: Drawing, weighting: 't1' | 't2', count: number): DrawnSlice[] {
  const gapMm = (spec.sliceThicknessMm ?? 4) * 1.1;
  const spacingMm = spec.spacingMm ?? ([0.6875, 0.6875] as const);
  return Array.from({ length: count }, (_, i) => {
    const offsetMm = (i - Math.floor(count / 2)) * gapMm;
    const noiseSeed = mixSeed(spec.seed, 300 + i + (weighting === 't1' ? 100 : 0));
    const phantom = drawing.phantom({ ...spec, weighting, offsetMm, noiseSeed });
    return { phantom, offsetMm, stored: storeSlice(phantom.image, spacingMm, offsetMm, spec.toUpright ?? UPRIGHT) };
  });
}

function sliceFiles(spec: PhantomStudySpec, series: 't1' | 't2', slices: readonly DrawnSlice[]): SliceFile[] {
  const sequence = SEQUENCE[series];
  return slices.map(({ stored, offsetMm }, i) => ({
    series,
    offsetMm,
    write: (instanceNumber) =>
      writeImage(
        spec,
        {
          ...common(spec, series, instanceNumber, i),
          ...imagePlane(stored, spec.sliceThicknessMm ?? 4),
          ImageType: ['ORIGINAL', 'PRIMARY', 'M', 'NORM'],
          ScanningSequence: 'SE',
          SequenceVariant: 'SK',
          ScanOptions: '',
          MRAcquisitionType: '2D',
          RepetitionTime: sequence.repetitionTimeMs,
          EchoTime: sequence.echoTimeMs,
          FlipAngle: sequence.flipAngleDegrees,
          EchoTrainLength: sequence.echoTrainLength,
          ...rescaleAttributes(spec.pixels ?? 'plain'),
        },
        [stored],
      ),
  }));
}

function multiFrameFiles(spec: PhantomStudySpec, series: 't1' | 't2', slices: readonly DrawnSlice[]): SliceFile[] {
  if (slices.length === 0) return [];
  const order = shuffled(slices.length, mixSeed(spec.seed, 5));
  const stored = order.map((place) => slices[place]!.stored);
  const enhanced: EnhancedSeries = {
    ...SEQUENCE[series],
    seed: spec.seed,
    sliceThicknessMm: spec.sliceThicknessMm ?? 4,
  };
  const write = (instanceNumber: number): Buffer =>
    writeImage(
      spec,
      {
        ...common(spec, series, instanceNumber, 0),
        SOPClassUID: ENHANCED_MR_IMAGE,
        ...enhancedAttributes(enhanced, stored),
      },
      stored,
    );
  return [{ series, offsetMm: null, write }];
}

function localizerFiles(spec: PhantomStudySpec, drawing: Drawing): SliceFile[] {
  const orientations = { sagittal: [0, 1, 0, 0, 0, -1], coronal: [1, 0, 0, 0, 0, -1], axial: [1, 0, 0, 0, 1, 0] };
  return (['sagittal', 'coronal', 'axial'] as const).map((plane, i) => {
    const half = (LOCALIZER_SIDE * LOCALIZER_SPACING_MM) / 2;
    const orientation = orientations[plane];
    const position = [0, 1, 2].map((axis) => -half * (orientation[axis]! + orientation[axis + 3]!) + 0);
    const stored: StoredSlice = {
      image: drawing.localizer(mixSeed(spec.seed, 400 + i), plane),
      orientation,
      position: [position[0]!, position[1]!, position[2]!],
      spacingMm: [LOCALIZER_SPACING_MM, LOCALIZER_SPACING_MM],
    };
    const write = (instanceNumber: number): Buffer =>
      writeImage(
        spec,
        {
          ...common(spec, 'localizer', instanceNumber, i),
          ...imagePlane(stored, 8),
          ImageType: ['ORIGINAL', 'PRIMARY', 'M', 'NORM'],
          ScanningSequence: 'GR',
          SequenceVariant: ['SP', 'OSP'],
          ScanOptions: '',
          MRAcquisitionType: '2D',
          RepetitionTime: 8,
          EchoTime: 4,
          FlipAngle: 20,
          EchoTrainLength: 1,
          ...rescaleAttributes(spec.pixels ?? 'plain'),
        },
        [stored],
      );
    return { series: 'localizer', offsetMm: null, write };
  });
}

const SERIES_NUMBER = { localizer: 1, t1: 2, t2: 3 } as const;
const SERIES_DESCRIPTION = { localizer: 'loc 3 planes', t1: 't1_tse_sag', t2: 't2_tse_sag' } as const;

function common(
  spec: PhantomStudySpec,
  series: PhantomFile['series'],
  instanceNumber: number,
  place: number,
): Attributes {
  const { seed, ageYears = 46 } = spec;
  const number = SERIES_NUMBER[series];
  return {
    SpecificCharacterSet: 'ISO_IR 192',
    SOPClassUID: MR_IMAGE,
    SOPInstanceUID: phantomUid(seed, 1000 * number + place),
    StudyDate: '20240115',
    SeriesDate: '20240115',
    ContentDate: '20240115',
    StudyTime: '093000',
    ContentTime: '093000',
    AccessionNumber: PHANTOM_IDENTITY.accession,
    Modality: 'MR',
    Manufacturer: 'discflow phantom',
    InstitutionName: PHANTOM_IDENTITY.institution,
    ReferringPhysicianName: PHANTOM_IDENTITY.referrer,
    StudyDescription: PHANTOM_IDENTITY.studyDescription,
    SeriesDescription: SERIES_DESCRIPTION[series],
    ManufacturerModelName: 'Drawing 1',
    PatientName: PHANTOM_IDENTITY.name,
    PatientID: PHANTOM_IDENTITY.id,
    PatientSex: 'O',
    ...(ageYears === null
      ? { PatientBirthDate: '' }
      : { PatientBirthDate: `${2023 - ageYears}0620`, PatientAge: `${String(ageYears).padStart(3, '0')}Y` }),
    BodyPartExamined: 'LSPINE',
    MagneticFieldStrength: 1.5,
    DeviceSerialNumber: '1',
    SoftwareVersions: '1',
    PatientPosition: 'HFS',
    StudyInstanceUID: phantomUid(seed, 1),
    SeriesInstanceUID: phantomUid(seed, 10 + number),
    StudyID: '1',
    SeriesNumber: number,
    InstanceNumber: instanceNumber,
    FrameOfReferenceUID: phantomUid(seed, 2),
    PositionReferenceIndicator: '',
    BurnedInAnnotation: 'NO',
  };
}

function imagePlane(stored: StoredSlice, sliceThicknessMm: number): Attributes {
  return {
    ImagePositionPatient: stored.position,
    ImageOrientationPatient: stored.orientation,
    PixelSpacing: stored.spacingMm,
    SliceThickness: sliceThicknessMm,
    SpacingBetweenSlices: sliceThicknessMm * 1.1,
    WindowCenter: 450,
    WindowWidth: 900,
  };
}

function writeImage(spec: PhantomStudySpec, attributes: Attributes, frames: readonly StoredSlice[]): Buffer {
  const form = spec.pixels ?? 'plain';
  const { image } = frames[0]!;
  const described = { ...attributes, ...pixelAttributes(form, image.height, image.width) };
  const samples = frames.map((frame) => samplesOf(frame.image, form));
  const pixels = pixelsOf(samples, described, spec.encodeFrame);
  const syntax = spec.transferSyntaxUid ?? WRITE_SYNTAX.explicitLittleEndian;
  return writeDicom({ ...described, ...spec.override }, pixels, syntax);
}

/** The numbers 0 to n - 1 in a drawn order (Fisher and Yates). */
function shuffled(n: number, seed: number): number[] {
  const random = randomOf(mixSeed(seed, 6));
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
