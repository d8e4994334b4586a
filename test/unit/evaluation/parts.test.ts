import { describe, expect, it } from 'vitest';
import { figuresOf } from '../../../src/cli/evaluate/figures.ts';
import { discColumn, type LabelledPicture } from '../../../src/cli/evaluate/labelled.ts';
import { picturesCsv, predictionsCsv } from '../../../src/cli/evaluate/rows.ts';
import type { EvaluatedPicture } from '../../../src/cli/evaluate/run-all.ts';
import { gatherEvidence } from '../../../src/cli/evaluate/score.ts';
import { compareTiers } from '../../../src/cli/evaluate/tiers.ts';
import { confusionOf } from '../../../src/evaluation/segmentation.ts';
import { sampleReport } from '../reporting/report-samples.ts';

const NAME = 'Doe^Jane';

function picture(name: string, patient: string, scanner: string | null): LabelledPicture {
  return {
    name,
    patient,
    split: 'test',
    source: 'own',
    scanner,
    path: `${name}.png`,
    region: null,
    discs: discColumn(sampleReport().discs.map(({ box }) => box)),
    labels: [
      { level: 'L5-S1', target: 'herniation', label: 1 },
      { level: 'L4-L5', target: 'herniation', label: 0 },
    ],
    matchBy: 'box',
    maskPath: null,
  };
}

const result = (name: string, patient: string, extra: Partial<EvaluatedPicture> = {}): EvaluatedPicture => ({
  picture: picture(name, patient, name < 'c' ? 'Maker, 1.5 T' : 'Maker, 3 T'),
  size: { width: 192, height: 192 },
  status: 'done',
  reasons: [],
  region: sampleReport().lumbarRegion,
  report: sampleReport(),
  masked: null,
  networksMs: 10,
  cutOff: { discs: 4, certain: 0 },
  ...extra,
});

const mask = (canalShare: number) => ({
  confusion: confusionOf(Uint8Array.of(0, 1, 2, 3), Uint8Array.of(0, 1, 2, 2)),
  canalShare,
});

describe('figures of parts', () => {
  const results = [
    result('a', 'one', { masked: mask(0.2) }),
    result('b', 'two', { masked: mask(0.01), status: 'needs_review', reasons: ['age_unknown', 'members_disagree'] }),
    result('c', 'three', { masked: mask(0.3), cutOff: { discs: 4, certain: 4 } }),
  ];
  const figures = figuresOf(gatherEvidence(results)[0]!);
  const part = (by: string, name: string) =>
    figures.subsets.find((subset) => subset.by === by && subset.name === name)!;

  it('are given for each level with labels', () => {
    expect(figures.subsets.filter(({ by }) => by === 'level').map(({ name }) => name)).toEqual([
      'L5-S1',
      'L4-L5',
      'L3-L4',
      'L2-L3',
      'L1-L2',
    ]);
    expect(part('level', 'L5-S1').classification.herniation).toMatchObject({ discs: 3, positives: 3, patients: 3 });
    expect(part('level', 'L3-L4').classification.herniation).toBeNull();
    expect(part('level', 'L3-L4').levels).toMatchObject({ discs: 3 });
  });

  it('are given for each of several scanners', () => {
    expect(part('scanner', 'Maker, 1.5 T').classification.herniation).toMatchObject({ discs: 4, patients: 2 });
    expect(part('scanner', 'Maker, 3 T').discs).toMatchObject({ pictures: 1, truths: 5 });
  });

  it('are given for slices whose mask shows the canal', () => {
    expect(part('slice', 'shows the canal').segmentation).toMatchObject({ pictures: 2, patients: 2 });
    expect(figures.segmentation).toMatchObject({ pictures: 3 });
  });

  it('stand beside ends and cut-off names of the whole source', () => {
    expect(figures.ends!.deferred.value).toBeCloseTo(1 / 3, 12);
    expect(Object.keys(figures.ends!.byReason)).toEqual(['members_disagree']);
    expect(figures.cutOff!.certain.value).toBeCloseTo(4 / 12, 12);
  });
});

describe('rows', () => {
  const evidence = gatherEvidence([result('a', NAME), result('b', NAME), result('c', 'other')]);

  it('name patients by numbers alone, the same for both pictures of one', () => {
    const text = predictionsCsv(evidence) + picturesCsv(evidence);
    expect(text).not.toContain(NAME);
    const [, ...rows] = picturesCsv(evidence).trim().split('\r\n');
    expect(rows.map((row) => row.split(',')[2])).toEqual(['1', '1', '2']);
  });

  it('hold the probability of each member that ran', () => {
    const [header, first] = predictionsCsv(evidence).split('\r\n');
    const members = sampleReport().discs[0]!.herniation.members;
    const cells = first!.split(',');
    for (const { id, probability } of members) {
      expect(cells[header!.split(',').indexOf(`member:${id}`)]).toBe(String(probability));
    }
    expect(members.length).toBeGreaterThan(0);
  });
});

describe('compareTiers', () => {
  const runs = (['ensemble', 'single'] as const).map((tier) => ({
    tier,
    evidence: gatherEvidence(
      ['a', 'b', 'c', 'd'].map((name, index) =>
        result(name, name, { networksMs: tier === 'ensemble' ? 100 + index : 10 + index }),
      ),
    ),
  }));

  it('gives each tier’s figures and times, and a difference of nothing between equal answers', () => {
    const [ensemble, single] = compareTiers(runs);
    expect(ensemble).toMatchObject({ source: 'own', tier: 'ensemble', networksMs: { median: 101.5, pictures: 4 } });
    expect(ensemble!.classification.herniation!.rocAucAboveReference).toBeNull();
    expect(single).toMatchObject({ tier: 'single', networksMs: { median: 11.5 } });
    expect(single!.classification.herniation!.rocAucAboveReference).toMatchObject({ value: 0, ci95: null });
  });
});
