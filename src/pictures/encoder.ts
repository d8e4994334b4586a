import sharp from 'sharp';
import type { Grey8, Rgb8 } from '../imaging/image.ts';
import type { PictureEncoder } from '../pipeline/ports.ts';

/** Fast rather than small: level 4 with filters took 46 ms where this takes 10, for 0.8 instead of 1.3 MB. */
const PNG = { compressionLevel: 1, adaptiveFiltering: false, palette: false } as const;

/** Thin coloured lines and letters stay clear: no subsampling of colour. */
const JPEG = { quality: 92, chromaSubsampling: '4:4:4' } as const;

/** Largest picture that is read back, pixels: above what a run writes. */
const MAX_PIXELS = 64_000_000;

/** `PictureEncoder` by sharp: lossless PNG of 8 bit a channel and JPEG, without metadata. */
export function createPictureEncoder(): PictureEncoder {
  return {
    pngGrey: ({ data, width, height }) =>
      sharp(data, { raw: { width, height, channels: 1 } })
        .toColourspace('b-w')
        .png(PNG)
        .toBuffer(),
    pngRgb: (image) => sharpOf(image).png(PNG).toBuffer(),
    jpegRgb: (image) => sharpOf(image).jpeg(JPEG).toBuffer(),
    decodePngGrey: (png) => decodeGrey(png),
  };
}

const sharpOf = ({ data, width, height }: Rgb8) => sharp(data, { raw: { width, height, channels: 3 } });

async function decodeGrey(png: Uint8Array): Promise<Grey8> {
  const picture = sharp(png, { limitInputPixels: MAX_PIXELS, failOn: 'warning' });
  const { format, channels, depth } = await picture.metadata();
  if (format !== 'png' || channels !== 1 || depth !== 'uchar') {
    throw new Error(`expected an 8-bit grey PNG, found ${format} with ${channels} channels of ${depth}`);
  }
  const { data, info } = await picture.toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
  return {
    depth: 'u8',
    width: info.width,
    height: info.height,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}
