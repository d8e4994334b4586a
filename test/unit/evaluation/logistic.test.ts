import { describe, expect, test } from 'vitest';
import { fitLogistic, logitOf } from '../../../scripts/logistic.ts';

describe('fitLogistic', () => {
  test('observations of one sign follow the closed form: the ridge alone keeps the slope from the log odds ratio', () => {
    const observations = [
      ...Array.from({ length: 3000 }, (_, at) => ({ values: [1], label: (at % 4 === 0 ? 0 : 1) as 0 | 1, weight: 1 })),
      ...Array.from({ length: 3000 }, (_, at) => ({ values: [-1], label: (at % 4 === 0 ? 1 : 0) as 0 | 1, weight: 1 })),
    ];
    const model = fitLogistic(observations);
    expect(logitOf(model, [1])).toBeCloseTo(Math.log(3), 2);
    expect(logitOf(model, [-1])).toBeCloseTo(-Math.log(3), 2);
  });

  test('a weight of two counts as twice the observation', () => {
    const once = [
      { values: [0, 3], label: 1, weight: 2 },
      { values: [1, 1], label: 0, weight: 1 },
      { values: [2, 2], label: 1, weight: 1 },
    ] as const;
    const twice = [{ ...once[0], weight: 1 }, ...once.map((entry) => ({ ...entry, weight: 1 }))];
    const [a, b] = [fitLogistic(once), fitLogistic(twice)];
    expect(logitOf(a, [1, 2])).toBeCloseTo(logitOf(b, [1, 2]), 9);
  });
});
