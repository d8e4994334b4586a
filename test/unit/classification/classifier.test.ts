import { describe, expect, test } from 'vitest';
import { readProbabilities } from '../../../src/classification/classifier.ts';
import type { DiscClassifier } from '../../../src/contracts/pack.ts';
import { tinyPack } from '../../support/tiny-pack.ts';

const member = tinyPack().manifest.members.find((one) => one.role === 'disc-classifier')!;
const softmax: DiscClassifier = {
  ...member,
  output: { kind: 'logits', activation: 'softmax', targets: ['herniation'] },
};

describe('readProbabilities', () => {
  test('sigmoid members answer one column a target, in the order of their targets', () => {
    const data = Float32Array.from([0, Math.log(3), -40, 40]);
    const [first, second] = readProbabilities({ dims: [2, 2], data }, member, 2);
    expect(first!.bulgeOrHerniation).toBe(0.5);
    expect(first!.herniation).toBeCloseTo(0.75, 6);
    expect(second!.bulgeOrHerniation).toBeCloseTo(0, 12);
    expect(second!.herniation).toBeCloseTo(1, 12);
  });

  test('softmax members answer index 1 as positive and no other target', () => {
    const [only] = readProbabilities({ dims: [1, 2], data: Float32Array.from([1, 1 + Math.log(4)]) }, softmax, 1);
    expect(only!.herniation).toBeCloseTo(0.8, 6);
    expect(only).not.toHaveProperty('bulgeOrHerniation');
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('a logit of %s is refused', (logit) => {
    const output = { dims: [2, 2], data: Float32Array.from([0, 0, 0, logit]) };
    expect(() => readProbabilities(output, member, 2)).toThrow(`${member.id} answers logits that are not finite`);
  });

  test.each([[[1, 2]], [[2, 3]], [[4]]])('dims %j are refused', (dims) => {
    expect(() => readProbabilities({ dims, data: new Float32Array(6) }, member, 2)).toThrow(RangeError);
  });
});
