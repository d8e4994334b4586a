import { type BootstrapOptions, type Estimate, estimateAll } from './bootstrap.ts';
import { perPatient, ratio } from './per-patient.ts';

/** How the pipeline ended a good picture: one that it ought to answer without asking a person. */
export interface EndedPicture {
  /** Index of the patient, from 0. */
  readonly patient: number;
  readonly end: 'answered' | 'deferred' | 'refused';
  /** Codes that led there. */
  readonly reasons: readonly string[];
}

export interface EndFigures {
  readonly pictures: number;
  readonly refusedOrDeferred: Estimate;
  readonly refused: Estimate;
  readonly deferred: Estimate;
  /** Share of pictures that each code refused or deferred, the most frequent first; one picture may have several. */
  readonly byReason: Readonly<Record<string, Estimate>>;
}

/** Shares of all pictures. Codes that stand on answered pictures count for nothing. */
export function endFigures(
  pictures: readonly EndedPicture[],
  patients: number,
  options: BootstrapOptions = {},
): EndFigures {
  const all = perPatient(patients, pictures, () => 1);
  const share = (chosen: (picture: EndedPicture) => boolean) =>
    ratio(
      perPatient(patients, pictures, (picture) => (chosen(picture) ? 1 : 0)),
      all,
    );
  const stopped = pictures.filter(({ end }) => end !== 'answered');
  const count = (code: string) => stopped.filter(({ reasons }) => reasons.includes(code)).length;
  const codes = [...new Set(stopped.flatMap(({ reasons }) => reasons))].sort(
    (a, b) => count(b) - count(a) || a.localeCompare(b),
  );
  return {
    pictures: pictures.length,
    ...estimateAll(
      patients,
      {
        refusedOrDeferred: share(({ end }) => end !== 'answered'),
        refused: share(({ end }) => end === 'refused'),
        deferred: share(({ end }) => end === 'deferred'),
      },
      options,
    ),
    byReason: estimateAll(
      patients,
      Object.fromEntries(
        codes.map((code) => [code, share(({ end, reasons }) => end !== 'answered' && reasons.includes(code))]),
      ),
      options,
    ),
  };
}
