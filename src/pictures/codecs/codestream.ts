import { InputFault } from '../../contracts/reasons.ts';

/** What a compressed frame says of itself. */
export interface CodestreamHeader {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** Bits a sample. */
  readonly precision: number;
  /** The second byte of the frame header's marker: C0 baseline, C3 lossless, F7 JPEG-LS; 51 for JPEG 2000. */
  readonly marker: number;
}

const SOF_MARKERS = new Set([0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf, 0xf7]);
export const START_OF_SCAN = 0xda;

/** A marker segment: its marker's second byte, what it says, and where the next begins. */
interface Segment {
  readonly marker: number;
  readonly body: Uint8Array;
  readonly end: number;
}

/**
 * The segments of a JPEG, JPEG lossless or JPEG-LS stream up to its first scan's header: ISO 10918-1 B.1.1.4. Ends with the last
 * whole one where the bytes do. Throws `InputFault('malformed')` where it starts as no JPEG or a segment as none.
 */
export function* headerSegments(bytes: Uint8Array): Generator<Segment, void, undefined> {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw new InputFault('malformed', 'no JPEG stream');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff) throw new InputFault('malformed', 'JPEG markers');
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    if (end > bytes.length) return;
    yield { marker, body: bytes.subarray(at + 4, Math.max(at + 4, end)), end };
    if (marker === START_OF_SCAN) return;
    at = end;
  }
}

/**
 * The frame header of a JPEG, JPEG lossless or JPEG-LS stream: ISO 10918-1 B.2.2, ISO 14495-1 C.2.2. Throws `InputFault`:
 * `malformed` where it starts as no JPEG or the header is too short, `truncated` where it ends before its header.
 */
export function jpegHeader(bytes: Uint8Array): CodestreamHeader {
  for (const { marker, body } of headerSegments(bytes)) {
    if (!SOF_MARKERS.has(marker)) continue;
    if (body.length < 6) throw new InputFault('malformed', 'JPEG header');
    const [precision, , , , , components] = body;
    const view = new DataView(body.buffer, body.byteOffset);
    return {
      precision: precision!,
      height: view.getUint16(1),
      width: view.getUint16(3),
      components: components!,
      marker,
    };
  }
  throw new InputFault('truncated', 'JPEG header');
}

const END_OF_IMAGE = 0xd9;
/** TEM, the restart markers and SOI stand alone: ISO 10918-1 table B.1. */
const isAlone = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);

/** How many scans a JPEG stream has, counted up to its end or to `most` and one more. Bytes between segments are passed over. */
export function countScans(bytes: Uint8Array, most: number): number {
  let scans = 0;
  let at = 2;
  while (scans <= most) {
    const start = bytes.indexOf(0xff, at);
    const marker = bytes[start + 1];
    if (start < 0 || marker === undefined || marker === END_OF_IMAGE) break;
    if (marker === START_OF_SCAN) scans += 1;
    if (marker === 0xff) at = start + 1;
    else if (marker === 0 || isAlone(marker)) at = start + 2;
    else at = start + 2 + (((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0));
  }
  return scans;
}

const JP2_SIGNATURE = [0, 0, 0, 12, 0x6a, 0x50, 0x20, 0x20, 0x0d, 0x0a, 0x87, 0x0a];
const CODESTREAM_BOX = 0x6a703263;

/**
 * The codestream inside a JP2 or JPH file, which some writers put where PS3.5 annex A.4.4 wants it bare: ISO 15444-1 annex
 * I. Other bytes as they are. Throws `InputFault('malformed')` where a file has none.
 */
export function withoutBoxes(bytes: Uint8Array): Uint8Array {
  if (!JP2_SIGNATURE.every((byte, index) => bytes[index] === byte)) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = JP2_SIGNATURE.length; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    // A length of 0 reaches to the end; one of 1 is told in eight bytes more, as only a codestream needs.
    const end = length < 2 ? bytes.length : at + length;
    if (view.getUint32(at + 4) === CODESTREAM_BOX) return bytes.subarray(at + (length === 1 ? 16 : 8), end);
    if (length < 8) break;
    at = end;
  }
  throw new InputFault('malformed', 'no JPEG 2000 codestream');
}

/** The SIZ segment of a JPEG 2000 or HTJ2K codestream: ISO 15444-1 A.5.1. Throws `InputFault`: `malformed`, `truncated`. */
export function jpeg2000Header(bytes: Uint8Array): CodestreamHeader {
  if (bytes.length < 43) throw new InputFault('truncated', 'JPEG 2000 header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0xff4fff51) throw new InputFault('malformed', 'no JPEG 2000 codestream');
  const [right, bottom, left, top] = [8, 12, 16, 20].map((offset) => view.getUint32(offset));
  return {
    width: right! - left!,
    height: bottom! - top!,
    components: view.getUint16(40),
    precision: ((bytes[42] ?? 0) & 0x7f) + 1,
    marker: 0x51,
  };
}

/** Throws `InputFault('truncated')` where a JPEG 2000 or HTJ2K codestream lacks its end marker; zeros behind it are padding. */
export function checkEndOfCodestream(bytes: Uint8Array): void {
  const last = bytes.findLastIndex((byte) => byte !== 0);
  if (bytes[last - 1] !== 0xff || bytes[last] !== 0xd9) throw new InputFault('truncated', 'the compressed pixels');
}
