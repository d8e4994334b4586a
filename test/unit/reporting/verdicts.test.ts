import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/contracts/report.ts';
import { verdictOf } from '../../../src/reporting/palette.ts';
import { verdictWords } from '../../../src/reporting/wording.ts';

const answer = (probability: number | null): Answer => ({
  assessable: probability !== null,
  probability,
  positive: probability === null ? null : probability >= 0.3,
  threshold: 0.3,
  disagreement: null,
  members: [],
});

describe('verdictOf', () => {
  it.each([
    [0.9, 0.9, 'herniation'],
    [0.9, null, 'herniation'],
    [0.1, 0.9, 'bulge'],
    [null, 0.9, 'bulge'],
    [0.1, 0.1, 'neither'],
    [0.1, null, 'unanswered'],
    [null, 0.1, 'unanswered'],
    [null, null, 'unanswered'],
  ] as const)('calls a herniation of %s with a bulge or herniation of %s %s', (herniation, bulge, verdict) => {
    expect(verdictOf({ herniation: answer(herniation), bulgeOrHerniation: answer(bulge) })).toBe(verdict);
  });
});

describe('verdictWords', () => {
  it.each([
    [0.5, 'Herniation suggested'],
    [0.49, 'Herniation possible'],
    [0.29, 'Not seen on this slice'],
    [null, 'Not assessable'],
  ] as const)('of a probability of %s are: %s', (probability, words) => {
    expect(verdictWords('herniation', answer(probability))).toBe(words);
  });
});
