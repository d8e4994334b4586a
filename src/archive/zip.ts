import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { type Entry, fromBufferPromise, getFileNameLowLevel, validateFileName, type ZipFile } from 'yauzl';
import { InputFault } from '../contracts/reasons.ts';
import { ArchiveBudget, type ArchiveLimits } from './budget.ts';

const inflateRawAsync = promisify(inflateRaw);

/** A regular file of an archive; `read` may be called again. */
export interface ArchivedFile {
  /** As the archive spells it; held in memory alone. */
  readonly name: string;
  /** Inflated bytes as declared; `read` throws where they differ. */
  readonly size: number;
  /** Throws `InputFault`: `archive_limit` (more than declared), `malformed`. */
  read(): Promise<Buffer>;
}

const STORED = 0;
const DEFLATED = 8;
const END_RECORD = Buffer.from([0x50, 0x4b, 0x05, 0x06]);
const END_RECORD_REACH = 22 + 0xffff;

/**
 * Reads a zip's directory: nothing is inflated until a file is read. Folders are left out. Throws `InputFault`:
 * `archive_limit`, `unsafe_archive` (a name that climbs or is absolute, a link or device), `encrypted_archive`,
 * `unsupported_archive` (a part of the study would be lost unseen), `truncated` (no directory), `malformed`.
 */
export async function openZip(bytes: Buffer, limits: ArchiveLimits): Promise<ArchivedFile[]> {
  if (bytes.lastIndexOf(END_RECORD) < Math.max(0, bytes.length - END_RECORD_REACH)) {
    throw new InputFault('truncated', 'an archive without a directory');
  }
  const budget = new ArchiveBudget(limits, bytes.length);
  const files: ArchivedFile[] = [];
  try {
    const zip = await fromBufferPromise(bytes, { lazyEntries: true, decodeStrings: false, validateEntrySizes: false });
    for await (const entry of zip.eachEntry()) {
      budget.add({ packed: entry.compressedSize, inflated: entry.uncompressedSize });
      const file = archivedFile(zip, entry, bytes);
      if (file !== null) files.push(file);
    }
  } catch (cause) {
    if (cause instanceof InputFault) throw cause;
    throw new InputFault('malformed', 'the archive', { cause });
  }
  return files;
}

/** Null for a folder. */
function archivedFile(zip: ZipFile, entry: Entry, bytes: Buffer): ArchivedFile | null {
  const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, false);
  if (name.includes('\0') || validateFileName(name) !== null) throw new InputFault('unsafe_archive', 'an entry name');
  if (entry.isEncrypted()) throw new InputFault('encrypted_archive');
  if (name.endsWith('/')) return null;
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    throw new InputFault('unsupported_archive');
  if (!isRegular(entry)) throw new InputFault('unsafe_archive', 'a link or device');
  return { name, size: entry.uncompressedSize, read: () => readEntry(zip, entry, bytes) };
}

/** The Unix file type of the external attributes, where the entry was made on Unix: none or a regular file. */
function isRegular(entry: Entry): boolean {
  const madeOnUnix = entry.versionMadeBy >>> 8 === 3;
  const type = (entry.externalFileAttributes >>> 16) & 0xf000;
  return !madeOnUnix || type === 0 || type === 0x8000;
}

async function readEntry(zip: ZipFile, entry: Entry, bytes: Buffer): Promise<Buffer> {
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  const start = await dataStart(zip, entry);
  if (start + compressedSize > bytes.length) throw new InputFault('truncated', 'an archive entry');
  const packed = bytes.subarray(start, start + compressedSize);
  const inflated = compressionMethod === STORED ? packed : await inflate(packed, uncompressedSize);
  if (inflated.length !== uncompressedSize || crc32(inflated) !== entry.crc32)
    throw new InputFault('malformed', 'an archive entry');
  return inflated;
}

async function dataStart(zip: ZipFile, entry: Entry): Promise<number> {
  try {
    return (await zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart;
  } catch (cause) {
    throw new InputFault('malformed', 'an archive entry', { cause });
  }
}

/** Inflates up to the declared size; a file of no bytes gets one, since zlib takes no cap of 0. */
async function inflate(packed: Buffer, size: number): Promise<Buffer> {
  try {
    return await inflateRawAsync(packed, { maxOutputLength: Math.max(1, size) });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw new InputFault('archive_limit', 'an entry inflates past its size', { cause });
    throw new InputFault('malformed', 'an archive entry', { cause });
  }
}
