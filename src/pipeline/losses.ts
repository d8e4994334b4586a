import { type Reason, type ReasonCode, reasonOf } from '../contracts/reasons.ts';

/** A DICOM file of the upload that could not be read; null where its header does not reach that far. */
export interface LostFile {
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string | null;
}

/** Those that may be part of a study: of its UID, or of none that can be told. */
export const lostOf = (lost: readonly LostFile[], studyInstanceUid: string | null): LostFile[] =>
  lost.filter((file) => file.studyInstanceUid === null || file.studyInstanceUid === studyInstanceUid);

/**
 * What a study says of the files that it may have lost. Where they may be slices of the analysed series a person must
 * look: the series' middle is counted on the slices that are left. `seriesInstanceUid` is undefined where no series was
 * chosen.
 */
export function lossReasons(lost: readonly LostFile[], seriesInstanceUid: string | null | undefined): Reason[] {
  if (lost.length === 0) return [];
  const ofSeries = lost.some(
    (file) =>
      seriesInstanceUid !== undefined &&
      (file.seriesInstanceUid === null || file.seriesInstanceUid === seriesInstanceUid),
  );
  return [reasonOf(ofSeries ? 'series_incomplete' : 'files_lost')];
}

const LOSSES: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['files_lost', 'series_incomplete']);

/** The losses among a study's flags: a refusal has to name them too, for what is missed may be among them. */
export const lossesAmong = (flags: readonly Reason[]): Reason[] => flags.filter(({ code }) => LOSSES.has(code));
