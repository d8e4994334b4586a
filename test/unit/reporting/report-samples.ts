import type { Answer, DiscFinding, Report } from '../../../src/contracts/report.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';

export const SIDE = 192;

const answer = (probability: number | null, threshold: number): Answer => ({
  assessable: probability !== null,
  probability,
  positive: probability === null ? null : probability >= threshold,
  threshold,
  disagreement: probability === null ? null : 0.0312,
  members: probability === null ? [] : [{ id: 'resnet50', probability, weight: 1 }],
});

const disc = (
  level: DiscFinding['level'],
  centreY: number,
  herniation: number | null,
  bulgeOrHerniation: number | null,
  levelCertain = true,
): DiscFinding => ({
  level,
  levelCertain,
  box: { x: 74, y: centreY - 7, width: 30, height: 14 },
  confidence: 0.93,
  herniation: answer(herniation, 0.35),
  bulgeOrHerniation: answer(bulgeOrHerniation, 0.5),
  measurements: {
    heightAnteriorMm: 9.1,
    heightMiddleMm: 10.2,
    heightPosteriorMm: 7,
    heightIndex: 0.31,
    areaMm2: 312.4,
    posteriorProtrusionMm: -0.4,
    canalApMm: null,
    signalRatio: 0.42,
  },
});

/** A report with a disc of every verdict: herniation, bulge, neither, unanswered, and one of uncertain level. */
export const sampleReport = (): Report => ({
  schema: 'discflow.report/1',
  status: 'needs_review',
  reasons: [
    { code: 'members_disagree', message: 'The members of the ensemble disagree on this disc.', level: 'L4-L5' },
    { code: 'level_uncertain', message: 'The level of this disc cannot be named with certainty.', level: 'L1-L2' },
  ],
  limits: ['single_mid_sagittal_slice'],
  notForDiagnosticUse: true,
  study: {
    key: `v1-${'a'.repeat(26)}`,
    tenant: 'local',
    contentHash: `v1-${'b'.repeat(26)}`,
    runKey: 'c'.repeat(26),
  },
  input: {
    kind: 'dicom',
    seriesRanking: [
      {
        seriesIndex: 0,
        plane: 'sagittal',
        weighting: 't2',
        fatSuppressed: false,
        slices: 15,
        repetitionTimeMs: 3500,
        echoTimeMs: 110,
        inversionTimeMs: null,
        obliquityDegrees: 2.1,
        score: 91.5,
        notes: ['t2_weighted'],
      },
    ],
    selected: {
      seriesIndex: 0,
      sliceIndex: 7,
      sliceCount: 15,
      frame: null,
      sopInstanceRef: `v1-${'d'.repeat(26)}`,
      sequence: 't2',
      offsetMm: 1.1,
    },
    rows: SIDE,
    columns: SIDE,
    pixelSpacingMm: [0.78, 0.78],
    window: { low: 3, high: 812 },
    sourceTransform: [1, 0, 0, 0, 1, 0],
  },
  lumbarRegion: { box: { x: 60, y: 20, width: 70, height: 160 }, confidence: 0.97 },
  discs: [
    disc('L5-S1', 160, 0.93, 0.98),
    disc('L4-L5', 130, 0.21, 0.81),
    disc('L3-L4', 100, 0.04, 0.2),
    disc('L2-L3', 70, null, 0.3),
    disc('L1-L2', 40, 0.01, 0.01, false),
  ],
  segmentation: {
    classes: ['background', 'vertebra', 'disc', 'canal'],
    members: [{ id: 'unet-resnet34', weight: 1 }],
    areasMm2: { background: 1, vertebra: 2200.2, disc: 900, canal: 1500 },
  },
  models: { pack: 'discflow-default', version: '0.1.0', sha256: 'e'.repeat(64), tier: 'ensemble' },
});

/** A dark half and a bright half. */
export const sampleSlice = (): Grey8 => ({
  depth: 'u8',
  width: SIDE,
  height: SIDE,
  data: Uint8Array.from({ length: SIDE * SIDE }, (_, index) => (Math.floor(index / SIDE) < SIDE / 2 ? 25 : 225)),
});

/** Ellipses for discs, boxes for vertebrae, a band for the canal, where `sampleReport` has its boxes. */
export function sampleMask(): Grey8 {
  const data = new Uint8Array(SIDE * SIDE);
  for (let y = 20; y < 180; y++) {
    const nearest = 40 + 30 * Math.min(4, Math.max(0, Math.round((y - 40) / 30)));
    for (let x = 60; x < 130; x++) {
      const at = y * SIDE + x;
      if (x >= 108 && x < 122) data[at] = 3;
      else if (((x - 89) / 14) ** 2 + ((y - nearest) / 5) ** 2 < 1) data[at] = 2;
      else if (x >= 76 && x < 102 && Math.abs(y - nearest) > 7) data[at] = 1;
    }
  }
  return { depth: 'u8', width: SIDE, height: SIDE, data };
}
