import type { Level } from '../contracts/reasons.ts';
import { type BootstrapOptions, type Estimate, estimateAll } from './bootstrap.ts';
import { perPatient, ratio } from './per-patient.ts';

/** A labelled disc and the name that it got; `named` is null where it was missed. */
export interface NamedLabel {
  /** Index of the patient, from 0. */
  readonly patient: number;
  readonly level: Level;
  readonly named: Level | null;
  readonly certain: boolean;
}

export interface LevelFigures {
  readonly discs: number;
  /** Share of all labelled discs that were named right, certain or not. */
  readonly right: Estimate;
  /** Share of all labelled discs that were named right and certain. */
  readonly rightAndCertain: Estimate;
  /** Share of the discs named with certainty whose name is wrong. */
  readonly certainWrong: Estimate;
  /** Share of the found discs whose name is certain. */
  readonly certain: Estimate;
}

export function levelFigures(
  labels: readonly NamedLabel[],
  patients: number,
  options: BootstrapOptions = {},
): LevelFigures {
  const count = (chosen: (label: NamedLabel) => boolean) =>
    perPatient(patients, labels, (label) => (chosen(label) ? 1 : 0));
  const all = count(() => true);
  const found = count(({ named }) => named !== null);
  const certain = count((label) => label.named !== null && label.certain);
  return {
    discs: labels.length,
    ...estimateAll(
      patients,
      {
        right: ratio(
          count(({ level, named }) => level === named),
          all,
        ),
        rightAndCertain: ratio(
          count((label) => label.level === label.named && label.certain),
          all,
        ),
        certainWrong: ratio(
          count((label) => label.named !== null && label.certain && label.level !== label.named),
          certain,
        ),
        certain: ratio(certain, found),
      },
      options,
    ),
  };
}
