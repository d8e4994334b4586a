/**
 * What is kept of one DICOM file: allow-listed values only. The three UIDs stay in memory, are hashed before anything
 * is stored and stand in no message or error.
 */
export interface DicomObject {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  readonly transferSyntaxUid: string;
  readonly modality: string;
  readonly rows: number;
  readonly columns: number;
  readonly frames: readonly DicomFrame[];
  /** Age in whole years by PatientAge or by birth and study date; null where unknown. */
  readonly ageYears: number | null;
  readonly bodyPartExamined: string | null;
  /** ImageType (0008,0008) values, upper case. */
  readonly imageType: readonly string[];
  readonly burnedInAnnotation: boolean | null;
  readonly sequence: SequenceValues;
  readonly monochrome1: boolean;
}

/** One frame's geometry: DICOM PS3.3 C.7.6.2, or the functional groups of an Enhanced MR object. */
export interface DicomFrame {
  /** Row direction then column direction cosines, patient coordinates (LPS); null where absent. */
  readonly orientation: readonly [number, number, number, number, number, number] | null;
  /** Centre of the first pixel, millimetres, LPS. */
  readonly position: readonly [number, number, number] | null;
  /** [row, column] in millimetres. */
  readonly spacingMm: readonly [number, number] | null;
}

/** Values of physics that rank a series; numbers and coded strings. */
export interface SequenceValues {
  readonly repetitionTimeMs: number | null;
  readonly echoTimeMs: number | null;
  readonly inversionTimeMs: number | null;
  readonly flipAngleDegrees: number | null;
  readonly echoTrainLength: number | null;
  readonly scanningSequence: readonly string[];
  readonly sequenceVariant: readonly string[];
  readonly scanOptions: readonly string[];
  readonly acquisitionType: '2D' | '3D' | null;
  readonly fieldStrengthTesla: number | null;
  /** Coded hints that the description gave (t1, t2, stir, loc); the description itself is dropped. */
  readonly descriptionHints: readonly string[];
}
