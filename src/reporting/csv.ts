import { TARGETS, type Target } from '../contracts/pack.ts';
import type { DiscFinding, Measurements, Report } from '../contracts/report.ts';

type Cell = string | number | boolean | null;

const MEASUREMENTS = [
  ['height_anterior_mm', 'heightAnteriorMm'],
  ['height_middle_mm', 'heightMiddleMm'],
  ['height_posterior_mm', 'heightPosteriorMm'],
  ['height_index', 'heightIndex'],
  ['area_mm2', 'areaMm2'],
  ['posterior_protrusion_mm', 'posteriorProtrusionMm'],
  ['canal_ap_mm', 'canalApMm'],
  ['signal_ratio', 'signalRatio'],
] as const satisfies ReadonlyArray<readonly [string, keyof Measurements]>;

/** The columns of `findings.csv`, in their order. */
export const FINDINGS_COLUMNS = [
  'study_key',
  'run_key',
  'status',
  'level',
  'level_certain',
  'target',
  'assessable',
  'probability',
  'threshold',
  'positive',
  'disagreement',
  'reasons',
  'study_reasons',
  'disc_confidence',
  'box_x',
  'box_y',
  'box_width',
  'box_height',
  ...MEASUREMENTS.map(([column]) => column),
  'pack',
  'pack_version',
  'tier',
  'not_for_diagnostic_use',
] as const;

/**
 * `findings.csv`: a header and one row a disc and target, from L5-S1 upwards; boxes in pixels of the upright slice.
 * `reasons` are those of the disc, `study_reasons` those of the whole study.
 * RFC 4180: comma, CRLF, quotes doubled. A text that a spreadsheet would take for a formula gets an apostrophe before it
 * (OWASP, "CSV Injection").
 */
export function findingsCsv(report: Report): string {
  const rows = report.discs.flatMap((disc) => TARGETS.map((target) => findingRow(report, disc, target)));
  return csvTable([FINDINGS_COLUMNS, ...rows]);
}

/** Rows of cells as RFC 4180 text; null is an empty cell. */
export function csvTable(rows: ReadonlyArray<readonly Cell[]>): string {
  return rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('');
}

function findingRow(report: Report, disc: DiscFinding, target: Target): Cell[] {
  const answer = disc[target];
  return [
    report.study.key,
    report.study.runKey,
    report.status,
    disc.level,
    disc.levelCertain,
    target,
    answer.assessable,
    answer.probability,
    answer.threshold,
    answer.positive,
    answer.disagreement,
    codesOf(report, disc.level),
    codesOf(report, undefined),
    disc.confidence,
    disc.box.x,
    disc.box.y,
    disc.box.width,
    disc.box.height,
    ...MEASUREMENTS.map(([, field]) => disc.measurements?.[field] ?? null),
    report.models?.pack ?? null,
    report.models?.version ?? null,
    report.models?.tier ?? null,
    report.notForDiagnosticUse,
  ];
}

/** Codes of the reasons that name this level, or of those that name none, once each. */
function codesOf({ reasons }: Report, wanted: DiscFinding['level'] | undefined): string {
  return [...new Set(reasons.filter(({ level }) => level === wanted).map(({ code }) => code))].join(' ');
}

function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  const harmless = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
