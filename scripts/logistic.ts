/** One observation: values by sign, its label, and how often it counts. */
export interface Observation {
  readonly values: readonly number[];
  readonly label: 0 | 1;
  readonly weight: number;
}

/** `bias + sum of weight * (value - mean) / spread`. */
export interface Logistic {
  readonly bias: number;
  readonly weights: readonly number[];
  readonly means: readonly number[];
  readonly spreads: readonly number[];
}

const RIDGE = 1;

export function logitOf({ bias, weights, means, spreads }: Logistic, values: readonly number[]): number {
  return weights.reduce(
    (sum, weight, index) => sum + (weight * (values[index]! - means[index]!)) / spreads[index]!,
    bias,
  );
}

/** Ridge logistic regression by Newton's method; the bias is not shrunk. The same observations give the same weights. */
export function fitLogistic(observations: readonly Observation[]): Logistic {
  const size = observations[0]!.values.length;
  const mass = observations.reduce((sum, { weight }) => sum + weight, 0);
  const mean = (value: (values: readonly number[]) => number) =>
    observations.reduce((sum, { values, weight }) => sum + weight * value(values), 0) / mass;
  const means = Array.from({ length: size }, (_, sign) => mean((values) => values[sign]!));
  const spreads = means.map((centre, sign) => Math.sqrt(mean((values) => (values[sign]! - centre) ** 2)) + 1e-9);
  const rows = observations.map(({ values }) => [1, ...values.map((v, sign) => (v - means[sign]!) / spreads[sign]!)]);
  const beta = new Array<number>(size + 1).fill(0);
  for (let step = 0; step < 50; step++) {
    const gradient = beta.map((b, index) => (index === 0 ? 0 : -RIDGE * b));
    const hessian = beta.map((_, i) => beta.map((__, j) => (i === j && i > 0 ? RIDGE : 0)));
    for (const [at, row] of rows.entries()) {
      const { label, weight } = observations[at]!;
      const fitted = 1 / (1 + Math.exp(-row.reduce((sum, value, index) => sum + value * beta[index]!, 0)));
      for (let i = 0; i <= size; i++) {
        gradient[i]! += weight * (label - fitted) * row[i]!;
        for (let j = 0; j <= size; j++) hessian[i]![j]! += weight * fitted * (1 - fitted) * row[i]! * row[j]!;
      }
    }
    const change = solve(hessian, gradient);
    for (const [index, value] of change.entries()) beta[index]! += value;
    if (Math.max(...change.map(Math.abs)) < 1e-10) break;
  }
  const [bias, ...weights] = beta as [number, ...number[]];
  return { bias, weights, means, spreads };
}

/** Gaussian elimination with partial pivoting. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, index) => [...row, right[index]!]);
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    const pivot = rows
      .slice(column)
      .reduce(
        (best, row, at) => (Math.abs(row[column]!) > Math.abs(rows[best]![column]!) ? at + column : best),
        column,
      );
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = rows[row]![column]! / rows[column]![column]!;
      for (let at = column; at <= size; at++) rows[row]![at]! -= factor * rows[column]![at]!;
    }
  }
  return rows.map((row, index) => row[size]! / row[index]!);
}
