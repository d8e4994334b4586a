import { createRequire } from 'node:module';
import type { FrameEncoder, Samples } from '../../src/phantom/pixels.ts';
import { encodeJpegLossless } from './jpeg-lossless.ts';

const require = createRequire(import.meta.url);

interface FrameInfo {
  readonly width: number;
  readonly height: number;
  readonly bitsPerSample: number;
  readonly componentCount: number;
  readonly isSigned: boolean;
  readonly isUsingColorTransform?: boolean;
}

interface WasmEncoder {
  getDecodedBuffer(frame: FrameInfo): Uint8Array;
  encode(): void;
  getEncodedBuffer(): Uint8Array;
  delete(): void;
  setNearLossless?(near: number): void;
  setQuality?(lossless: boolean, quantizationStep: number): void;
}

type Codec = Record<string, new () => WasmEncoder>;
type LoadCodec = (options: { print(): void; printErr(): void }) => Promise<Codec>;

const bytesOf = (samples: Samples): Uint8Array =>
  new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);

async function encoderOf(
  codecName: string,
  className: string,
  prepare: (encoder: WasmEncoder) => void,
): Promise<FrameEncoder> {
  const load = require(`@cornerstonejs/${codecName}`) as LoadCodec;
  const codec = await load({ print() {}, printErr() {} });
  const Encoder = codec[className]!;
  return (samples, { rows, columns, bitsStored, signed }) => {
    const encoder = new Encoder();
    try {
      const bitsPerSample = samples.BYTES_PER_ELEMENT === 1 ? 8 : Math.max(bitsStored, 9);
      const frame = {
        width: columns,
        height: rows,
        bitsPerSample,
        componentCount: 1,
        isSigned: signed,
        isUsingColorTransform: false,
      };
      encoder.getDecodedBuffer(frame).set(bytesOf(samples));
      prepare(encoder);
      encoder.encode();
      return Uint8Array.from(encoder.getEncodedBuffer());
    } finally {
      encoder.delete();
    }
  };
}

/** By the left, the upper and the upper left sample. */
const jpegLossless: FrameEncoder = (samples, { rows, columns, bitsStored }) =>
  encodeJpegLossless({
    width: columns,
    height: rows,
    precision: bitsStored,
    predictor: 4,
    samples: Uint16Array.from(samples, (sample) => sample & (2 ** bitsStored - 1)),
  });

/** Encoders of compressed transfer syntaxes, by UID: all lossless. */
export const FRAME_ENCODERS = {
  jpegLs: {
    uid: '1.2.840.10008.1.2.4.80',
    load: () => encoderOf('codec-charls', 'JpegLSEncoder', (encoder) => encoder.setNearLossless?.(0)),
  },
  jpeg2000: {
    uid: '1.2.840.10008.1.2.4.90',
    load: () => encoderOf('codec-openjpeg', 'J2KEncoder', (encoder) => encoder.setQuality?.(true, 0)),
  },
  jpegLossless: { uid: '1.2.840.10008.1.2.4.57', load: async () => jpegLossless },
  htj2k: {
    uid: '1.2.840.10008.1.2.4.201',
    load: () => encoderOf('codec-openjph', 'HTJ2KEncoder', (encoder) => encoder.setQuality?.(true, 0)),
  },
} as const;
