import sharp from 'sharp';
import { fileKind } from '../archive/file-kind.ts';
import { InputFault } from '../contracts/reasons.ts';
import type { Grey16 } from '../imaging/image.ts';
import { countScans, jpegHeader } from './codecs/codestream.ts';
import { pngHeader, strippedPng } from './png-chunks.ts';

export interface PictureLimits {
  /** Pixels of a picture at most. */
  readonly maxPixels: number;
  readonly deadlineSeconds: number;
}

const DEFAULT_LIMITS: PictureLimits = { maxPixels: 40_000_000, deadlineSeconds: 30 };
const MAX_SIDE = 16_384;
/** Encoders write some ten. Each goes over all blocks again however few its bytes are, and sharp's deadline waits for all. */
const MAX_SCANS = 100;

/** A picture whose colours differ by more than this (of 255) in more than this share of its pixels is a colour picture. */
const COLOUR_DIFFERENCE = 48;
const COLOUR_SHARE = 0.02;

/**
 * Decodes a PNG or JPEG, told by its first bytes: 8-bit values stay 0..255, 16-bit ones 0..65535, upright by the EXIF
 * orientation, alpha flattened on black, colour that is hardly there turned grey.
 * Throws `InputFault`: `empty`, `content_type`, `dimensions`, `truncated`, `malformed`, `unsupported_pixels` (colour).
 */
export async function decodePicture(bytes: Uint8Array, limits: PictureLimits = DEFAULT_LIMITS): Promise<Grey16> {
  if (bytes.length === 0) throw new InputFault('empty');
  const kind = fileKind(bytes);
  if (kind !== 'png' && kind !== 'jpeg') throw new InputFault('content_type');
  const { width, height } = kind === 'png' ? pngHeader(bytes) : jpegHeader(bytes);
  if (width < 1 || height < 1) throw new InputFault('malformed', 'no pixels');
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > limits.maxPixels)
    throw new InputFault('dimensions', 'too many pixels');
  if (kind === 'jpeg') checkJpeg(bytes);
  const raw = await decodeRaw(kind === 'png' ? strippedPng(bytes) : bytes, limits);
  return toGrey(raw);
}

/** A JPEG ends with its EOI marker; padding behind it is allowed. */
function checkJpeg(bytes: Uint8Array): void {
  if (countScans(bytes, MAX_SCANS) > MAX_SCANS) throw new InputFault('malformed', 'too many scans');
  for (let at = bytes.length - 2; at >= 2; at -= 1) {
    if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return;
  }
  throw new InputFault('truncated', 'JPEG without an end');
}

interface RawPicture {
  readonly values: Uint8Array | Uint16Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly maximum: number;
}

async function decodeRaw(bytes: Uint8Array, limits: PictureLimits): Promise<RawPicture> {
  const input = { failOn: 'warning', limitInputPixels: limits.maxPixels, ignoreIcc: true, pages: 1 } as const;
  try {
    const { depth, space = '', channels, hasAlpha } = await sharp(bytes, input).metadata();
    if (space === 'cmyk') throw new InputFault('unsupported_pixels', 'CMYK');
    const deep = depth === 'ushort';
    const grey = channels <= 2;
    const pipeline = sharp(bytes, input).timeout({ seconds: limits.deadlineSeconds }).autoOrient();
    const flat = hasAlpha ? pipeline.flatten({ background: '#000000' }) : pipeline;
    const { data, info } = await flat
      .toColourspace(grey ? (deep ? 'grey16' : 'b-w') : deep ? 'rgb16' : 'srgb')
      .raw({ depth: deep ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const values = deep ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
    return { values, width: info.width, height: info.height, channels: info.channels, maximum: deep ? 65535 : 255 };
  } catch (cause) {
    if (cause instanceof InputFault) throw cause;
    throw new InputFault('malformed', 'the picture', { cause });
  }
}

/** One channel as it is; of three the luma (ITU-R BT.601), which leaves equal channels as they are. */
function toGrey({ values, width, height, channels, maximum }: RawPicture): Grey16 {
  const pixels = width * height;
  if (channels === 1) return { depth: 'u16', width, height, data: Uint16Array.from(values.subarray(0, pixels)) };
  const data = new Uint16Array(pixels);
  const threshold = (COLOUR_DIFFERENCE * maximum) / 255;
  let coloured = 0;
  for (let index = 0; index < pixels; index += 1) {
    const red = values[channels * index]!;
    const green = values[channels * index + 1]!;
    const blue = values[channels * index + 2]!;
    if (Math.max(red, green, blue) - Math.min(red, green, blue) > threshold) coloured += 1;
    data[index] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  }
  if (coloured > COLOUR_SHARE * pixels) throw new InputFault('unsupported_pixels', 'colour');
  return { depth: 'u16', width, height, data };
}
