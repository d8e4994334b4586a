import { describe, expect, it } from 'vitest';
import type { Detection } from '../../../src/contracts/detection.ts';
import { reasonOf } from '../../../src/contracts/reasons.ts';
import { reportSchema } from '../../../src/contracts/report.ts';
import type { Study } from '../../../src/contracts/study.ts';
import { rejectedReport } from '../../../src/reporting/rejected.ts';
import { sampleReport } from './report-samples.ts';

const input = sampleReport().input!;

const study: Study = {
  schema: 'discflow.study/1',
  tenant: 'clinic',
  studyKey: `v1-${'a'.repeat(26)}`,
  contentHash: `v1-${'b'.repeat(26)}`,
  kind: 'dicom',
  seriesRanking: input.seriesRanking,
  selectedSeries: 0,
  sequence: 't2',
  slices: [],
  flags: [],
};

const detection: Detection = {
  schema: 'discflow.detection/1',
  selected: input.selected!,
  rows: 384,
  columns: 320,
  pixelSpacingMm: [0.7, 0.7],
  window: { low: 1, high: 200 },
  sourceTransform: [1, 0, 0, 0, 1, 0],
  candidates: [],
  lumbarRegion: null,
  discs: [],
  reasons: [],
  cropFiles: {},
};

describe('rejectedReport', () => {
  it('reports an upload in which no study is known', () => {
    const report = rejectedReport({
      status: 'rejected',
      reasons: [reasonOf('empty')],
      tenant: 'clinic',
      study: null,
      runKey: null,
    });
    expect(reportSchema.parse(report)).toEqual(report);
    expect(report.study).toEqual({ key: null, tenant: 'clinic', contentHash: null, runKey: null });
    expect(report).toMatchObject({ status: 'rejected', input: null, discs: [], limits: ['single_mid_sagittal_slice'] });
  });

  it('keeps what ingest knew of a study', () => {
    const report = rejectedReport({
      status: 'rejected',
      reasons: [reasonOf('no_t2_series')],
      tenant: 'clinic',
      study,
      runKey: 'c'.repeat(26),
    });
    expect(report.study.key).toBe(study.studyKey);
    expect(report.input).toMatchObject({
      kind: 'dicom',
      selected: null,
      rows: null,
      seriesRanking: input.seriesRanking,
    });
  });

  it('keeps the slice that detect looked at', () => {
    const refusal = {
      status: 'rejected',
      reasons: [reasonOf('lumbar_region_not_found')],
      tenant: 'clinic',
      study,
      runKey: 'c'.repeat(26),
    } as const;
    const report = rejectedReport({ ...refusal, detection, models: sampleReport().models! });
    expect(report.input).toMatchObject({ rows: 384, columns: 320, selected: input.selected });
    expect(report.models?.pack).toBe('discflow-default');
  });
});
