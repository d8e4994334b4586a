import { fileKind } from '../archive/file-kind.ts';
import { InputFault } from '../contracts/reasons.ts';
import type { DicomObject } from '../dicom/object.ts';
import { sopClassKind } from '../dicom/sop-class.ts';
import type { PixelDecoder } from './ports.ts';
import { extensionOf, type UploadFile, type UploadLimits } from './prepare-files.ts';
import type { FileTally } from './prepare-tally.ts';

/** A DICOM file with pixels: its header is kept, its bytes are let go. */
export interface ReadObject {
  readonly file: UploadFile;
  readonly object: DicomObject;
}

export interface ReadFiles {
  readonly objects: ReadObject[];
  /** Pictures by their first bytes; empty where the upload holds DICOM, whose thumbnails they then are. */
  readonly pictures: UploadFile[];
}

/** What one file turned out to be. */
type Finding =
  | { readonly kind: 'object'; readonly object: DicomObject }
  | { readonly kind: 'picture' }
  | { readonly kind: 'directory' }
  | { readonly kind: 'fault'; readonly dicom: boolean; readonly error: unknown };

interface Examined {
  readonly file: UploadFile;
  readonly finding: Finding;
}

/** Files in reading at a time, and their bytes, unless one file alone is larger. */
const MAX_READING = 8;
const MAX_READING_BYTES = 128 * 1024 * 1024;

/**
 * Reads every file once for what it is. Files that are no part of a study are counted in the tally. Throws `InputFault`:
 * `archive_limit`, `too_large` (files and bytes together), `incomplete_upload`.
 */
export async function readFiles(
  files: AsyncIterable<UploadFile> | Iterable<UploadFile>,
  decoder: PixelDecoder,
  limits: UploadLimits,
  tally: FileTally,
): Promise<ReadFiles> {
  const reading = new Map<Promise<Examined>, number>();
  const all: Array<Promise<Examined>> = [];
  let totalBytes = 0;
  try {
    for await (const file of files) {
      totalBytes += file.size;
      if (all.length >= limits.maxEntries) throw new InputFault('archive_limit', 'files');
      if (totalBytes > limits.maxTotalBytes) throw new InputFault('too_large', 'all files');
      while (isFull(reading, file.size)) await Promise.race(reading.keys());
      const task: Promise<Examined> = examine(file, decoder, limits).finally(() => reading.delete(task));
      reading.set(task, file.size);
      all.push(task);
    }
    return sortOut(await Promise.all(all), tally);
  } finally {
    await Promise.allSettled(all);
  }
}

function isFull(reading: ReadonlyMap<unknown, number>, size: number): boolean {
  const bytes = [...reading.values()].reduce((sum, value) => sum + value, size);
  return reading.size >= MAX_READING || (reading.size > 0 && bytes > MAX_READING_BYTES);
}

/** Never rejects: whatever was thrown is part of the finding. */
async function examine(file: UploadFile, decoder: PixelDecoder, limits: UploadLimits): Promise<Examined> {
  let dicom = false;
  try {
    if (file.size > limits.maxFileBytes) throw new InputFault('too_large', 'a file');
    if (isHidden(file.name)) throw new InputFault('ignored_file');
    const bytes = await file.read();
    if (bytes.length === 0) throw new InputFault('empty');
    const kind = fileKind(bytes);
    dicom = kind === 'dicom';
    if (kind === 'png' || kind === 'jpeg') return { file, finding: { kind: 'picture' } };
    if (kind === 'zip') throw new InputFault('unsafe_archive', 'an archive inside the upload');
    if (!dicom) throw strangerFault(file.name);
    const object = await decoder.readDicom(bytes);
    return { file, finding: findingOf(object) };
  } catch (error) {
    const directory = dicom && error instanceof InputFault && /(^|\/)dicomdir$/i.test(file.name);
    return { file, finding: directory ? { kind: 'directory' } : { kind: 'fault', dicom, error } };
  }
}

/** Files that systems leave behind: `.DS_Store`, `._name`. */
const isHidden = (name: string): boolean => name.slice(name.lastIndexOf('/') + 1).startsWith('.');

const DICOM_EXTENSIONS = new Set(['', '.dcm', '.dicom', '.dic', '.ima', '.img', '.mr']);
const PICTURE_EXTENSIONS = new Set(['.png', '.jpg', '.jpeg']);
const ARCHIVE_EXTENSIONS = new Set(['.gz', '.tgz', '.tar', '.7z', '.rar', '.bz2', '.xz']);

/** A file of no kind that is read, by what its name promised. A name without one, or with a number, is DICOM's way. */
function strangerFault(name: string): InputFault {
  const extension = extensionOf(name);
  if (DICOM_EXTENSIONS.has(extension) || /^\.\d+$/.test(extension)) return new InputFault('not_dicom');
  if (PICTURE_EXTENSIONS.has(extension) || ARCHIVE_EXTENSIONS.has(extension)) return new InputFault('content_type');
  return new InputFault('ignored_file');
}

function findingOf(object: DicomObject): Finding {
  if (object.frames.length > 0) return { kind: 'object', object };
  if (sopClassKind(object.sopClassUid) === 'directory') return { kind: 'directory' };
  return { kind: 'fault', dicom: true, error: new InputFault('no_pixels') };
}

/** Counts what is left out: a directory record only where it stands alone, pictures where there is DICOM. */
function sortOut(examined: readonly Examined[], tally: FileTally): ReadFiles {
  const objects: ReadObject[] = [];
  const pictures: UploadFile[] = [];
  let directories = 0;
  let dicom = false;
  for (const { file, finding } of examined) {
    if (finding.kind === 'object') objects.push({ file, object: finding.object });
    else if (finding.kind === 'picture') pictures.push(file);
    else if (finding.kind === 'directory') directories += 1;
    else tally.addFault(finding.error);
    dicom ||= finding.kind === 'object' || finding.kind === 'directory' || (finding.kind === 'fault' && finding.dicom);
  }
  if (directories > 0 && directories === examined.length) tally.add('sop_class', 'a directory record');
  if (!dicom) return { objects, pictures };
  for (const _ of pictures) tally.add('ignored_file');
  return { objects, pictures: [] };
}
