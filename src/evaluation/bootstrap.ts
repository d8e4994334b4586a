import { seededRandom } from './random.ts';

/**
 * A figure of a data set in which patient `i` counts `weights[i]` times. NaN where the figure is not defined, as an AUC
 * without positives is not.
 */
export type Statistic = (weights: Float64Array) => number;

export interface Estimate {
  /** The figure with every patient counted once; null where it is not defined. */
  readonly value: number | null;
  /** 95 % interval over patients; null where fewer than nine in ten draws have a value, and where they tell nothing. */
  readonly ci95: readonly [low: number, high: number] | null;
}

export interface BootstrapOptions {
  readonly draws?: number;
  readonly seed?: number;
}

/** What an estimate takes where nothing else is said. */
export const BOOTSTRAP = { draws: 1000, seed: 20_250_115 } as const;
/** Draws of so few patients are mostly repeats of each other: each is worked out once. */
const FEW_PATIENTS = 8;
const MIN_DEFINED = 0.9;
const TAIL = 0.025;
const ROUNDING = 1e-9;

/**
 * Percentile bootstrap over patients (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13): as many
 * patients as there are, drawn with replacement; all discs and pictures of a patient come along. Draws that are all the
 * same tell nothing: where all are 0 or all 1, the interval is the exact one of none or all of the patients who have the
 * figure by themselves (Clopper and Pearson, Biometrika 26, 1934), else there is none.
 */
export function estimate(patients: number, statistic: Statistic, options: BootstrapOptions = {}): Estimate {
  return estimateAll(patients, { only: statistic }, options).only;
}

/** Several figures on the same draws. */
export function estimateAll<Name extends string>(
  patients: number,
  statistics: Readonly<Record<Name, Statistic>>,
  options: BootstrapOptions = {},
): Record<Name, Estimate> {
  const entries = Object.entries(statistics) as Array<[Name, Statistic]>;
  const draws = drawnFigures(
    patients,
    entries.map(([, statistic]) => statistic),
    options,
  );
  const estimates = entries.map(([name, statistic], index) => {
    const drawn = draws.map((figures) => figures[index]!);
    const ci95 = interval(drawn, () => carriersOf(statistic, patients));
    return [name, { value: figureOnce(statistic, patients), ci95 }] as const;
  });
  return Object.fromEntries(estimates) as Record<Name, Estimate>;
}

/** The figures of each draw, in the statistics' order. */
function drawnFigures(
  patients: number,
  statistics: readonly Statistic[],
  { draws = BOOTSTRAP.draws, seed = BOOTSTRAP.seed }: BootstrapOptions,
): Array<readonly number[]> {
  if (patients === 0) return [];
  const random = seededRandom(seed);
  const known = new Map<string, readonly number[]>();
  const weights = new Float64Array(patients);
  return Array.from({ length: draws }, () => {
    weights.fill(0);
    for (let index = 0; index < patients; index++) {
      const drawn = Math.floor(random() * patients);
      weights[drawn] = weights[drawn]! + 1;
    }
    const figures = () => statistics.map((statistic) => statistic(weights));
    if (patients > FEW_PATIENTS) return figures();
    const key = weights.join();
    const found = known.get(key) ?? figures();
    known.set(key, found);
    return found;
  });
}

/** With every patient counted once; null where it is not defined. */
function figureOnce(statistic: Statistic, patients: number): number | null {
  const value = statistic(new Float64Array(patients).fill(1));
  return Number.isFinite(value) ? value : null;
}

export interface Difference extends Estimate {
  /** Two-sided bootstrap p: twice the smaller share of draws on either side of zero, at least 2 / (draws + 1). */
  readonly p: number | null;
}

/** `first - second` on the same draws of patients, so that what both have in common cancels out. */
export function estimateDifference(
  patients: number,
  first: Statistic,
  second: Statistic,
  options: BootstrapOptions = {},
): Difference {
  const difference: Statistic = (weights) => first(weights) - second(weights);
  const value = figureOnce(difference, patients);
  const drawn = drawnFigures(patients, [difference], options).map(([figure]) => figure!);
  const defined = drawn.filter(Number.isFinite);
  if (!mostlyDefined(drawn)) return { value, ci95: null, p: null };
  const below = defined.filter((value) => value <= 0).length;
  const above = defined.filter((value) => value >= 0).length;
  const p = Math.min(1, (2 * (Math.min(below, above) + 1)) / (defined.length + 1));
  return { value, ci95: percentiles(drawn), p };
}

function interval(values: readonly number[], carriers: () => number): readonly [number, number] | null {
  if (!mostlyDefined(values)) return null;
  return percentiles(values) ?? exactInterval(values.find(Number.isFinite), carriers());
}

/** Patients who have the figure by themselves: one without positives says nothing of recall, and nothing of AUC. */
function carriersOf(statistic: Statistic, patients: number): number {
  const alone = new Float64Array(patients);
  let carriers = 0;
  for (let patient = 0; patient < patients; patient++) {
    alone.fill(0)[patient] = 1;
    if (Number.isFinite(statistic(alone))) carriers++;
  }
  return carriers;
}

function mostlyDefined(values: readonly number[]): boolean {
  const defined = values.filter(Number.isFinite).length;
  return defined > 0 && defined >= MIN_DEFINED * values.length;
}

/** Null where all draws are the same. */
function percentiles(values: readonly number[]): readonly [number, number] | null {
  const defined = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (defined.at(-1)! - defined[0]! < ROUNDING) return null;
  return [quantile(defined, TAIL), quantile(defined, 1 - TAIL)];
}

/** Of a share that is 0 or 1 in every patient; null below two patients. */
function exactInterval(value: number | undefined, patients: number): readonly [number, number] | null {
  const reach = TAIL ** (1 / patients);
  if (value === undefined || patients < 2) return null;
  if (Math.abs(value) < ROUNDING) return [0, 1 - reach];
  return Math.abs(value - 1) < ROUNDING ? [reach, 1] : null;
}

/** Linear between the two nearest of ascending values, as numpy does by default. */
export function quantile(ascending: readonly number[], share: number): number {
  const position = share * (ascending.length - 1);
  const below = ascending[Math.floor(position)]!;
  const above = ascending[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}
