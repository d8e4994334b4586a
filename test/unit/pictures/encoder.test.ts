import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createPictureEncoder } from '../../../src/pictures/encoder.ts';

const encoder = createPictureEncoder();

describe('createPictureEncoder', () => {
  it('reads back every grey value that it wrote', async () => {
    const data = Uint8Array.from({ length: 256 * 3 }, (_, index) => (index * 7) % 256);
    const png = await encoder.pngGrey({ depth: 'u8', width: 256, height: 3, data });
    expect(await encoder.decodePngGrey(png)).toEqual({ depth: 'u8', width: 256, height: 3, data });
  });

  it('keeps the classes of a mask as they are', async () => {
    const data = Uint8Array.from({ length: 64 }, (_, index) => index % 4);
    const png = await encoder.pngGrey({ depth: 'u8', width: 8, height: 8, data });
    const { channels, depth } = await sharp(png).metadata();
    expect({ channels, depth }).toEqual({ channels: 1, depth: 'uchar' });
    expect((await encoder.decodePngGrey(png)).data).toEqual(data);
  });

  it('keeps the colours of a picture', async () => {
    const data = Uint8Array.from({ length: 6 * 5 * 3 }, (_value, index) => (index * 11) % 256);
    const png = await encoder.pngRgb({ depth: 'rgb8', width: 6, height: 5, data });
    const read = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect(read.info.channels).toBe(3);
    expect(new Uint8Array(read.data)).toEqual(data);
  });

  it('keeps thin coloured lines in a JPEG, near to their colour', async () => {
    const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_value, index) => {
      const line = Math.floor(index / 3) % 32 === 16;
      return [line ? 230 : 40, line ? 120 : 40, 40][index % 3]!;
    });
    const jpeg = await encoder.jpegRgb({ depth: 'rgb8', width: 32, height: 32, data });
    const { data: read, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 32, height: 32, channels: 3 });
    const at = (16 * 32 + 16) * 3;
    const differences = [230, 120, 40].map((value, channel) => Math.abs(read[at + channel]! - value));
    expect(Math.max(...differences)).toBeLessThan(25);
  });

  it('writes no metadata', async () => {
    const png = await encoder.pngGrey({ depth: 'u8', width: 2, height: 2, data: new Uint8Array(4) });
    const chunks = [...png.toString('latin1').matchAll(/tEXt|iTXt|zTXt|tIME|eXIf|iCCP/g)].map(([name]) => name);
    expect(chunks).toEqual([]);
  });

  it('refuses to read a colour picture as grey', async () => {
    const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: '#f00' } })
      .png()
      .toBuffer();
    await expect(encoder.decodePngGrey(png)).rejects.toThrow(/8-bit grey PNG/);
  });

  it('refuses a cut-off file', async () => {
    const png = await encoder.pngGrey({
      depth: 'u8',
      width: 64,
      height: 64,
      data: Uint8Array.from({ length: 4096 }, (_, i) => (i * 31) % 251),
    });
    await expect(encoder.decodePngGrey(png.subarray(0, png.length - 600))).rejects.toThrow();
  });
});
