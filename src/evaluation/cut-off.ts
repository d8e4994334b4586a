import { type BootstrapOptions, type Estimate, estimateAll } from './bootstrap.ts';
import { perPatient, ratio } from './per-patient.ts';

/** What was named on a picture that was cut off above L5-S1, where no name can be certain. */
export interface CutOffPicture {
  /** Index of the patient, from 0. */
  readonly patient: number;
  readonly discs: number;
  readonly certain: number;
}

export interface CutOffFigures {
  readonly pictures: number;
  readonly discs: number;
  /** Share of the discs named on such pictures whose name is called certain. */
  readonly certain: Estimate;
  /** Share of such pictures with any certain name. */
  readonly picturesWithCertain: Estimate;
}

export function cutOffFigures(
  pictures: readonly CutOffPicture[],
  patients: number,
  options: BootstrapOptions = {},
): CutOffFigures {
  const sum = (measure: (picture: CutOffPicture) => number) => perPatient(patients, pictures, measure);
  return {
    pictures: pictures.length,
    discs: pictures.reduce((total, { discs }) => total + discs, 0),
    ...estimateAll(
      patients,
      {
        certain: ratio(
          sum(({ certain }) => certain),
          sum(({ discs }) => discs),
        ),
        picturesWithCertain: ratio(
          sum(({ certain }) => (certain > 0 ? 1 : 0)),
          sum(() => 1),
        ),
      },
      options,
    ),
  };
}
