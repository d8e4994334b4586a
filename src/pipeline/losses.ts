import { type Reason, type ReasonCode, reasonOf } from '../contracts/reasons.ts';

/** A DICOM file of the upload that could not be read; null where its header does not reach that far. */
export interface LostFile {
  /** Place of the file in the upload, from 0. */
  readonly entry: number;
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string | null;
}

/** Those that may be part of a study: of its UID, or of none that can be told. */
export const lostOf = (lost: readonly LostFile[], studyInstanceUid: string | null): LostFile[] =>
  lost.filter((file) => file.studyInstanceUid === null || file.studyInstanceUid === studyInstanceUid);

/** The series that is analysed. */
export interface AnalysedSeries {
  readonly seriesInstanceUid: string | null;
  /** True where slices near its middle, or those of a better series, could not be decoded. */
  readonly undecoded: boolean;
}

/**
 * What a study says of the files that it may have lost. Where they may be slices of the analysed series a person must
 * look: the series' middle is counted on the slices that are left.
 */
export function lossReasons(lost: readonly LostFile[], series: AnalysedSeries | null): Reason[] {
  const ofSeries = ({ seriesInstanceUid: uid }: LostFile) => uid === null || uid === series?.seriesInstanceUid;
  if (series !== null && (series.undecoded || lost.some(ofSeries))) return [reasonOf('series_incomplete')];
  return lost.length > 0 ? [reasonOf('files_lost')] : [];
}

const LOSSES: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['files_lost', 'series_incomplete']);

/** The losses among a study's flags: a refusal has to name them too, for what is missed may be among them. */
export const lossesAmong = (flags: readonly Reason[]): Reason[] => flags.filter(({ code }) => LOSSES.has(code));
