import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../../src/pictures/picture-decoder.ts';

const WIDTH = 90;
const HEIGHT = 70;
const ramp = (most: number) => Uint16Array.from({ length: WIDTH * HEIGHT }, (_, index) => (index * 7919) % (most + 1));
const grey8 = Buffer.from(ramp(255));
const raw = { raw: { width: WIDTH, height: HEIGHT, channels: 1 as const } };
const png = (): Promise<Buffer> => sharp(grey8, raw).toColourspace('b-w').png().toBuffer();
const code = (value: string) => expect.objectContaining({ name: 'InputFault', code: value });

/** A PNG chunk with a checksum that nobody compares where the chunk is left out. */
function chunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, data, Buffer.alloc(4)]);
}

describe('decodePicture', () => {
  it('keeps the values of an 8-bit PNG', async () => {
    const { width, height, data } = await decodePicture(await png());
    expect([width, height]).toEqual([WIDTH, HEIGHT]);
    expect([...data]).toEqual([...grey8]);
  });

  it('keeps all values of a 16-bit PNG', async () => {
    const deep = ramp(65535);
    const bytes = await sharp(deep, raw).toColourspace('grey16').png().toBuffer();
    expect((await decodePicture(bytes)).data).toEqual(deep);
  });

  it('keeps all values of a 16-bit PNG of three equal channels', async () => {
    const deep = ramp(65535);
    const colour = Uint16Array.from([...deep].flatMap((value) => [value, value, value]));
    const bytes = await sharp(colour, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await decodePicture(bytes)).data).toEqual(deep);
  });

  it('turns equal channels into themselves and flattens alpha on black', async () => {
    const rgba = Buffer.from([...grey8].flatMap((value, index) => [value, value, value, index < WIDTH ? 0 : 255]));
    const bytes = await sharp(rgba, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } })
      .png()
      .toBuffer();
    const { data } = await decodePicture(bytes);
    expect([...data.subarray(0, WIDTH)]).toEqual(new Array(WIDTH).fill(0));
    expect([...data.subarray(WIDTH)]).toEqual([...grey8.subarray(WIDTH)]);
  });

  it('applies the EXIF orientation of a JPEG', async () => {
    const upright = await sharp({ create: { width: 80, height: 64, channels: 3, background: '#000000' } })
      .composite([
        { input: { create: { width: 20, height: 64, channels: 3, background: '#ffffff' } }, left: 0, top: 0 },
      ])
      .jpeg()
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const { width, height, data } = await decodePicture(upright);
    expect([width, height]).toEqual([64, 80]);
    expect([data[5 * 64 + 30]! > 200, data[70 * 64 + 30]! < 50]).toEqual([true, true]);
  });

  it('does not read texts, profiles and other chunks that are not pixels', async () => {
    const whole = await png();
    const bomb = chunk('iCCP', Buffer.alloc(1000, 0x41));
    const bytes = Buffer.concat([
      whole.subarray(0, 33),
      chunk('tEXt', Buffer.from('Name\0Doe')),
      bomb,
      whole.subarray(33),
    ]);
    expect([...(await decodePicture(bytes)).data]).toEqual([...grey8]);
  });

  it('refuses a colour picture and takes one with a small coloured mark', async () => {
    const coloured = (count: number) =>
      sharp(
        Buffer.from([...grey8].flatMap((value, index) => (index < count ? [250, 10, 20] : [value, value, value]))),
        {
          raw: { width: WIDTH, height: HEIGHT, channels: 3 },
        },
      )
        .png()
        .toBuffer();
    await expect(decodePicture(await coloured(2000))).rejects.toThrow(code('unsupported_pixels'));
    expect((await decodePicture(await coloured(60))).width).toBe(WIDTH);
  });

  it.each([
    ['nothing', async () => Buffer.alloc(0), 'empty'],
    ['WebP', () => sharp(grey8, raw).webp().toBuffer(), 'content_type'],
    ['SVG', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'content_type'],
    ['GIF', () => sharp(grey8, raw).gif().toBuffer(), 'content_type'],
    ['a PNG without its end', async () => (await png()).subarray(0, -12), 'truncated'],
    [
      'half a PNG',
      async () => {
        const bytes = await png();
        return bytes.subarray(0, bytes.length / 2);
      },
      'truncated',
    ],
    [
      'half a JPEG',
      async () => {
        const bytes = await sharp(grey8, raw).jpeg().toBuffer();
        return bytes.subarray(0, bytes.length / 2);
      },
      'truncated',
    ],
    [
      'a PNG of spoilt pixels',
      async () => {
        const bytes = await png();
        bytes[bytes.indexOf('IDAT') + 20]! ^= 0xff;
        return bytes;
      },
      'malformed',
    ],
    [
      'CMYK',
      () =>
        sharp(Buffer.alloc(100 * 100 * 3, 90), { raw: { width: 100, height: 100, channels: 3 } })
          .toColourspace('cmyk')
          .jpeg()
          .toBuffer(),
      'unsupported_pixels',
    ],
  ])('refuses %s', async (_, bytes, expected) => {
    await expect(decodePicture(await bytes())).rejects.toThrow(code(expected));
  });

  it('refuses more pixels than the limit by the header alone', async () => {
    const huge = await png();
    huge.writeUInt32BE(0x7fffffff, 16);
    await expect(decodePicture(huge)).rejects.toThrow(code('dimensions'));
    await expect(decodePicture(await png(), { maxPixels: 6000, deadlineSeconds: 5 })).rejects.toThrow(
      code('dimensions'),
    );
  });
});
