import type { RunItem, UploadItem } from '../contracts/items.ts';
import { keys, RUN_FILES } from '../contracts/keys.ts';
import type { RunStatus } from '../contracts/messages.ts';
import type { Stage } from '../contracts/reasons.ts';
import type { Report, RunRecord } from '../contracts/report.ts';
import type { Grey8 } from '../imaging/image.ts';
import { findingsCsv } from '../reporting/csv.ts';
import { renderHtml } from '../reporting/html.ts';
import { drawFindings, type OverlayGround } from '../reporting/overlay.ts';
import { serialiseReport } from '../reporting/serialise.ts';
import type { Announcer, Clock, ObjectStore, PictureEncoder, Runs } from './ports.ts';

export interface FinishDeps {
  readonly data: ObjectStore;
  readonly runs: Runs;
  readonly announcer: Announcer;
  readonly pictures: PictureEncoder;
  readonly clock: Clock;
}

export interface Outcome {
  readonly report: Report;
  readonly record: RunRecord | null;
  /** The upright slice, painted, and its class mask, where there are any. */
  readonly ground: OverlayGround | null;
  readonly mask: Grey8 | null;
}

/**
 * Ends a run: outputs, table, announcement, `announcedAt`. Outputs are pure functions of the run key, so that a
 * repetition writes the same bytes.
 */
export async function finishRun(deps: FinishDeps, item: RunItem, stage: Stage, outcome: Outcome): Promise<void> {
  await putOutputs(deps, item, outcome);
  const { status, reasons } = outcome.report;
  const moved = await deps.runs.advanceRun(item, { status, reasons, stage }, deps.clock.nowMs());
  if (moved) await announceRun(deps, { ...item, status, reasons });
}

async function putOutputs(deps: FinishDeps, item: RunItem, outcome: Outcome): Promise<void> {
  const { report, record, ground, mask } = outcome;
  const put = (name: string, body: Uint8Array | string, contentType: string) =>
    deps.data.put(
      keys.run(item.tenant, item.studyKey, item.runKey, name),
      typeof body === 'string' ? Buffer.from(body) : body,
      { contentType },
    );
  const putPage = (picture: Buffer | null) =>
    put(RUN_FILES.html, renderHtml(report, picture), 'text/html; charset=utf-8');
  const putOverlay = async () => {
    if (ground === null) return putPage(null);
    const overlay = drawFindings(ground, report);
    await Promise.all([
      deps.pictures.jpegRgb(overlay).then(putPage),
      deps.pictures.pngRgb(overlay).then((png) => put(RUN_FILES.overlay, png, 'image/png')),
    ]);
  };
  // The others are written while the overlay is compressed.
  await Promise.all([
    putOverlay(),
    put(RUN_FILES.csv, findingsCsv(report), 'text/csv; charset=utf-8'),
    ...(mask === null ? [] : [deps.pictures.pngGrey(mask).then((png) => put(RUN_FILES.mask, png, 'image/png'))]),
    ...(record === null ? [] : [put(RUN_FILES.run, `${JSON.stringify(record, null, 2)}\n`, 'application/json')]),
  ]);
  await put(RUN_FILES.report, serialiseReport(report), 'application/json');
}

/** Announces a terminal run unless that was done; a repeat has the same subject, attempt, status and reference. */
export async function announceRun(
  deps: Pick<FinishDeps, 'announcer' | 'runs' | 'clock'>,
  item: RunItem,
): Promise<void> {
  if (item.announcedAt !== null) return;
  await tellOfRun(deps, item);
  await deps.runs.markRunAnnounced(item, deps.clock.nowMs());
}

/** Announces a terminal run, with the reference of the upload that asks for it. */
export function tellOfRun({ announcer }: Pick<FinishDeps, 'announcer'>, item: RunItem): Promise<void> {
  return announcer.announce({
    schema: 'discflow.announcement/1',
    kind: 'run',
    tenant: item.tenant,
    subject: item.runKey,
    attempt: item.attempt,
    status: item.status,
    reasons: item.reasons.map(({ code }) => code),
    studyKey: item.studyKey,
    ...(item.status === 'failed'
      ? {}
      : { reportKey: keys.run(item.tenant, item.studyKey, item.runKey, RUN_FILES.report) }),
    ...(item.clientReference === null ? {} : { clientReference: item.clientReference }),
  });
}

export async function announceUpload(
  deps: Pick<FinishDeps, 'announcer' | 'runs' | 'clock'>,
  item: UploadItem,
): Promise<void> {
  if (item.announcedAt !== null) return;
  await deps.announcer.announce({
    schema: 'discflow.announcement/1',
    kind: 'upload',
    tenant: item.tenant,
    subject: item.uploadId,
    attempt: item.attempt,
    status: item.status,
    reasons: item.reasons.map(({ code }) => code),
    ...(item.runs.length === 0 ? {} : { runs: item.runs }),
    ...(item.clientReference === null ? {} : { clientReference: item.clientReference }),
  });
  await deps.runs.markUploadAnnounced(item, deps.clock.nowMs());
}

/** An upload that no ingest will touch again: marks it `failed` under its fence and announces it. */
export async function failUpload(
  deps: Pick<FinishDeps, 'announcer' | 'runs' | 'clock'>,
  item: UploadItem,
  reasons: UploadItem['reasons'],
): Promise<void> {
  const { runs, clientReference } = item;
  const end = { status: 'failed' as const, runs, reasons, clientReference };
  if (await deps.runs.settleUpload(item, end, deps.clock.nowMs())) await announceUpload(deps, { ...item, ...end });
}

/** A run that no stage will touch again: marks it `failed` under its fence and announces it. */
export async function failRun(
  deps: Pick<FinishDeps, 'announcer' | 'runs' | 'clock'>,
  item: RunItem,
  stage: Stage,
  reasons: RunItem['reasons'],
): Promise<void> {
  const status: RunStatus = 'failed';
  const moved = await deps.runs.advanceRun(item, { status, reasons, stage }, deps.clock.nowMs());
  if (moved) await announceRun(deps, { ...item, status, reasons });
}
