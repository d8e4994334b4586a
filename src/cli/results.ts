import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunItem } from '../contracts/items.ts';
import { keys, RUN_FILES } from '../contracts/keys.ts';
import type { Reason } from '../contracts/reasons.ts';
import { type Report, reportSchema } from '../contracts/report.ts';
import { makeFolder } from '../embedded/index.ts';
import type { ObjectStore } from '../pipeline/ports.ts';
import { renderHtml } from '../reporting/html.ts';
import { rejectedReport } from '../reporting/rejected.ts';
import { serialiseReport } from '../reporting/serialise.ts';
import { UsageError } from './plan.ts';

/** What a run leaves in the user's folder, the report last; the stages' hand-overs stay in the data bucket. */
const RESULT_FILES = [
  RUN_FILES.run,
  RUN_FILES.overlay,
  RUN_FILES.mask,
  RUN_FILES.html,
  RUN_FILES.csv,
  RUN_FILES.report,
] as const;

const refusalStatus = z.enum(['rejected', 'failed', 'quarantined', 'cancelled']);

/**
 * Makes the folder for the results, before any work.
 * @throws UsageError where it cannot be made, or a file stands where one of the studies goes.
 */
export async function prepareOut(out: string, names: readonly string[]): Promise<void> {
  try {
    await makeFolder(out);
  } catch (error) {
    throw new UsageError(`--out ${out} cannot be made: ${(error as Error).message}`);
  }
  for (const name of names) {
    const found = await stat(join(out, name)).catch(() => null);
    if (found !== null && !found.isDirectory()) throw new UsageError(`${join(out, name)} is no folder`);
  }
}

/**
 * Copies a run's results to a folder; files of an earlier result that this one lacks are removed. The earlier report
 * goes first and the new one comes last, so that a report never stands beside files of another.
 */
export async function writeRun(data: ObjectStore, run: RunItem, folder: string): Promise<Report> {
  await makeFolder(folder);
  await rm(join(folder, RUN_FILES.report), { force: true });
  let report: Report | null = null;
  for (const name of RESULT_FILES) {
    const bytes = await data.get(keys.run(run.tenant, run.studyKey, run.runKey, name));
    if (bytes === null) {
      await rm(join(folder, name), { force: true });
      continue;
    }
    if (name === RUN_FILES.report) report = reportSchema.parse(JSON.parse(bytes.toString('utf8')));
    await writeWhole(join(folder, name), bytes);
  }
  if (report !== null && report.status === run.status) return report;
  const status = refusalStatus.parse(run.status);
  return writeEnd(folder, { tenant: run.tenant, status, reasons: run.reasons, runKey: run.runKey });
}

/** The report of an upload that ended before any study in it was known, or of a run that left none. */
export async function writeEnd(
  folder: string,
  end: { tenant: string; status: z.infer<typeof refusalStatus>; reasons: Reason[]; runKey: string | null },
): Promise<Report> {
  await makeFolder(folder);
  await Promise.all(RESULT_FILES.map((name) => rm(join(folder, name), { force: true })));
  const report = rejectedReport({ ...end, study: null });
  await writeWhole(join(folder, RUN_FILES.html), renderHtml(report, null));
  await writeWhole(join(folder, RUN_FILES.report), serialiseReport(report));
  return report;
}

/** A full disc or a killed process leaves no half of a file under its name. */
async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const part = `${path}.part`;
  try {
    await writeFile(part, content);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
