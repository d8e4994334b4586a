declare module 'jpeg-lossless-decoder-js' {
  export class Decoder {
    numBytes: number;
    decode(buffer: ArrayBufferLike, offset?: number, length?: number, bytesPerPixel?: number): Uint8Array | Uint16Array;
  }
}
