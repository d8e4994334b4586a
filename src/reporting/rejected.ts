import type { Detection } from '../contracts/detection.ts';
import type { Reason } from '../contracts/reasons.ts';
import { REPORT_LIMITS, type Report, reportSchema } from '../contracts/report.ts';
import type { Study } from '../contracts/study.ts';

export interface Refusal {
  readonly status: Exclude<Report['status'], 'done' | 'needs_review'>;
  readonly reasons: readonly Reason[];
  readonly tenant: string;
  /** What ingest knew of the study; null where the upload ended before any study in it was known. */
  readonly study: Study | null;
  readonly runKey: string | null;
  /** What detect found before it refused. */
  readonly detection?: Detection;
  readonly models?: NonNullable<Report['models']>;
}

/** The `report.json` of a study or upload without an answer: status, reasons and what is known of the input. */
export function rejectedReport({ status, reasons, tenant, study, runKey, detection, models }: Refusal): Report {
  return reportSchema.parse({
    schema: 'discflow.report/1',
    status,
    reasons,
    limits: REPORT_LIMITS,
    notForDiagnosticUse: true,
    study: { key: study?.studyKey ?? null, tenant, contentHash: study?.contentHash ?? null, runKey },
    input: study === null ? null : inputOf(study, detection),
    lumbarRegion: detection?.lumbarRegion ?? null,
    discs: [],
    segmentation: null,
    models: models ?? null,
  } satisfies { [Field in keyof Report]: unknown });
}

function inputOf(study: Study, detection: Detection | undefined): NonNullable<Report['input']> {
  return {
    kind: study.kind,
    seriesRanking: study.seriesRanking,
    selected: detection?.selected ?? null,
    rows: detection?.rows ?? null,
    columns: detection?.columns ?? null,
    pixelSpacingMm: detection?.pixelSpacingMm ?? null,
    window: detection?.window ?? null,
    sourceTransform: detection?.sourceTransform ?? null,
  };
}
