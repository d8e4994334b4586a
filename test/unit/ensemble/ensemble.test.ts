import { describe, expect, test } from 'vitest';
import { answerOf, calibrate, disagreementOf, effectiveWeights } from '../../../src/ensemble/ensemble.ts';

const wae = { method: 'wae', weights: { a: 0.7, b: 0.3 }, temperature: 1, bias: 0, threshold: 0.5 } as const;
const votes = [
  { id: 'a', probability: 0.9 },
  { id: 'b', probability: 0.2 },
];

describe('effectiveWeights', () => {
  test('WAE takes the weights as given and leaves members without one out', () => {
    const weights = { a: 0.7, b: 0.3, c: 0 };
    expect(effectiveWeights({ method: 'wae', weights }, new Set(['a', 'b', 'c']))).toEqual([
      { id: 'a', weight: 0.7 },
      { id: 'b', weight: 0.3 },
    ]);
  });

  test('AEM weighs every listed member the same', () => {
    expect(effectiveWeights({ method: 'aem', weights: { a: 0, b: 0.2 } }, new Set(['a', 'b']))).toEqual([
      { id: 'a', weight: 0.5 },
      { id: 'b', weight: 0.5 },
    ]);
  });

  test('what did not run is left out and the rest scaled up', () => {
    expect(effectiveWeights(wae, new Set(['b', 'x']))).toEqual([{ id: 'b', weight: 1 }]);
    expect(effectiveWeights(wae, new Set())).toEqual([]);
  });
});

describe('calibrate', () => {
  test('without bias at temperature 1 it changes nothing', () => {
    expect(calibrate(0.3, { bias: 0, temperature: 1 })).toBeCloseTo(0.3, 12);
  });

  test('the bias is added to the logit before it is divided by the temperature', () => {
    const logit = (Math.log(0.8 / 0.2) - 1) / 2;
    expect(calibrate(0.8, { bias: -1, temperature: 2 })).toBeCloseTo(1 / (1 + Math.exp(-logit)), 12);
  });

  test('0 and 1 are clipped to 1e-6 from the ends', () => {
    expect(calibrate(0, { bias: 0, temperature: 1 })).toBeCloseTo(1e-6, 12);
    expect(calibrate(1, { bias: 0, temperature: 1 })).toBeCloseTo(1 - 1e-6, 12);
  });
});

describe('disagreementOf', () => {
  test('is the weighted standard deviation, rounded to four decimals', () => {
    expect(
      disagreementOf([
        { probability: 0.9, weight: 0.7 },
        { probability: 0.2, weight: 0.3 },
      ]),
    ).toBe(0.3208);
  });

  test('one member has nobody to disagree with', () => {
    expect(disagreementOf([{ probability: 0.9, weight: 1 }])).toBeNull();
  });
});

describe('answerOf', () => {
  test('weighs, calibrates, rounds, then applies the threshold', () => {
    expect(answerOf(votes, { ...wae, threshold: 0.69 })).toEqual({
      assessable: true,
      probability: 0.69,
      positive: true,
      threshold: 0.69,
      disagreement: 0.3208,
      members: [
        { id: 'a', probability: 0.9, weight: 0.7 },
        { id: 'b', probability: 0.2, weight: 0.3 },
      ],
    });
  });

  test('a probability that rounds up to the threshold is positive', () => {
    const answer = answerOf([{ id: 'a', probability: 0.49996 }], { ...wae, method: 'single', weights: { a: 1 } });
    expect(answer).toMatchObject({ probability: 0.5, positive: true, disagreement: null });
  });

  test('without a vote of a member that counts the disc is not assessable', () => {
    const nothing = {
      assessable: false,
      probability: null,
      positive: null,
      threshold: 0.5,
      disagreement: null,
      members: [],
    };
    expect(answerOf([], wae)).toEqual(nothing);
    expect(answerOf([{ id: 'stranger', probability: 0.9 }], wae)).toEqual(nothing);
    expect(answerOf([{ id: 'a', probability: Number.NaN }], wae)).toEqual(nothing);
  });
});
