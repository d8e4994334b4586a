import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../../src/pictures/picture-decoder.ts';
import { strippedPng } from '../../../src/pictures/png-chunks.ts';

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

/** A segment of a JPEG: marker, length, body. */
const segment = (marker: number, ...body: number[]): Buffer => Buffer.from([0xff, marker, 0, 2 + body.length, ...body]);

/** A progressive grey JPEG of one block: a scan of its mean, then `scans` that say nothing of the other coefficients. */
function progressive(scans: number): Buffer {
  const table = (id: number, symbol: number) => segment(0xc4, id, 1, ...new Array<number>(15).fill(0), symbol);
  const scan = (first: number, last: number) => [segment(0xda, 1, 1, 0, first, last, 0), Buffer.from([0x7f])];
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xdb, 0, ...new Array<number>(64).fill(1)),
    segment(0xc2, 8, 0, 8, 0, 8, 1, 1, 0x11, 0),
    table(0x00, 0),
    table(0x10, 0),
    ...scan(0, 0),
    ...Array.from({ length: scans }, (_, index) => scan(1 + (index % 63), 1 + (index % 63))).flat(),
    Buffer.from([0xff, 0xd9]),
  ]);
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

  it('hands on no empty chunk of a PNG, of which a file may hold millions', async () => {
    const whole = await png();
    const empty = chunk('IDAT', Buffer.alloc(0));
    const bytes = Buffer.concat([whole.subarray(0, 33), ...new Array<Buffer>(1000).fill(empty), whole.subarray(33)]);
    expect(strippedPng(bytes).equals(strippedPng(whole))).toBe(true);
    expect([...(await decodePicture(bytes)).data]).toEqual([...grey8]);
  });

  it('takes a JPEG of as many scans as it has coefficients, and refuses one of far more', async () => {
    expect([...(await decodePicture(progressive(63))).data]).toEqual(new Array(64).fill(128));
    await expect(decodePicture(progressive(100))).rejects.toThrow(
      expect.objectContaining({ code: 'malformed', detail: 'too many scans' }),
    );
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
