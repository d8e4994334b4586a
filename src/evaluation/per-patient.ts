import type { Statistic } from './bootstrap.ts';

/** Sums of a value of each picture by patient. */
export function perPatient<Item extends { readonly patient: number }>(
  patients: number,
  items: readonly Item[],
  measure: (item: Item, index: number) => number,
): Float64Array {
  const sums = new Float64Array(patients);
  items.forEach((item, index) => {
    sums[item.patient] = sums[item.patient]! + measure(item, index);
  });
  return sums;
}

/** Ratio of two sums by patient; NaN where the lower one is 0. */
export function ratio(upper: Float64Array, lower: Float64Array): Statistic {
  return (weights) => {
    const below = dot(lower, weights);
    return below === 0 ? Number.NaN : dot(upper, weights) / below;
  };
}

export function dot(values: Float64Array, weights: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]! * weights[index]!;
  return sum;
}

export const addUp = (a: Float64Array, b: Float64Array) => a.map((value, index) => value + b[index]!);
