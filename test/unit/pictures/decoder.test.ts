import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { writeDicom } from '../../../src/dicom/write.ts';
import { createPixelDecoder } from '../../../src/pictures/decoder.ts';
import { studyOnce } from '../../support/drawn-once.ts';
import { FRAME_ENCODERS } from '../../support/frame-encoders.ts';
import { MR_IMAGE } from '../../support/mr-image.ts';

const spec = { seed: 4, rows: 96, columns: 80, spacingMm: [3, 3] as const, t2Slices: 3, t1Slices: 0, localizer: false };
const plain = studyOnce({ ...spec, multiFrame: true }).files[0]!.bytes;
const decoder = createPixelDecoder({ workers: 2 });
afterAll(() => decoder.close());
const code = (value: string) => expect.objectContaining({ name: 'InputFault', code: value });

describe('createPixelDecoder', () => {
  it('reads header and frames in a thread and leaves the caller’s bytes alone', async () => {
    const before = Buffer.from(plain);
    const object = await decoder.readDicom(plain);
    const frames = await Promise.all([0, 1, 2].map((frame) => decoder.decodeFrame(plain, frame)));
    expect(object.frames).toHaveLength(3);
    expect(frames.map(({ width, height, data }) => [width, height, data.length])).toEqual(
      new Array(3).fill([80, 96, 7680]),
    );
    expect(frames[0]!.data).not.toEqual(frames[1]!.data);
    expect(plain.equals(before)).toBe(true);
  });

  it.each(Object.entries(FRAME_ENCODERS))(
    'decodes %s to the native pixels, signed ones too',
    async (_, { uid, load }) => {
      const encodeFrame = await load();
      for (const pixels of ['plain', 'signed', 'eightBit'] as const) {
        const native = studyOnce({ ...spec, pixels, multiFrame: true }).files[0]!.bytes;
        const coded = studyOnce({ ...spec, pixels, multiFrame: true, transferSyntaxUid: uid, encodeFrame }).files[0]!
          .bytes;
        for (const frame of [0, 2]) {
          expect(await decoder.decodeFrame(coded, frame)).toEqual(await decoder.decodeFrame(native, frame));
        }
      }
    },
  );

  it('refuses a codestream of another size before a codec sees it', async () => {
    const encode = await FRAME_ENCODERS.jpeg2000.load();
    const words = new Uint16Array(96 * 80);
    const info = { rows: 96, columns: 80, bitsStored: 12, signed: false } as Parameters<typeof encode>[1];
    const stream = Buffer.from(encode(words, info));
    stream.writeUInt32BE(0x7fffffff, 8);
    const file = (frame: Uint8Array) =>
      writeDicom(MR_IMAGE, { kind: 'encoded', frames: [frame] }, FRAME_ENCODERS.jpeg2000.uid);
    await expect(decoder.decodeFrame(file(stream), 0)).rejects.toThrow(code('inconsistent_header'));
    const torn = Buffer.from(encode(words.fill(9), info));
    await expect(decoder.decodeFrame(file(torn.subarray(0, 60)), 0)).rejects.toMatchObject({ name: 'InputFault' });
    expect((await decoder.decodeFrame(plain, 0)).width).toBe(80);
  });

  it('refuses an HTJ2K stream that ends early as truncated, and reads one with padding behind it', async () => {
    const { uid, load } = FRAME_ENCODERS.htj2k;
    const encode = await load();
    const words = Uint16Array.from({ length: 96 * 80 }, (_, at) => (at * at * 37) % 4096);
    const info = { rows: 96, columns: 80, bitsStored: 12, signed: false } as Parameters<typeof encode>[1];
    const stream = Buffer.from(encode(words, info));
    const decode = (frame: Uint8Array) =>
      decoder.decodeFrame(writeDicom(MR_IMAGE, { kind: 'encoded', frames: [frame] }, uid), 0);
    expect((await decode(Buffer.concat([stream, Buffer.alloc(3)]))).data).toEqual(words);
    for (const share of [0.5, 0.99]) {
      await expect(decode(stream.subarray(0, Math.floor(share * stream.length)))).rejects.toThrow(code('truncated'));
    }
  });

  it('decodes JPEG Baseline as another decoder does', async () => {
    const ramp = Buffer.from(Uint8Array.from({ length: 96 * 80 }, (_, index) => (index % 80) * 3));
    const stream = await sharp(ramp, { raw: { width: 80, height: 96, channels: 1 } })
      .toColourspace('b-w')
      .jpeg({ quality: 95 })
      .toBuffer();
    const file = writeDicom(
      { ...MR_IMAGE, BitsAllocated: 8, BitsStored: 8, HighBit: 7 },
      { kind: 'encoded', frames: [stream] },
      '1.2.840.10008.1.2.4.50',
    );
    const expected = await decoder.decodePicture(stream);
    const decoded = await decoder.decodeFrame(file, 0);
    const worst = decoded.data.reduce((most, value, at) => Math.max(most, Math.abs(value - expected.data[at]!)), 0);
    expect(worst).toBeLessThanOrEqual(1);
  });

  it('answers faults of the input as such, and goes on', async () => {
    await expect(decoder.readDicom(Buffer.alloc(500))).rejects.toThrow(code('not_dicom'));
    await expect(decoder.decodeFrame(plain, 3)).rejects.toThrow(code('no_pixels'));
    expect((await decoder.readDicom(plain)).rows).toBe(96);
  });

  it('ends a file whose reading overruns the deadline, and reads the next', async () => {
    const impatient = createPixelDecoder({ workers: 1, deadlineMs: 1 });
    await expect(impatient.readDicom(plain)).rejects.toThrow(code('malformed'));
    await impatient.close();
    const patient = createPixelDecoder({ workers: 1 });
    expect((await patient.readDicom(plain)).rows).toBe(96);
    await patient.close();
  });

  it('starts again after a close', async () => {
    const again = createPixelDecoder({ workers: 1 });
    await again.readDicom(plain);
    await again.close();
    expect((await again.readDicom(plain)).rows).toBe(96);
    await again.close();
  });
});
