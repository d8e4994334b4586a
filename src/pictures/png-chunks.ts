import { InputFault } from '../contracts/reasons.ts';

const SIGNATURE_BYTES = 8;
/** Chunks that decide about pixels and orientation; all others (texts, times, profiles) are left out unread. */
const KEPT = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'eXIf', 'IEND']);
const MAX_EXIF_BYTES = 65_536;

/** Width and height of IHDR, the first chunk: ISO 15948, 11.2.1. Throws `InputFault`: `malformed`, `truncated`. */
export function pngHeader(bytes: Uint8Array): { width: number; height: number } {
  if (bytes.length < SIGNATURE_BYTES + 25) throw new InputFault('truncated', 'PNG header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(12) !== 0x49484452) throw new InputFault('malformed', 'PNG header');
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** The same picture with the chunks that its pixels need. Throws `InputFault('truncated')` where it ends before IEND. */
export function strippedPng(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [bytes.subarray(0, SIGNATURE_BYTES)];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = SIGNATURE_BYTES;
  for (;;) {
    if (at + 12 > bytes.length) throw new InputFault('truncated', 'PNG without an end');
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (end > bytes.length) throw new InputFault('truncated', 'a PNG chunk');
    if (KEPT.has(type) && (type !== 'eXIf' || length <= MAX_EXIF_BYTES)) parts.push(bytes.subarray(at, end));
    if (type === 'IEND') return Buffer.concat(parts);
    at = end;
  }
}
