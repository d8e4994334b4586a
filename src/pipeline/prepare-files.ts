import { fileKind } from '../archive/file-kind.ts';
import { openZip } from '../archive/zip.ts';
import { MAX_FILE_BYTES, MAX_UPLOAD_BYTES, MIB } from '../contracts/limits.ts';
import { InputFault } from '../contracts/reasons.ts';

/** One file of an upload; its bytes are read when wanted, perhaps twice. */
export interface UploadFile {
  /** Held in memory alone: it goes into no key, log or message. */
  readonly name: string;
  readonly size: number;
  /** Throws `InputFault` where these bytes cannot be had; the same bytes at each call. */
  read(): Promise<Buffer>;
}

export interface UploadLimits {
  /** Bytes of the uploaded object, or of all parts together. */
  readonly maxUploadBytes: number;
  /** Files of an upload, entries of an archive. */
  readonly maxEntries: number;
  readonly maxFileBytes: number;
  /** Inflated bytes of all files. */
  readonly maxTotalBytes: number;
  /** Inflated over packed size. */
  readonly maxRatio: number;
  /** Frames of all DICOM files: what headers say of each is held, and a file of some kilobytes may have thousands. */
  readonly maxFrames: number;
  /** Studies told apart in one upload. */
  readonly maxStudies: number;
  /** Decoded pixels of the slices that all studies hand on: they are held until the last study is read. */
  readonly maxSliceBytes: number;
}

/** Where memory sets no lower ones. */
export const DEFAULT_LIMITS: UploadLimits = {
  maxUploadBytes: MAX_UPLOAD_BYTES,
  maxEntries: 5000,
  maxFileBytes: MAX_FILE_BYTES,
  maxTotalBytes: 4096 * MIB,
  maxRatio: 200,
  maxFrames: 200_000,
  maxStudies: 200,
  maxSliceBytes: 1024 * MIB,
};

/**
 * The files of one uploaded object, by its name and its first bytes: an archive's files, or the object itself.
 * Throws `InputFault`: `empty`, `too_large`, `content_type` (the bytes are not what the name says), and as `openZip`.
 */
export async function* openUpload(
  name: string,
  bytes: Buffer,
  limits: UploadLimits = DEFAULT_LIMITS,
): AsyncGenerator<UploadFile> {
  if (bytes.length === 0) throw new InputFault('empty');
  if (bytes.length > limits.maxUploadBytes) throw new InputFault('too_large');
  const extension = extensionOf(name);
  const kind = fileKind(bytes);
  if (extension === '.zip' || kind === 'zip') {
    // A self-extractor hides its archive behind other bytes: the name alone says that it is one.
    if (extension !== '.zip' || ['png', 'jpeg', 'other_archive'].includes(kind)) throw new InputFault('content_type');
    yield* await openZip(bytes, limits);
    return;
  }
  yield { name, size: bytes.length, read: async () => bytes };
}

/** `.dcm` of `a/b.DCM`; empty where there is none. */
export function extensionOf(name: string): string {
  const base = name.slice(name.lastIndexOf('/') + 1).toLowerCase();
  const dot = base.lastIndexOf('.');
  return dot > 0 ? base.slice(dot) : '';
}
