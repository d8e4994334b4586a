import type { Attributes, Pixels } from '../dicom/write.ts';
import type { Grey16 } from '../imaging/image.ts';

/** How stored values code the signal. All but `eightBit` decode to the same picture. */
export type PixelForm = 'plain' | 'monochrome1' | 'signed' | 'rescaled' | 'eightBit';
export type Samples = Uint16Array | Int16Array | Uint8Array;

const TWELVE_BIT = 4095;
/** Stored zero of signed pixels. */
const SIGNED_OFFSET = 1024;

/** Stored values of a picture below 3072. */
export function samplesOf(image: Grey16, form: PixelForm): Samples {
  switch (form) {
    case 'plain':
    case 'rescaled':
      return image.data;
    case 'monochrome1':
      return image.data.map((value) => Math.max(0, TWELVE_BIT - value));
    case 'signed':
      return Int16Array.from(image.data, (value) => value - SIGNED_OFFSET);
    case 'eightBit':
      return Uint8Array.from(image.data, (value) => Math.min(255, value >> 2));
  }
}

/** Image Pixel module (PS3.3 C.7.6.3) of pixels in that form. */
export function pixelAttributes(form: PixelForm, rows: number, columns: number): Attributes {
  const bitsStored = form === 'eightBit' ? 8 : 12;
  return {
    SamplesPerPixel: 1,
    PhotometricInterpretation: form === 'monochrome1' ? 'MONOCHROME1' : 'MONOCHROME2',
    Rows: rows,
    Columns: columns,
    BitsAllocated: form === 'eightBit' ? 8 : 16,
    BitsStored: bitsStored,
    HighBit: bitsStored - 1,
    PixelRepresentation: form === 'signed' ? 1 : 0,
  };
}

/** Modality LUT module values where stored values are not the output. */
export const rescaleAttributes = (form: PixelForm): Attributes =>
  form === 'rescaled' ? { RescaleIntercept: -37.5, RescaleSlope: 2.25, RescaleType: 'US' } : {};

/** Makes one frame's compressed bytes; given by the caller for syntaxes that need a codec. */
export type FrameEncoder = (
  samples: Samples,
  frame: { rows: number; columns: number; bitsStored: number; signed: boolean },
) => Uint8Array;

/** Frames of one object, native or through the encoder. */
export function pixelsOf(frames: readonly Samples[], attributes: Attributes, encode: FrameEncoder | undefined): Pixels {
  if (encode === undefined) return { kind: 'samples', samples: joined(frames) };
  const description = {
    rows: Number(attributes.Rows),
    columns: Number(attributes.Columns),
    bitsStored: Number(attributes.BitsStored),
    signed: attributes.PixelRepresentation === 1,
  };
  return { kind: 'encoded', frames: frames.map((samples) => encode(samples, description)) };
}

function joined(frames: readonly Samples[]): Samples {
  const first = frames[0];
  if (first === undefined) throw new RangeError('an object holds at least one frame');
  if (frames.length === 1) return first;
  const length = first.length;
  const Kind = first.constructor as new (size: number) => Samples;
  const all = new Kind(length * frames.length);
  for (const [i, frame] of frames.entries()) all.set(frame, i * length);
  return all;
}
