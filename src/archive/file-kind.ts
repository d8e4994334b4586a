export type FileKind = 'zip' | 'dicom' | 'png' | 'jpeg' | 'other_archive' | 'other';

const startsWith = (bytes: Uint8Array, magic: readonly number[], at = 0): boolean =>
  magic.every((byte, index) => bytes[at + index] === byte);

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8, 0xff];
const DICM = [0x44, 0x49, 0x43, 0x4d];
/** Local header, or the end record of an empty archive, or of a spanned one. */
const ZIPS = [
  [0x50, 0x4b, 0x03, 0x04],
  [0x50, 0x4b, 0x05, 0x06],
  [0x50, 0x4b, 0x07, 0x08],
];
const OTHER_ARCHIVES = [
  [0x1f, 0x8b],
  [0x42, 0x5a, 0x68],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c],
  [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07],
];

/**
 * What a file is by its bytes, never by its name. A DICOM prefix at byte 128 wins over whatever the preamble imitates
 * (PS3.10 section 7.1 leaves the preamble free).
 */
export function fileKind(bytes: Uint8Array): FileKind {
  if (startsWith(bytes, DICM, 128)) return 'dicom';
  if (startsWith(bytes, PNG)) return 'png';
  if (startsWith(bytes, JPEG)) return 'jpeg';
  if (ZIPS.some((magic) => startsWith(bytes, magic))) return 'zip';
  if (
    OTHER_ARCHIVES.some((magic) => startsWith(bytes, magic)) ||
    startsWith(bytes, [0x75, 0x73, 0x74, 0x61, 0x72], 257)
  )
    return 'other_archive';
  return 'other';
}
