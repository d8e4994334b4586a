import { inflateRawSync } from 'node:zlib';
import { InputFault } from '../contracts/reasons.ts';
import { type DataSet, LONG_VRS, walkDataSet, walkUpToFault } from './data-set.ts';
import { TAG } from './tags.ts';
import { type TransferSyntax, transferSyntaxOf } from './transfer-syntax.ts';
import { text } from './values.ts';

export interface Part10 {
  readonly syntax: TransferSyntax;
  readonly meta: DataSet;
  readonly dataSet: DataSet;
}

const PREAMBLE_BYTES = 128;
const META_START = PREAMBLE_BYTES + 4;

/** True where the bytes carry the DICOM prefix behind the preamble; whatever the preamble holds is ignored. */
export function hasDicomPrefix(bytes: Uint8Array): boolean {
  return (
    bytes.length >= META_START &&
    bytes[128] === 0x44 &&
    bytes[129] === 0x49 &&
    bytes[130] === 0x43 &&
    bytes[131] === 0x4d
  );
}

/**
 * Opens a DICOM Part 10 file: preamble, prefix, file meta group, data set (PS3.10 section 7). The meta group's own
 * length is not relied on. Throws `InputFault`: `empty`, `not_dicom`, `truncated`, `malformed`, `archive_limit` (a
 * deflated data set that inflates too far), `unsupported_transfer_syntax`, `inconsistent_header`.
 */
export function openPart10(bytes: Uint8Array): Part10 {
  if (bytes.length === 0) throw new InputFault('empty');
  if (!hasDicomPrefix(bytes)) throw new InputFault('not_dicom');
  const dataSetStart = findDataSet(bytes);
  const meta = walkDataSet(bytes.subarray(0, dataSetStart), META_START, { implicit: false, littleEndian: true });
  const syntax = syntaxOf(meta) ?? UNNAMED;
  if (syntax.deflated) return { syntax, meta, dataSet: walkDataSet(inflate(bytes.subarray(dataSetStart)), 0, syntax) };
  const implicit = syntax.implicit || isImplicit(bytes, dataSetStart);
  return { syntax, meta, dataSet: walkDataSet(bytes, dataSetStart, { ...syntax, implicit }) };
}

/**
 * The data set of a file that `openPart10` refuses, up to the fault, in whatever syntax; null where the file meta group
 * is broken or the data set is deflated.
 */
export function openUpToFault(bytes: Uint8Array): DataSet | null {
  try {
    const start = findDataSet(bytes);
    const meta = walkUpToFault(bytes.subarray(0, start), META_START, { implicit: false, littleEndian: true });
    const syntax = transferSyntaxOf(text(meta, TAG.transferSyntaxUid) ?? '') ?? UNNAMED;
    if (syntax.deflated) return null;
    return walkUpToFault(bytes, start, { ...syntax, implicit: syntax.implicit || isImplicit(bytes, start) });
  } catch (error) {
    if (!(error instanceof InputFault)) throw error;
    return null;
  }
}

/** Some writers name an explicit syntax and write none: the first element then carries no value representation. */
function isImplicit(bytes: Uint8Array, start: number): boolean {
  const letter = (byte: number | undefined) => byte !== undefined && byte >= 0x41 && byte <= 0x5a;
  return !letter(bytes[start + 4]) && !letter(bytes[start + 5]);
}

/** The first element whose group is not 0002; every file that has none holds no data set. */
function findDataSet(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = META_START;
  while (position + 8 <= bytes.length && view.getUint16(position, true) === 2) {
    const vr = String.fromCharCode(bytes[position + 4]!, bytes[position + 5]!);
    const long = LONG_VRS.has(vr);
    if (!/^[A-Z]{2}$/.test(vr)) throw new InputFault('malformed', 'the file meta group');
    if (long && position + 12 > bytes.length) throw new InputFault('truncated', 'the file meta group');
    const length = long ? view.getUint32(position + 8, true) : view.getUint16(position + 6, true);
    position += (long ? 12 : 8) + length;
  }
  if (position > bytes.length) throw new InputFault('truncated', 'the file meta group');
  if (position === META_START) throw new InputFault('malformed', 'no file meta group');
  return position;
}

/** Null where the meta group names none. */
function syntaxOf(meta: DataSet): TransferSyntax | null {
  const uid = text(meta, TAG.transferSyntaxUid);
  if (uid === null) return null;
  const syntax = transferSyntaxOf(uid);
  if (syntax !== null) return syntax;
  const registered = /^1\.2\.840\.10008\.1\.2(\.\d{1,4}){0,3}$/.test(uid);
  throw new InputFault('unsupported_transfer_syntax', registered ? uid : 'not a registered one');
}

/** Little endian, with or without value representations as the first element shows: the header is read, the pixels not. */
const UNNAMED: TransferSyntax = {
  uid: '',
  name: 'none is named',
  implicit: false,
  littleEndian: true,
  deflated: false,
  pixels: null,
};

const MIN_INFLATE_BYTES = 8 * 1024 * 1024;
/** Far above any MR object. zlib holds what it inflates twice, and two files are read at once. */
const MAX_INFLATE_BYTES = 128 * 1024 * 1024;
const MAX_INFLATE_RATIO = 100;

/** Inflates a deflated data set up to a hundred times its size, at most 128 MiB. */
function inflate(deflated: Uint8Array): Uint8Array {
  const cap = Math.min(MAX_INFLATE_BYTES, Math.max(MIN_INFLATE_BYTES, deflated.length * MAX_INFLATE_RATIO));
  try {
    return inflateRawSync(deflated, { maxOutputLength: cap });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new InputFault('archive_limit', 'the deflated data set', { cause });
    throw new InputFault(code === 'Z_BUF_ERROR' ? 'truncated' : 'malformed', 'the deflated data set', { cause });
  }
}
