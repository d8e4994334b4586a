import type { DiscClassifier, Target } from '../contracts/pack.ts';

/** A classifier's answer: `dims` are N, columns. */
export interface Logits {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/**
 * Probabilities of each target for each picture of the batch: `result[i].herniation` belongs to picture `i`; a target
 * that the member does not answer is absent. Sigmoid members have one column a target; softmax members have two columns
 * for their one target, index 1 positive. Throws `RangeError` where dims do not fit or a logit is not finite.
 */
export function readProbabilities(
  output: Logits,
  member: DiscClassifier,
  count: number,
): Array<Partial<Record<Target, number>>> {
  const { activation, targets } = member.output;
  const columns = activation === 'softmax' ? 2 : targets.length;
  if (output.dims.length !== 2 || output.dims[0] !== count || output.dims[1] !== columns) {
    throw new RangeError(`${member.id} answers ${count} x ${columns}, not ${output.dims.join(' x ')}`);
  }
  if (!output.data.every(Number.isFinite)) throw new RangeError(`${member.id} answers logits that are not finite`);
  return Array.from({ length: count }, (_, row) => {
    const logits = output.data.subarray(row * columns, (row + 1) * columns);
    if (activation === 'softmax') return { [targets[0]!]: sigmoid(logits[1]! - logits[0]!) };
    return Object.fromEntries(targets.map((target, column) => [target, sigmoid(logits[column]!)]));
  });
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
