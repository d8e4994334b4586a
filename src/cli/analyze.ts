import { join } from 'node:path';
import type { Tier } from '../contracts/keys.ts';
import { internalFault, type Reason, reasonOf } from '../contracts/reasons.ts';
import type { Report } from '../contracts/report.ts';
import type { LocalSystem } from './local.ts';
import { sourcesOf } from './members.ts';
import { type PlannedUpload, planUploads, studyFolders } from './plan.ts';
import { earlyEnd, failure } from './process-end.ts';
import { startProgress } from './progress.ts';
import { prepareOut, ResultLost, writeEnd, writeRun } from './results.ts';
import { countByReason, countLeftOut, exitCodeOf, jsonLine, type Row, studyCount, summaryTable } from './summary.ts';
import { refusalBySize, SourceUnreadable } from './uploads.ts';

export interface AnalyzeOptions {
  readonly out: string;
  readonly tenant: string;
  readonly pack: string;
  readonly tier: Tier;
  readonly concurrency: number;
  readonly data: string;
  readonly json: boolean;
}

/** Rows of the summary on a terminal; more would scroll away what matters. */
const TABLE_ROWS = 40;

/** `discflow analyze`: every path through the stages on embedded services; returns the exit code. */
export async function analyze(paths: readonly string[], options: AnalyzeOptions): Promise<number> {
  const plan = await planUploads(paths, options.out);
  const taken = new Set(plan.uploads.map(({ name }) => name.toLowerCase()));
  // Late, as the services are much to load: a wrong call is told at once.
  const { startLocal } = await import('./local.ts');
  const system = await startLocal(options);
  const interrupted = interruptible();
  const rows: Row[] = [];
  const progress = startProgress(plan.uploads.length);
  try {
    await prepareOut(
      options.out,
      plan.uploads.map(({ name }) => name),
    );
    await forEachLimited(plan.uploads, options.concurrency, interrupted.signal, async (upload) => {
      const ended = await analyzeUpload(system, upload, options, taken, interrupted.signal);
      for (const row of ended) {
        rows.push(row);
        if (options.json) process.stdout.write(`${jsonLine(row)}\n`);
      }
      progress.finished(upload.name, endsOf(ended));
    });
  } finally {
    progress.stop();
    interrupted.dispose();
    await system.close();
  }
  const failed = failure();
  if (failed !== null) throw failed;
  if (interrupted.signal.aborted) {
    process.stderr.write(`interrupted: ${studyCount(rows.length)} ended; the same call takes the others up again\n`);
    return 130;
  }
  report(rows, plan.ignored, options);
  return exitCodeOf(rows);
}

/** The ends of one upload's studies, and what became of its other files. */
function endsOf(rows: readonly Row[]): string {
  const statuses = rows.map(({ report }) => report.status).join(', ');
  const leftOut = countLeftOut(rows);
  return leftOut === '' ? statuses : `${statuses}; files left out: ${leftOut}`;
}

/** One upload to its end; a file that is gone since the call was planned ends this upload alone. */
export async function analyzeUpload(
  system: Pick<LocalSystem, 'data' | 'submit' | 'untilUploadEnded'> & Answering,
  upload: PlannedUpload,
  options: Pick<AnalyzeOptions, 'out' | 'tenant'>,
  taken: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Row[]> {
  const ended = async (status: 'failed' | 'rejected', reasons: Reason[]): Promise<Row[]> => {
    const written = { tenant: options.tenant, status, reasons, runKey: null };
    const { name, source } = upload;
    const folder = join(options.out, name);
    return [{ name, source, folder, leftOut: [], report: await writeEnd(folder, written) }];
  };
  let uploadId: string;
  try {
    const refusal = await refusalBySize(upload);
    if (refusal !== null) return await ended('rejected', [refusal]);
    uploadId = await system.submit(upload);
  } catch (error) {
    if (!(error instanceof SourceUnreadable)) throw error;
    return ended('rejected', [reasonOf('incomplete_upload', { detail: 'a file can no longer be read' })]);
  }
  const end = await system.untilUploadEnded(uploadId, signal);
  if (end.runs.length === 0) return ended(end.status === 'failed' ? 'failed' : 'rejected', end.reasons);
  const rows: Row[] = [];
  const names = studyFolders(upload.name, end.runs.length, taken);
  const sources = await sourcesOf(upload, end);
  for (const [index, runKey] of end.runs.entries()) {
    const name = names[index]!;
    const folder = join(options.out, name);
    const report = await writeAnswer(system, runKey, folder, signal);
    rows.push({ name, ...sources[index]!, folder, leftOut: end.reasons, report });
  }
  return rows;
}

type Answering = Pick<LocalSystem, 'data' | 'redrive' | 'untilRunEnded'>;

/**
 * The end of a run, in its folder. Where the data folder has lost a stored answer, as a cleaner of caches may take files,
 * the run is made once more: its upload, read just now, has stored its slices again.
 */
async function writeAnswer(system: Answering, runKey: string, folder: string, signal: AbortSignal): Promise<Report> {
  try {
    return await writeRun(system.data, await system.untilRunEnded(runKey, signal), folder);
  } catch (error) {
    if (!(error instanceof ResultLost)) throw error;
  }
  await system.redrive(runKey);
  const run = await system.untilRunEnded(runKey, signal);
  try {
    return await writeRun(system.data, run, folder);
  } catch (error) {
    if (!(error instanceof ResultLost)) throw error;
    const reasons = [internalFault(run.traceId, 'the data folder loses results')];
    return writeEnd(folder, { tenant: run.tenant, status: 'failed', reasons, runKey });
  }
}

function report(rows: readonly Row[], ignored: number, options: AnalyzeOptions): void {
  const say = (text: string) => (options.json ? process.stderr : process.stdout).write(`${text}\n`);
  if (!options.json && rows.length <= TABLE_ROWS) {
    say(summaryTable(rows));
    say(
      'Each disc: probability of PLID (herniation), then of bulge or herniation; * above threshold, ? level uncertain.',
    );
  }
  say(`${studyCount(rows.length)}: ${countByReason(rows)}${ignored > 0 ? `; ${ignored} other files ignored` : ''}`);
  const leftOut = countLeftOut(rows);
  if (leftOut !== '') say(`Files of uploads that are in no study: ${leftOut}`);
  if (!options.json) say(`Results in ${options.out}. Not for diagnostic use.`);
}

/** Runs `work` on every item, `limit` at a time; starts nothing new once aborted, and ends on the first error. */
async function forEachLimited<Item>(
  items: readonly Item[],
  limit: number,
  signal: AbortSignal,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = items.values();
  const lane = async () => {
    for (const item of iterator) {
      if (signal.aborted) return;
      try {
        await work(item);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
}

/** The first Ctrl-C, or any other early end, ends the call cleanly, a second Ctrl-C at once. */
function interruptible(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  const abort = () => controller.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  earlyEnd.addEventListener('abort', abort);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      earlyEnd.removeEventListener('abort', abort);
    },
  };
}
