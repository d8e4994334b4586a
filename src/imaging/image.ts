/**
 * Pictures are tagged by their depth, row major, origin top left, one value a pixel.
 * `width` and `height` are pixels; `data.length === width * height`.
 */
export interface Grey8 {
  readonly depth: 'u8';
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Native pixels: unsigned 16 bit, shifted so that the smallest possible stored value is 0. */
export interface Grey16 {
  readonly depth: 'u16';
  readonly width: number;
  readonly height: number;
  readonly data: Uint16Array;
}

/** Values between steps of resampling and the content of tensors; 0..255 unless said otherwise. */
export interface GreyF32 {
  readonly depth: 'f32';
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** 8-bit colour, opaque: red, green and blue of each pixel. */
export interface Rgb8 {
  readonly depth: 'rgb8';
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export type GreyImage = Grey8 | Grey16 | GreyF32;
