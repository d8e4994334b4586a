import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { UploadItem } from '../contracts/items.ts';
import { InputFault } from '../contracts/reasons.ts';
import { DEFAULT_LIMITS, openUpload } from '../pipeline/prepare-files.ts';
import type { PlannedUpload } from './plan.ts';

/** Where a result came from. */
export interface Source {
  /** The path as given; where the upload held several studies, that of the study's first file: `a.zip!b.png`. */
  readonly source: string;
  /** Only there: the first file's name within the upload, and of how many files the study is made. */
  readonly member?: string;
  readonly files?: number;
}

/**
 * Names what each study of an upload was made of. Stages know files by their place alone; the names are read here, from
 * the user's own files. Where these are gone or changed since, the upload's path stands alone.
 */
export async function sourcesOf(upload: PlannedUpload, { runs, members = [] }: UploadItem): Promise<Source[]> {
  const { source } = upload;
  if (runs.length < 2) return runs.map(() => ({ source }));
  const names = await namesIn(upload);
  return runs.map((_, index) => {
    const { first = -1, files = 0 } = members[index] ?? {};
    const member = names[first];
    if (member === undefined) return { source };
    return { source: upload.extension === null ? join(source, member) : `${source}!${member}`, member, files };
  });
}

/** Names of an upload's files, in the order in which ingest counts them. */
async function namesIn({ source, files, extension }: PlannedUpload): Promise<readonly string[]> {
  if (extension === null) return files.map((file) => relative(source, file));
  const bytes = await readFile(files[0]!).catch(() => Buffer.alloc(0));
  const names: string[] = [];
  try {
    for await (const { name } of openUpload(`upload${extension}`, bytes, DEFAULT_LIMITS)) names.push(name);
  } catch (error) {
    if (!(error instanceof InputFault)) throw error;
  }
  return names;
}
