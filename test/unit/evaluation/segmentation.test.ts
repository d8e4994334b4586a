import { describe, expect, it } from 'vitest';
import { confusionOf, segmentationFigures } from '../../../src/evaluation/segmentation.ts';

const LABELLED = Uint8Array.of(0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 0, 0, 1, 2);
const PREDICTED = Uint8Array.of(0, 0, 1, 1, 1, 2, 1, 2, 2, 3, 3, 0, 0, 0, 1, 1);

describe('segmentationFigures', () => {
  const whole = segmentationFigures([{ patient: 0, confusion: confusionOf(LABELLED, PREDICTED) }], 1, { draws: 5 });

  // Values of scikit-learn (jaccard_score, f1_score, precision_score, recall_score) on the same numbers.
  it('agrees with scikit-learn by class', () => {
    const values = (by: typeof whole.iou) => [by.background, by.vertebra, by.disc, by.canal].map(({ value }) => value);
    const close = (by: typeof whole.iou, expected: number[]) =>
      values(by).forEach((value, index) => {
        expect(value).toBeCloseTo(expected[index]!, 12);
      });
    close(whole.iou, [2 / 3, 4 / 7, 0.5, 2 / 3]);
    close(whole.dice, [0.8, 8 / 11, 2 / 3, 0.8]);
    close(whole.precision, [0.8, 2 / 3, 2 / 3, 1]);
    close(whole.recall, [0.8, 0.8, 2 / 3, 2 / 3]);
    expect(whole.pixelAccuracy.value).toBe(0.75);
  });

  it('means with and without background', () => {
    expect(whole.meanIou.value).toBeCloseTo((4 / 7 + 0.5 + 2 / 3) / 3, 12);
    expect(whole.meanIouWithBackground.value).toBeCloseTo((2 / 3 + 4 / 7 + 0.5 + 2 / 3) / 4, 12);
    expect(whole.meanDice.value).toBeCloseTo((8 / 11 + 2 / 3 + 0.8) / 3, 12);
  });

  it('pools pixels over pictures, however they are cut', () => {
    const parts = [0, 5, 11].map((from, index) => ({
      patient: index,
      confusion: confusionOf(LABELLED.slice(from, [5, 11, 16][index]), PREDICTED.slice(from, [5, 11, 16][index])),
    }));
    expect(segmentationFigures(parts, 3, { draws: 5 }).meanIou.value).toBeCloseTo(whole.meanIou.value!, 12);
  });

  it('has no figure for a class that is neither labelled nor predicted', () => {
    const figures = segmentationFigures(
      [{ patient: 0, confusion: confusionOf(Uint8Array.of(0, 1), Uint8Array.of(0, 1)) }],
      1,
    );
    expect(figures.iou.canal.value).toBeNull();
    expect(figures.iou.vertebra.value).toBe(1);
  });

  it('refuses maps of different size and values above 3', () => {
    expect(() => confusionOf(Uint8Array.of(0), Uint8Array.of(0, 1))).toThrow(RangeError);
    expect(() => confusionOf(Uint8Array.of(76), Uint8Array.of(0))).toThrow(RangeError);
  });
});
