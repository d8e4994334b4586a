import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunItem } from '../contracts/items.ts';
import { keys, RUN_FILES } from '../contracts/keys.ts';
import { type Reason, TransientFault } from '../contracts/reasons.ts';
import { type Report, reportSchema } from '../contracts/report.ts';
import { makeFolder } from '../embedded/data-folder.ts';
import type { ObjectStore } from '../pipeline/ports.ts';
import { isReportPage, renderHtml } from '../reporting/html.ts';
import { rejectedReport } from '../reporting/rejected.ts';
import { serialiseReport } from '../reporting/serialise.ts';
import { holdsResults, UsageError } from './plan.ts';

/**
 * What a run leaves in the user's folder; the stages' hand-overs stay in the data bucket. The page comes first, so that
 * whatever a killed process left is known for a result, and the report last.
 */
const RESULT_FILES = [
  RUN_FILES.html,
  RUN_FILES.run,
  RUN_FILES.overlay,
  RUN_FILES.mask,
  RUN_FILES.csv,
  RUN_FILES.report,
] as const;

/** A run was answered, and the data folder no longer holds its whole result. */
export class ResultLost extends Error {
  override readonly name = 'ResultLost';
}

const refusalStatus = z.enum(['rejected', 'failed', 'quarantined', 'cancelled']);

/**
 * Makes the folder for the results, before any work.
 * @throws UsageError where it cannot be made, a file stands where one of the studies goes, or its folder holds files of
 * somebody else that have the names of a result's: they would be written over, or deleted.
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
  const taken = new Set(names);
  for (const entry of await readdir(out, { withFileTypes: true })) {
    // An upload of several studies writes numbered folders.
    const isStudy = taken.has(entry.name) || taken.has(entry.name.replace(/-\d+$/, ''));
    if (isStudy && entry.isDirectory()) await refuseForeignFiles(join(out, entry.name));
  }
}

async function refuseForeignFiles(folder: string): Promise<void> {
  const held = new Set(await readdir(folder));
  const files = RESULT_FILES.filter((name) => held.has(name));
  if (files.length === 0 || (await holdsResults(folder)) || (await holdsPage(folder))) return;
  throw new UsageError(`${folder} holds ${files.join(', ')} of another program: name another --out, or move them away`);
}

const holdsPage = async (folder: string): Promise<boolean> =>
  isReportPage(await readFile(join(folder, RUN_FILES.html), 'utf8').catch(() => ''));

/**
 * Copies a run's results to a folder; files of an earlier result that this one lacks are removed. The earlier report
 * goes first and the new one comes last, so that a report never stands beside files of another. A run without an answer
 * needs no stored result: its item says all.
 * @throws ResultLost where there was an answer, and it can no longer be read.
 */
export async function writeRun(data: ObjectStore, run: RunItem, folder: string): Promise<Report> {
  await makeFolder(folder);
  await rm(join(folder, RUN_FILES.report), { force: true });
  const refusal = refusalStatus.safeParse(run.status).data;
  let report: Report | null = null;
  for (const name of RESULT_FILES) {
    const bytes = await data.get(keys.run(run.tenant, run.studyKey, run.runKey, name)).catch((error: unknown) => {
      if (!(error instanceof TransientFault)) throw error;
      if (refusal === undefined) throw new ResultLost(`the stored ${name} cannot be read`, { cause: error });
      return null;
    });
    if (bytes !== null && name === RUN_FILES.report) report = readReport(bytes);
    if (bytes === null || (name === RUN_FILES.report && report?.status !== run.status)) {
      await rm(join(folder, name), { force: true });
      continue;
    }
    await writeWhole(join(folder, name), bytes);
  }
  if (report !== null && report.status === run.status) return report;
  if (refusal === undefined) throw new ResultLost('the stored report is gone');
  return writeEnd(folder, { tenant: run.tenant, status: refusal, reasons: run.reasons, runKey: run.runKey });
}

/** Null where the bytes are no report. */
function readReport(bytes: Buffer): Report | null {
  try {
    return reportSchema.safeParse(JSON.parse(bytes.toString('utf8'))).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The report of an upload that ended before any study in it was known, or of a run that left none. */
export async function writeEnd(
  folder: string,
  end: { tenant: string; status: z.infer<typeof refusalStatus>; reasons: Reason[]; runKey: string | null },
): Promise<Report> {
  await makeFolder(folder);
  await rm(join(folder, RUN_FILES.report), { force: true });
  const report = rejectedReport({ ...end, study: null });
  await writeWhole(join(folder, RUN_FILES.html), renderHtml(report, null));
  const others = RESULT_FILES.filter((name) => name !== RUN_FILES.html);
  await Promise.all(others.map((name) => rm(join(folder, name), { force: true })));
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
