import { InputFault } from '../contracts/reasons.ts';

const SIGNATURE_BYTES = 8;
/** A chunk's type as the number that its four letters are. */
const typeOf = (letters: string): number => Buffer.from(letters, 'latin1').readUInt32BE();
const EXIF = typeOf('eXIf');
const END = typeOf('IEND');
/** Chunks that decide about pixels and orientation; all others (texts, times, profiles) are left out unread. */
const KEPT: ReadonlySet<number> = new Set([...['IHDR', 'PLTE', 'tRNS', 'IDAT'].map(typeOf), EXIF, END]);
const MAX_EXIF_BYTES = 65_536;

/** Width and height of IHDR, the first chunk: ISO 15948, 11.2.1. Throws `InputFault`: `malformed`, `truncated`. */
export function pngHeader(bytes: Uint8Array): { width: number; height: number } {
  if (bytes.length < SIGNATURE_BYTES + 25) throw new InputFault('truncated', 'PNG header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(12) !== 0x49484452) throw new InputFault('malformed', 'PNG header');
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/**
 * The same picture with the chunks that its pixels need. Nothing is made for a chunk alone: a file may hold tens of millions
 * that are empty. Throws `InputFault('truncated')` where it ends before IEND.
 */
export function strippedPng(bytes: Uint8Array): Buffer {
  const kept = Buffer.allocUnsafe(bytes.length);
  kept.set(bytes.subarray(0, SIGNATURE_BYTES));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size = SIGNATURE_BYTES;
  let at = SIGNATURE_BYTES;
  for (;;) {
    if (at + 12 > bytes.length) throw new InputFault('truncated', 'PNG without an end');
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    const end = at + 12 + length;
    if (end > bytes.length) throw new InputFault('truncated', 'a PNG chunk');
    if (KEPT.has(type) && (length > 0 || type === END) && (type !== EXIF || length <= MAX_EXIF_BYTES)) {
      kept.set(bytes.subarray(at, end), size);
      size += end - at;
    }
    if (type === END) return kept.subarray(0, size);
    at = end;
  }
}
