import sharp from 'sharp';
import type { Grey16 } from '../src/imaging/image.ts';

/** A PNG or JPEG file as 16-bit grey, row major; of a colour picture the luminance. */
export async function readGrey(file: string): Promise<Grey16> {
  const { data, info } = await sharp(file)
    .toColourspace('grey16')
    .extractChannel(0)
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { depth: 'u16', width, height, data: new Uint16Array(data.buffer, data.byteOffset, width * height) };
}
