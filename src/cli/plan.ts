import type { Dirent } from 'node:fs';
import { open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve, sep } from 'node:path';
import { RUN_FILES } from '../contracts/keys.ts';
import { reportSchema } from '../contracts/report.ts';

/** One upload to make: a zip, a picture or a lone file, or the DICOM files of one folder. */
export interface PlannedUpload {
  /** Folder under `--out` and start of the upload's id. */
  readonly name: string;
  /** The path as the user gave it, or as found below it. */
  readonly source: string;
  readonly files: readonly string[];
  /** What the name of a whole upload's object ends in; null where the files go up as parts with an `_upload.json`. */
  readonly extension: string | null;
}

export interface Plan {
  readonly uploads: readonly PlannedUpload[];
  /** Files below the given folders that are no study: counted, never uploaded. */
  readonly ignored: number;
}

/** The call was wrong: exit 1 before any work. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const WHOLE = new Set(['.zip', '.png', '.jpg', '.jpeg']);
const DICOM = new Set(['.dcm', '.dicom', '.ima']);

/**
 * Turns paths into uploads: the DICOM files of one folder are one, whether the folder is named or some of its files are;
 * each zip and each picture is one of its own, sub-folders are walked in name order. A folder with a DICOMDIR is one
 * upload with all DICOM files below it; the viewer's files and pictures beside them are ignored. So are results of an
 * earlier call, and `out`, where results go, is not entered. A link to a file is that file, a link to a folder is ignored.
 * A file that may not be opened is an upload of its own.
 * @throws UsageError where a path does not exist, nothing was found, or two uploads would write the same folder.
 */
export async function planUploads(paths: readonly string[], out?: string): Promise<Plan> {
  const search: Search = { uploads: [], out: out === undefined ? null : await realPath(out) };
  const { uploads } = search;
  const named = new Map<string, string[]>();
  let ignored = 0;
  for (const path of paths) {
    if (path === '') throw new UsageError('one of the paths is empty');
    const found = await stat(path).catch(() => null);
    if (found === null) throw new UsageError(`${path}: no such file or folder`);
    if (found.isFile() && isDirectoryRecord(basename(path))) ignored += await walk(dirname(path), search);
    else if (found.isDirectory()) ignored += await walk(path, search);
    else if (!found.isFile()) throw new UsageError(`${path}: no file or folder, but a device or a pipe`);
    else if (isWhole(path) || (await kindOf(path)) !== 'dicom')
      uploads.push(wholeUpload(path, extensionOf(path) || '.dcm'));
    else named.set(dirname(path), [...(named.get(dirname(path)) ?? []), path]);
  }
  for (const [folder, files] of named) {
    uploads.push(files.length > 1 ? looseUpload(folder, files) : wholeUpload(files[0]!, '.dcm'));
  }
  if (uploads.length === 0) throw new UsageError(`no zip, DICOM, PNG or JPEG file below ${paths.join(', ')}`);
  refuseCollisions(uploads);
  return { uploads, ignored };
}

/** What a search of folders has found so far, and the folder that it does not enter. */
interface Search {
  readonly uploads: PlannedUpload[];
  readonly out: string | null;
}

/** Without links, so that two spellings of one folder are alike; a folder that is not there yet is none of those found. */
const realPath = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));

/** A file, or a link to one; a link that leads nowhere is a file that cannot be opened. */
async function isFileOrLink(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isFile();
  return (await stat(path).catch(() => null))?.isFile() ?? true;
}

/** Returns how many files are no part of an upload. */
async function walk(folder: string, search: Search): Promise<number> {
  const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const record = entries.find((entry) => entry.isFile() && isDirectoryRecord(entry.name));
  if (record !== undefined) return walkMedium(folder, record.name, search);
  const drawn = (await holdsResults(folder)) ? DRAWN : [];
  const loose: string[] = [];
  let ignored = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && (await realPath(path)) === search.out) continue;
    if (entry.name.startsWith('.')) ignored += 1;
    else if (entry.isDirectory()) ignored += await walk(path, search);
    else if (!(await isFileOrLink(entry, path)) || drawn.includes(entry.name)) ignored += 1;
    else if (isWhole(path)) search.uploads.push(wholeUpload(path, extensionOf(path)));
    else ignored += await sortFile(path, loose, search);
  }
  if (loose.length > 0) search.uploads.push(looseUpload(folder, loose));
  return ignored;
}

/** Pictures that a result consists of: analysed again they would be findings about findings. */
const DRAWN: readonly string[] = [RUN_FILES.overlay, RUN_FILES.mask];

/** Whether a folder holds what an earlier call wrote, by the schema of its report. */
export async function holdsResults(folder: string): Promise<boolean> {
  try {
    const report: unknown = JSON.parse(await readFile(join(folder, RUN_FILES.report), 'utf8'));
    return reportSchema.safeParse(report).success;
  } catch {
    return false;
  }
}

/** All DICOM files of an exchange medium (DICOM PS3.10), whatever folders its writer made. */
async function walkMedium(folder: string, record: string, search: Search): Promise<number> {
  const files = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths: string[] = [];
  for (const entry of files) {
    const path = join(entry.parentPath, entry.name);
    if (!isDirectoryRecord(entry.name) && (await isFileOrLink(entry, path))) paths.push(path);
  }
  paths.sort();
  const loose: string[] = [];
  let ignored = 0;
  const results = await resultsBelow(folder, search);
  for (const path of paths)
    if (results === null || !(await realPath(path)).startsWith(results)) ignored += await sortFile(path, loose, search);
  search.uploads.push(looseUpload(folder, loose.length > 0 ? loose : [join(folder, record)]));
  return ignored;
}

/** What paths of results below a folder start with; null where results go elsewhere, or to the folder itself. */
async function resultsBelow(folder: string, { out }: Search): Promise<string | null> {
  return out?.startsWith(`${await realPath(folder)}${sep}`) ? `${out}${sep}` : null;
}

/** Puts a file where it belongs; 1 where that is nowhere. */
async function sortFile(path: string, loose: string[], { uploads }: Search): Promise<0 | 1> {
  const kind = await kindOf(path);
  if (kind === 'dicom') loose.push(path);
  else if (kind === 'unreadable') uploads.push(wholeUpload(path, '.dcm'));
  return kind === 'other' ? 1 : 0;
}

const wholeUpload = (path: string, extension: string): PlannedUpload => ({
  name: folderName(stem(path)),
  source: path,
  files: [path],
  extension,
});

const looseUpload = (folder: string, files: readonly string[]): PlannedUpload => ({
  name: folderName(basename(resolve(folder))),
  source: folder,
  files,
  extension: null,
});

const isDirectoryRecord = (name: string): boolean => name.toUpperCase() === 'DICOMDIR';

const extensionOf = (path: string): string => extname(path).toLowerCase();

const isWhole = (path: string): boolean => WHOLE.has(extensionOf(path));

/** Files are often named by their UID, whose last number is no extension. */
const stem = (path: string): string => basename(path, /^\.\d+$/.test(extname(path)) ? '' : extname(path));

/** A name that would lead out of `--out`, or to it itself (`...png`, the root folder), gives way to a plain one. */
const folderName = (name: string): string => (['', '.', '..'].includes(name) ? 'study' : name);

/** DICOM by extension, or by the magic of a Part 10 file: `DICM` after 128 bytes (DICOM PS3.10, 7.1). */
async function kindOf(path: string): Promise<'dicom' | 'other' | 'unreadable'> {
  if (DICOM.has(extensionOf(path))) return 'dicom';
  try {
    const file = await open(path, 'r');
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 128);
      return bytesRead === 4 && buffer.toString('latin1') === 'DICM' ? 'dicom' : 'other';
    } finally {
      await file.close();
    }
  } catch {
    return 'unreadable';
  }
}

function refuseCollisions(uploads: readonly PlannedUpload[]): void {
  const seen = new Map<string, string>();
  for (const { name, source } of uploads) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      throw new UsageError(`${other} and ${source} would both be written to "${name}": rename one or run them apart`);
    }
    seen.set(name.toLowerCase(), source);
  }
}

/**
 * Folders of an upload's studies: its name, or its name with `-1`, `-2`, … where it holds several. A number is passed
 * over where another upload has that name (`taken`, in lower case): it must not write over this one's result.
 */
export function studyFolders(name: string, studies: number, taken: ReadonlySet<string>): string[] {
  if (studies === 1) return [name];
  const folders: string[] = [];
  for (let number = 1; folders.length < studies; number++) {
    const folder = `${name}-${number}`;
    if (!taken.has(folder.toLowerCase())) folders.push(folder);
  }
  return folders;
}
