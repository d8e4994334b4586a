import { describe, expect, it } from 'vitest';
import { figuresOf } from '../../../src/cli/evaluate/figures.ts';
import { discColumn, type LabelledPicture } from '../../../src/cli/evaluate/labelled.ts';
import type { EvaluatedPicture } from '../../../src/cli/evaluate/run-all.ts';
import { gatherEvidence, scoredByLevel } from '../../../src/cli/evaluate/score.ts';
import type { Level } from '../../../src/contracts/reasons.ts';
import type { Report } from '../../../src/contracts/report.ts';
import { sampleReport } from '../reporting/report-samples.ts';

/** Labels exactly where the sample report has its discs (y 160, 130 … 40), and one above that does not count. */
const column = discColumn([...sampleReport().discs.map(({ box }) => box), { x: 74, y: 5, width: 30, height: 14 }]);

const picture = (extra: Partial<LabelledPicture> = {}): LabelledPicture => ({
  name: 'a',
  patient: 'p1',
  split: 'test',
  source: 'own',
  scanner: null,
  path: 'a.png',
  region: { x: 60, y: 20, width: 70, height: 160 },
  discs: column,
  labels: [
    { level: 'L5-S1', target: 'herniation', label: 1 },
    { level: 'L2-L3', target: 'herniation', label: 1 },
    { level: 'L4-L5', target: 'bulgeOrHerniation', label: 1 },
  ],
  matchBy: 'box',
  maskPath: null,
  ...extra,
});

const result = (extra: { picture?: LabelledPicture; report?: Report | null } = {}): EvaluatedPicture => ({
  picture: extra.picture ?? picture(),
  size: { width: 192, height: 192 },
  status: 'done',
  reasons: [],
  region: extra.report === null ? null : sampleReport().lumbarRegion,
  report: extra.report === undefined ? sampleReport() : extra.report,
  masked: null,
  networksMs: 10,
  cutOff: null,
});

const predictionOf = (results: readonly EvaluatedPicture[], level: Level) => {
  const [{ predictions }] = gatherEvidence(results) as [ReturnType<typeof gatherEvidence>[number]];
  return predictions.herniation.find((prediction) => prediction.level === level)!;
};

describe('gatherEvidence', () => {
  it('gives a labelled disc the answer of the reported disc in its place, whatever that is named', () => {
    const report = sampleReport();
    const shifted = report.discs.map((disc, index) => ({
      ...disc,
      level: report.discs[index + 1]?.level ?? ('T12-L1' as const),
    }));
    const results = [result({ report: { ...report, discs: shifted } })];
    expect(predictionOf(results, 'L5-S1')).toMatchObject({ probability: 0.93, positive: true, answered: true, iou: 1 });
    const { levels } = gatherEvidence(results)[0]!;
    expect(levels[0]).toMatchObject({ level: 'L5-S1', named: 'L4-L5' });
  });

  it('matches by name where the data are labelled by level', () => {
    const report = sampleReport();
    const moved = report.discs.map((disc) => ({ ...disc, box: { ...disc.box, x: 0 } }));
    const byLevel = picture({ matchBy: 'level' });
    expect(predictionOf([result({ picture: byLevel, report: { ...report, discs: moved } })], 'L5-S1').probability).toBe(
      0.93,
    );
  });

  it('counts an answer that was not assessable with probability 0', () => {
    expect(predictionOf([result()], 'L2-L3')).toMatchObject({
      answered: false,
      probability: 0,
      positive: false,
      label: 1,
    });
  });

  it('counts every disc and the region of a refused picture as missed', () => {
    const figures = figuresOf(gatherEvidence([result({ report: null })])[0]!);
    expect(figures.region?.recall.value).toBe(0);
    expect(figures.discs?.recall.value).toBe(0);
    expect(figures.levels?.rightAndCertain.value).toBe(0);
    expect(figures.classification.herniation).toMatchObject({ missed: 2, discs: 2 });
    expect(figures.classification.herniation?.coverage.value).toBe(0);
  });

  it('takes a reported disc above the five lowest as neither hit nor extra, and a doubled one as extra', () => {
    const report = sampleReport();
    const above = { ...report.discs[4]!, level: 'T12-L1' as const, box: { x: 74, y: 5, width: 30, height: 14 } };
    const doubled = { ...report.discs[0]!, level: 'T11-T12' as const, box: { x: 74, y: 167, width: 30, height: 14 } };
    const withAbove = figuresOf(
      gatherEvidence([result({ report: { ...report, discs: [...report.discs, above] } })])[0]!,
    );
    expect([withAbove.discs?.precision.value, withAbove.discs?.truths]).toEqual([1, 5]);
    const withDouble = figuresOf(
      gatherEvidence([result({ report: { ...report, discs: [...report.discs, doubled] } })])[0]!,
    );
    expect(withDouble.discs?.falsePerPicture.value).toBe(1);
  });

  it('keeps sources apart and counts the patients who have the labels', () => {
    const unlabelled = picture({ name: 'b', patient: 'p2', discs: null, region: null, labels: [] });
    const other = picture({ name: 'c', patient: 'p3', source: 'other' });
    const evidence = gatherEvidence([result(), result({ picture: unlabelled }), result({ picture: other })]);
    expect(evidence.map(({ source }) => source)).toEqual(['own', 'other']);
    const figures = figuresOf(evidence[0]!);
    expect([figures.patients, figures.discs?.patients]).toEqual([2, 1]);
  });

  it('takes all that is reported as extra where the labels show no disc, and asks there for none', () => {
    const empty = result({ picture: picture({ name: 'b', discs: [], region: null, labels: [] }) });
    const figures = figuresOf(gatherEvidence([result({ report: null }), empty])[0]!);
    const reported = sampleReport().discs.length;
    expect(figures.discs).toMatchObject({ precision: { value: 0 }, falsePerPicture: { value: reported / 2 } });
    expect(figures.discs?.allFound.value).toBe(0);
  });

  it('leaves out figures that the data have no labels for', () => {
    const figures = figuresOf(
      gatherEvidence([result({ picture: picture({ discs: null, region: null, labels: [] }) })])[0]!,
    );
    expect(figures).toMatchObject({ region: null, discs: null, levels: null, segmentation: null });
    expect(figures.classification).toEqual({ herniation: null, bulgeOrHerniation: null });
  });
});

describe('scoredByLevel', () => {
  it('holds the lower disc for the likelier one and answers all', () => {
    const { predictions } = gatherEvidence([result()])[0]!;
    const [low, high] = scoredByLevel(predictions.herniation);
    expect(low!.probability).toBeGreaterThan(high!.probability);
    expect(high!.answered).toBe(true);
  });
});
