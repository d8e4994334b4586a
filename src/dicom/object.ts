/**
 * What is kept of one DICOM file: allow-listed values only. The three UIDs stay in memory, are hashed before anything
 * is stored and stand in no message or error; so do the hashes of the patient, which are never stored.
 */
export interface DicomObject {
  /** Null where the UID is absent or no UID by its form (PS3.5 section 9). */
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string | null;
  readonly sopInstanceUid: string | null;
  readonly sopClassUid: string | null;
  readonly transferSyntaxUid: string;
  /** Null where it is absent. */
  readonly modality: string | null;
  /** 0 where the object holds no image. */
  readonly rows: number;
  readonly columns: number;
  /** Empty where the object holds no pixel data. */
  readonly frames: readonly DicomFrame[];
  /** True where NumberOfFrames is above 1 or the class is a multi-frame one. */
  readonly multiFrame: boolean;
  /** Age in whole years by PatientAge or by birth and study date; null where unknown. */
  readonly ageYears: number | null;
  readonly bodyRegion: BodyRegion | null;
  readonly patient: Patient;
  /** SeriesNumber (0020,0011): scanners count up, so that of a repetition is the higher one. */
  readonly seriesNumber: number | null;
  readonly burnedInAnnotation: boolean | null;
  readonly sequence: SequenceValues;
  /** True where low stored values are to be shown bright: MONOCHROME1, or a negative rescale slope, not both. */
  readonly invert: boolean;
}

/** SHA-256 of what names the patient, to tell patients of one upload apart: never stored. Null where it is absent. */
export interface Patient {
  readonly id: string | null;
  readonly name: string | null;
  readonly birthDate: string | null;
}

/** What a file that cannot be read still says of where it belongs; raw UIDs, held in memory alone. */
export interface DicomOrigin {
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string | null;
  readonly sopClassUid: string | null;
  readonly modality: string | null;
}

/** What BodyPartExamined or the anatomic region codes name; null where they name nothing known. */
export type BodyRegion = 'lumbar' | 'spine' | 'elsewhere';

/** One frame's geometry and kind: DICOM PS3.3 C.7.6.2, or the functional groups of an Enhanced MR object. */
export interface DicomFrame {
  /** Row direction then column direction, unit cosines, patient coordinates (LPS); null where absent. */
  readonly orientation: DirectionCosines | null;
  /** Centre of the first pixel, millimetres, LPS. */
  readonly position: Position | null;
  /** [row, column] in millimetres. */
  readonly spacingMm: readonly [number, number] | null;
  /** Echo time of this frame where frames differ, else that of the object. */
  readonly echoTimeMs: number | null;
  /** ImageType (0008,0008) values, or FrameType (0008,9007) where the frame has its own; upper case. */
  readonly imageType: readonly string[];
  /** ComplexImageComponent (0008,9208); null where it is the magnitude or absent. */
  readonly complexComponent: string | null;
}

export type DirectionCosines = readonly [number, number, number, number, number, number];
export type Position = readonly [number, number, number];

/** Values of physics that rank a series; numbers and coded strings. */
export interface SequenceValues {
  readonly repetitionTimeMs: number | null;
  readonly echoTimeMs: number | null;
  readonly inversionTimeMs: number | null;
  readonly flipAngleDegrees: number | null;
  readonly echoTrainLength: number | null;
  /** SE, IR, GR, EP, RM (0018,0020); an Enhanced object's values are brought to these. */
  readonly scanningSequence: readonly string[];
  readonly sequenceVariant: readonly string[];
  readonly scanOptions: readonly string[];
  readonly acquisitionType: '2D' | '3D' | null;
  /** AcquisitionContrast (0008,9209) of an Enhanced object. */
  readonly contrast: string | null;
  readonly fatSuppressed: boolean;
  readonly fieldStrengthTesla: number | null;
  /** Coded hints that the description gave; the description itself is dropped. */
  readonly descriptionHints: readonly DescriptionHint[];
}

export type DescriptionHint =
  | 't1'
  | 't2'
  | 't2_star'
  | 'pd'
  | 'stir'
  | 'flair'
  | 'diffusion'
  | 'localizer'
  | 'fat_suppressed'
  | 'water_image'
  | 'fat_image'
  | 'opposed_phase';
