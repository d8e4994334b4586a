import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';

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
 * each zip and each picture is one of its own, sub-folders are walked in name order. A folder with a DICOMDIR is one upload with all DICOM files below it; the
 * viewer's files and pictures beside them are ignored.
 * @throws UsageError where a path does not exist, nothing was found, or two uploads would write the same folder.
 */
export async function planUploads(paths: readonly string[]): Promise<Plan> {
  const uploads: PlannedUpload[] = [];
  const named = new Map<string, string[]>();
  let ignored = 0;
  for (const path of paths) {
    const found = await stat(path).catch(() => null);
    if (found === null) throw new UsageError(`${path}: no such file or folder`);
    if (found.isFile() && isDirectoryRecord(basename(path))) ignored += await walk(dirname(path), uploads);
    else if (found.isDirectory()) ignored += await walk(path, uploads);
    else if (!found.isFile()) throw new UsageError(`${path}: no file or folder, but a device or a pipe`);
    else if (isWhole(path) || !(await isDicom(path))) uploads.push(wholeUpload(path, extensionOf(path) || '.dcm'));
    else named.set(dirname(path), [...(named.get(dirname(path)) ?? []), path]);
  }
  for (const [folder, files] of named) {
    uploads.push(files.length > 1 ? looseUpload(folder, files) : wholeUpload(files[0]!, '.dcm'));
  }
  if (uploads.length === 0) throw new UsageError(`no zip, DICOM, PNG or JPEG file below ${paths.join(', ')}`);
  refuseCollisions(uploads);
  return { uploads, ignored };
}

async function walk(folder: string, uploads: PlannedUpload[]): Promise<number> {
  const entries = (await readdir(folder, { withFileTypes: true }))
    .filter(({ name }) => !name.startsWith('.'))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const loose: string[] = [];
  let ignored = 0;
  const record = entries.find((entry) => entry.isFile() && isDirectoryRecord(entry.name));
  if (record !== undefined) {
    ignored = await collectDicom(folder, loose);
    uploads.push(looseUpload(folder, loose.length > 0 ? loose : [join(folder, record.name)]));
    return ignored;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) ignored += await walk(path, uploads);
    else if (!entry.isFile()) ignored += 1;
    else if (isWhole(path)) uploads.push(wholeUpload(path, extensionOf(path)));
    else if (await isDicom(path)) loose.push(path);
    else ignored += 1;
  }
  if (loose.length > 0) uploads.push(looseUpload(folder, loose));
  return ignored;
}

const wholeUpload = (path: string, extension: string): PlannedUpload => ({
  name: stem(path),
  source: path,
  files: [path],
  extension,
});

const looseUpload = (folder: string, files: readonly string[]): PlannedUpload => ({
  name: basename(resolve(folder)),
  source: folder,
  files,
  extension: null,
});

/** All DICOM files of an exchange medium (DICOM PS3.10), whatever folders its writer made; returns how many are none. */
async function collectDicom(folder: string, found: string[]): Promise<number> {
  const files = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = files
    .filter((entry) => entry.isFile() && !isDirectoryRecord(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
  for (const path of paths) if (await isDicom(path)) found.push(path);
  return paths.length - found.length;
}

const isDirectoryRecord = (name: string): boolean => name.toUpperCase() === 'DICOMDIR';

const extensionOf = (path: string): string => extname(path).toLowerCase();

const isWhole = (path: string): boolean => WHOLE.has(extensionOf(path));

/** Files are often named by their UID, whose last number is no extension. */
const stem = (path: string): string => basename(path, /^\.\d+$/.test(extname(path)) ? '' : extname(path));

/** By extension, or by the magic of a Part 10 file: `DICM` after 128 bytes (DICOM PS3.10, 7.1). */
async function isDicom(path: string): Promise<boolean> {
  if (DICOM.has(extensionOf(path))) return true;
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 128);
    return bytesRead === 4 && buffer.toString('latin1') === 'DICM';
  } finally {
    await file.close();
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
