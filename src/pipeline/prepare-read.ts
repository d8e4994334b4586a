import { fileKind } from '../archive/file-kind.ts';
import { InputFault, type ReasonCode } from '../contracts/reasons.ts';
import type { DicomObject, DicomOrigin } from '../dicom/object.ts';
import { mayBeMrImage, sopClassKind } from '../dicom/sop-class.ts';
import type { LostFile } from './losses.ts';
import type { PixelDecoder } from './ports.ts';
import { extensionOf, type UploadFile, type UploadLimits } from './prepare-files.ts';
import type { FileTally } from './prepare-tally.ts';

/** A DICOM file with pixels: its header is kept, its bytes are let go. */
export interface ReadObject {
  /** Place of the file in the upload, from 0. */
  readonly entry: number;
  readonly file: UploadFile;
  readonly object: DicomObject;
}

/** A file that is a picture by its first bytes, or by its name where it cannot be read as one. */
export interface ReadPicture {
  readonly entry: number;
  readonly file: UploadFile;
  readonly fault: InputFault | null;
}

export interface ReadFiles {
  readonly objects: ReadObject[];
  /** Empty where the upload holds DICOM, whose thumbnails they then are. */
  readonly pictures: ReadPicture[];
  readonly lost: LostFile[];
}

/** What one file turned out to be. */
type Finding =
  | { readonly kind: 'object'; readonly object: DicomObject }
  | { readonly kind: 'picture' }
  | { readonly kind: 'directory' }
  /** A DICOM file has an origin, as far as it can be told. */
  | { readonly kind: 'fault'; readonly origin: DicomOrigin | null; readonly error: unknown };

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
  let frames = 0;
  const counted = (examined: Examined): Examined => {
    if (examined.finding.kind === 'object') frames += examined.finding.object.frames.length;
    return examined;
  };
  const checkFrames = () => {
    if (frames > limits.maxFrames) throw new InputFault('archive_limit', 'frames');
  };
  try {
    for await (const file of files) {
      totalBytes += file.size;
      if (all.length >= limits.maxEntries) throw new InputFault('archive_limit', 'files');
      if (totalBytes > limits.maxTotalBytes) throw new InputFault('too_large', 'all files');
      while (isFull(reading, file.size)) await Promise.race(reading.keys());
      checkFrames();
      const task: Promise<Examined> = examine(file, decoder, limits)
        .then(counted)
        .finally(() => reading.delete(task));
      reading.set(task, file.size);
      all.push(task);
    }
    const examined = await Promise.all(all);
    checkFrames();
    return sortOut(examined, tally);
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
  try {
    if (file.size > limits.maxFileBytes) throw new InputFault('too_large', 'a file');
    if (isHidden(file.name)) throw new InputFault('ignored_file');
    const bytes = await file.read();
    if (bytes.length === 0) throw new InputFault('empty');
    const kind = fileKind(bytes);
    if (kind === 'dicom') return { file, finding: await examineDicom(file, bytes, decoder) };
    if (kind === 'png' || kind === 'jpeg') return { file, finding: { kind: 'picture' } };
    throw kind === 'zip' ? innerArchiveFault(file.name) : strangerFault(file.name);
  } catch (error) {
    return { file, finding: { kind: 'fault', origin: null, error } };
  }
}

async function examineDicom(file: UploadFile, bytes: Buffer, decoder: PixelDecoder): Promise<Finding> {
  try {
    return findingOf(await decoder.readDicom(bytes));
  } catch (error) {
    if (!(error instanceof InputFault)) throw error;
    if (/(^|\/)dicomdir$/i.test(file.name)) return { kind: 'directory' };
    return { kind: 'fault', origin: await decoder.readOrigin(bytes), error };
  }
}

/** Files that systems leave behind: `.DS_Store`, `._name`. */
const isHidden = (name: string): boolean => name.slice(name.lastIndexOf('/') + 1).startsWith('.');

const SLICE_EXTENSIONS = new Set(['.dcm', '.dicom', '.dic', '.ima']);
const DICOM_EXTENSIONS = new Set([...SLICE_EXTENSIONS, '', '.img', '.mr']);
const PICTURE_EXTENSIONS = new Set(['.png', '.jpg', '.jpeg']);
const ARCHIVE_EXTENSIONS = new Set(['.gz', '.tgz', '.tar', '.7z', '.rar', '.bz2', '.xz']);

const isNumber = (extension: string): boolean => /^\.\d+$/.test(extension);
const isNamedPicture = (name: string): boolean => PICTURE_EXTENSIONS.has(extensionOf(name));

/** A file of no kind that is read, by what its name promised. A name without one, or with a number, is DICOM's way. */
function strangerFault(name: string): InputFault {
  const extension = extensionOf(name);
  if (DICOM_EXTENSIONS.has(extension) || isNumber(extension)) return new InputFault('not_dicom');
  if (PICTURE_EXTENSIONS.has(extension) || ARCHIVE_EXTENSIONS.has(extension)) return new InputFault('content_type');
  return new InputFault('ignored_file');
}

/** Archives by their bytes alone, as viewers (.jar) and documents (.docx) beside the images are, hold no part of a study. */
function innerArchiveFault(name: string): InputFault {
  const fault = strangerFault(name);
  const isOther = fault.code === 'ignored_file' && extensionOf(name) !== '.zip';
  return isOther ? fault : new InputFault('unsafe_archive', 'an archive inside the upload');
}

function findingOf(object: DicomObject): Finding {
  if (object.frames.length > 0) return { kind: 'object', object };
  if (sopClassKind(object.sopClassUid) === 'directory') return { kind: 'directory' };
  return { kind: 'fault', origin: object, error: new InputFault('no_pixels') };
}

/** Counts what is left out: a directory record only where it stands alone, pictures where there is DICOM. */
function sortOut(examined: readonly Examined[], tally: FileTally): ReadFiles {
  const objects: ReadObject[] = [];
  const pictures: ReadPicture[] = [];
  const faults: FaultyFile[] = [];
  let directories = 0;
  for (const [entry, { file, finding }] of examined.entries()) {
    if (finding.kind === 'object') objects.push({ entry, file, object: finding.object });
    else if (finding.kind === 'picture') pictures.push({ entry, file, fault: null });
    else if (finding.kind === 'directory') directories += 1;
    else faults.push({ entry, file, origin: finding.origin, fault: inputFault(finding.error) });
  }
  if (directories > 0 && directories === examined.length) tally.add('sop_class', 'a directory record');
  const dicom = objects.length > 0 || directories > 0 || faults.some(({ origin }) => origin !== null);
  if (!dicom) return { objects, pictures: withFaulty(pictures, faults, tally), lost: [] };
  const lost = sortLost(faults, objects, tally);
  for (const _ of pictures) tally.add('ignored_file');
  return { objects, pictures: [], lost };
}

interface FaultyFile {
  readonly entry: number;
  readonly file: UploadFile;
  readonly origin: DicomOrigin | null;
  readonly fault: InputFault;
}

/** A file's fault; throws what is none, and what speaks of the whole upload. */
export function inputFault(error: unknown): InputFault {
  if (!(error instanceof InputFault) || error.code === 'incomplete_upload') throw error;
  return error;
}

/** Of an upload without DICOM: what its name calls a picture is one that cannot be read; the others are counted. */
function withFaulty(pictures: readonly ReadPicture[], faults: readonly FaultyFile[], tally: FileTally): ReadPicture[] {
  const isPicture = ({ file, fault }: FaultyFile) => isNamedPicture(file.name) && fault.code !== 'ignored_file';
  for (const { fault } of faults.filter((file) => !isPicture(file))) leaveOut(fault, pictures.length > 0, tally);
  const faulty = faults.filter(isPicture).map(({ entry, file, fault }) => ({ entry, file, fault }));
  return [...pictures, ...faulty].sort((a, b) => a.entry - b.entry);
}

/** Of an upload with DICOM: the files that may be lost slices; all are counted. */
function sortLost(faults: readonly FaultyFile[], objects: readonly ReadObject[], tally: FileTally): LostFile[] {
  const places = new Set(objects.map(({ file }) => placeOf(file.name)));
  const lost: LostFile[] = [];
  for (const { entry, file, origin, fault } of faults) {
    const image = origin === null ? isLikeAnObject(file.name, fault, places) : mayBeSlice(origin);
    const { studyInstanceUid = null, seriesInstanceUid = null } = origin ?? {};
    if (image) lost.push({ entry, studyInstanceUid, seriesInstanceUid });
    leaveOut(fault, !image && objects.length > 0, tally);
  }
  return lost;
}

/** Raw data, spectra and the vendors' private objects carry the modality MR too, and hold no image. */
const mayBeSlice = ({ modality, sopClassUid }: DicomOrigin): boolean =>
  (modality === null || modality === 'MR') && mayBeMrImage(sopClassUid);

/** Faults that say what a file is not, rather than what is broken. */
const STRANGERS: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['not_dicom', 'content_type', 'no_pixels']);

/** Beside images, a file that is none is no fault of the upload. */
function leaveOut(fault: InputFault, besideImages: boolean, tally: FileTally): void {
  if (besideImages && STRANGERS.has(fault.code)) tally.add('ignored_file');
  else tally.addFault(fault);
}

/** Whether a file without a DICOM prefix was meant to be one: by its extension, or as those beside it are named. */
function isLikeAnObject(name: string, { code }: InputFault, places: ReadonlySet<string>): boolean {
  if (code === 'ignored_file' || code === 'unsafe_archive') return false;
  return SLICE_EXTENSIONS.has(extensionOf(name)) || places.has(placeOf(name));
}

/** A file's folder and extension; the last number of a UID is none. */
function placeOf(name: string): string {
  const extension = extensionOf(name);
  return `${name.slice(0, name.lastIndexOf('/') + 1)}*${isNumber(extension) ? '' : extension}`;
}
