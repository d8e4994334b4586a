/** A sign's mean and spread over the pictures that the model was fitted on, and its weight. */
interface SignWeight {
  readonly sign: string;
  readonly mean: number;
  readonly spread: number;
  readonly weight: number;
}

/** Logistic rule that the lowest disc is L5-S1; written by `npx tsx scripts/fit-levels.ts`. */
export const LOWEST_DISC_MODEL: { readonly bias: number; readonly signs: readonly SignWeight[] } = {
  bias: -2.2692,
  signs: [
    { sign: 'belowCentre', mean: 1.2514, spread: 0.4841, weight: 0.98854 },
    { sign: 'regionMismatch', mean: 0.4415, spread: 0.39527, weight: -3.2758 },
    { sign: 'regionAboveEdge', mean: 0.38814, spread: 0.28903, weight: 1.4873 },
    { sign: 'confidence', mean: 0.96804, spread: 0.072578, weight: 0.13198 },
    { sign: 'spacing', mean: 0.98648, spread: 0.068253, weight: -0.33177 },
    { sign: 'width', mean: 0.9898, spread: 0.094523, weight: 0.48866 },
    { sign: 'aspect', mean: 1.2801, spread: 0.33015, weight: 2.4072 },
    { sign: 'taper', mean: 0.089495, spread: 0.096096, weight: -0.33935 },
    { sign: 'lean', mean: 0.081512, spread: 0.16078, weight: -0.13516 },
    { sign: 'leanAbove', mean: -0.060131, spread: 0.14448, weight: -0.90598 },
  ],
};
