import { describe, expect, it } from 'vitest';
import { jpegHeader } from '../../../src/pictures/codecs/codestream.ts';
import { decodeJpegLossless } from '../../../src/pictures/codecs/jpeg-lossless.ts';
import { encodeJpegLossless, type LosslessPicture } from '../../support/jpeg-lossless.ts';

const size = { width: 24, height: 16 };
const pixels = size.width * size.height;
const decode = (stream: Uint8Array) => decodeJpegLossless(stream, jpegHeader(stream));
const code = (value: string) => expect.objectContaining({ name: 'InputFault', code: value });

/** Slopes and steps that use every bit; those of 16 bits pass the ends of the range as signed values near zero do. */
const samplesOf = (precision: number, seed = 0): Uint16Array =>
  Uint16Array.from({ length: pixels }, (_, at) => (at * at * 37 + seed + (at % 5) * 9001) % 2 ** precision);

const picture = (given: Partial<LosslessPicture> = {}): LosslessPicture => {
  const { precision = 12 } = given;
  return { ...size, precision, predictor: 1, samples: samplesOf(precision), ...given };
};

describe('decodeJpegLossless', () => {
  const cases = [8, 12, 16].flatMap((precision) => [1, 2, 3, 4, 5, 6, 7].map((predictor) => [precision, predictor]));

  it.each(cases)('decodes %i bits by selection value %i bit for bit', (precision, predictor) => {
    const given = picture({ precision: precision!, predictor: predictor! });
    expect(decode(encodeJpegLossless(given))).toEqual(given.samples);
  });

  it.each([1, 4, 7])('begins anew behind each restart marker, selection value %i', (predictor) => {
    const given = picture({ predictor, restartRows: 1 });
    expect(decode(encodeJpegLossless(given))).toEqual(given.samples);
  });

  it('puts the bits back that a point transform cut off, as zeros', () => {
    const given = picture({ predictor: 4, shift: 2 });
    expect(decode(encodeJpegLossless(given))).toEqual(given.samples.map((sample) => sample & ~3));
  });

  it('decodes every sample wherever in its byte the last code ends', () => {
    for (let seed = 0; seed < 16; seed += 1) {
      const given = picture({ samples: samplesOf(12, seed) });
      expect(decode(encodeJpegLossless(given))).toEqual(given.samples);
    }
  });

  it('reads a stream without its end marker, with a fill byte or with padding behind it', () => {
    const given = picture({ restartRows: 8 });
    const stream = [...encodeJpegLossless(given)];
    const restart = stream.findIndex((byte, at) => byte === 0xff && stream[at + 1] === 0xd0);
    for (const odd of [stream.slice(0, -2), stream.toSpliced(restart, 0, 0xff), [...stream, 0]]) {
      expect(decode(Uint8Array.from(odd))).toEqual(given.samples);
    }
  });

  it('refuses a stream that ends before its samples, at whatever byte, as truncated', () => {
    const stream = encodeJpegLossless(picture());
    for (let length = 20; length < stream.length - 2; length += 7) {
      expect(() => decode(stream.subarray(0, length))).toThrow(code('truncated'));
    }
    const closed = Uint8Array.from([...stream.subarray(0, stream.length / 2), 0xff, 0xd9]);
    expect(() => decode(closed)).toThrow(code('truncated'));
  });

  it('refuses a stream whose data go on behind the last sample as malformed', () => {
    const stream = encodeJpegLossless(picture());
    const longer = Uint8Array.from([...stream.subarray(0, -2), 1, 2, 3, 0xff, 0xd9]);
    expect(() => decode(longer)).toThrow(code('malformed'));
  });

  it('refuses a code that no table has, a table that cannot be and restart markers that do not come', () => {
    const stream = encodeJpegLossless(picture({ restartRows: 8 }));
    const table = 2 + 2 + 2 + 1;
    const restart = stream.findIndex((byte, at) => byte === 0xff && stream[at + 1] === 0xd0);
    const changed = (at: number, ...bytes: number[]) =>
      Uint8Array.from([...stream].toSpliced(at, bytes.length, ...bytes));
    // Twelve codes of five bits and five of sixteen: most windows have none.
    expect(() => decode(changed(table + 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16))).toThrow(code('malformed'));
    expect(() => decode(changed(table, 3, 0, 0, 0, 14))).toThrow(code('malformed'));
    expect(() => decode(changed(restart + 1, 0xd3))).toThrow(code('malformed'));
  });
});
