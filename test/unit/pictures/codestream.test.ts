import { describe, expect, it } from 'vitest';
import { writeDicom } from '../../../src/dicom/write.ts';
import { countScans, withoutBoxes } from '../../../src/pictures/codecs/codestream.ts';
import { decodeDicomFrame } from '../../../src/pictures/codecs/frame-decoder.ts';
import { FRAME_ENCODERS } from '../../support/frame-encoders.ts';
import { MR_IMAGE } from '../../support/mr-image.ts';

/** A box of ISO 15444-1 annex I; `length` where it is not that of its content. */
function box(type: string, content: Uint8Array, length = content.length + 8): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, content]);
}

const signature = box('jP  ', Buffer.from([0x0d, 0x0a, 0x87, 0x0a]));
const type = box('ftyp', Buffer.from('jp2 \0\0\0\0jp2 '));

describe('withoutBoxes', () => {
  const stream = Buffer.from([0xff, 0x4f, 0xff, 0x51, 1, 2, 3]);
  const long = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 23]), stream]);

  it.each([
    ['bare', stream],
    ['in a box', Buffer.concat([signature, type, box('jp2c', stream), box('uuid', Buffer.alloc(20))])],
    ['in a box that reaches to the end', Buffer.concat([signature, type, box('jp2c', stream, 0)])],
    ['in a box of a long length', Buffer.concat([signature, type, box('jp2c', long, 1)])],
  ])('finds a codestream %s', (_, bytes) => {
    expect([...withoutBoxes(bytes)]).toEqual([...stream]);
  });

  it.each([
    ['no codestream', Buffer.concat([signature, type])],
    ['a box shorter than its head', Buffer.concat([signature, box('ftyp', Buffer.alloc(4), 4), box('jp2c', stream)])],
    ['a box that ends behind the bytes', Buffer.concat([signature, box('ftyp', Buffer.alloc(4), 400)])],
  ])('refuses a JP2 file with %s as malformed', (_, bytes) => {
    expect(() => withoutBoxes(bytes)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});

describe('countScans', () => {
  const scan = [0xff, 0xda, 0, 4, 1, 2, 0x55, 0xff, 0, 0xff, 0xd3, 0x55];

  it.each([
    ['none where the bytes end at once', [], 0],
    ['each scan, through stuffed bytes and restart markers', [...scan, ...scan, ...scan], 3],
    ['none inside another segment', [0xff, 0xe1, 0, 8, 0xff, 0xda, 0, 2, 0xff, 0xda, ...scan], 1],
    ['those behind filling and stray bytes', [0x12, 0xff, 0xff, ...scan, 0x34, ...scan], 2],
    ['none behind the end', [...scan, 0xff, 0xd9, ...scan], 1],
    ['no more than one beyond the most', Array.from({ length: 50 }, () => scan).flat(), 10],
  ])('counts %s', (_, bytes, expected) => {
    expect(countScans(Uint8Array.from([0xff, 0xd8, ...bytes]), 9)).toBe(expected);
  });
});

describe('decodeDicomFrame', () => {
  it('reads JPEG 2000 frames that were stored as JP2 files', async () => {
    const { uid, load } = FRAME_ENCODERS.jpeg2000;
    const encode = await load();
    const words = Uint16Array.from({ length: 96 * 80 }, (_, at) => (at * at * 37) % 4096);
    const info = { rows: 96, columns: 80, bitsStored: 12, signed: false } as Parameters<typeof encode>[1];
    const file = Buffer.concat([signature, type, box('jp2c', encode(words, info))]);
    const { data } = await decodeDicomFrame(writeDicom(MR_IMAGE, { kind: 'encoded', frames: [file] }, uid), 0);
    expect(data).toEqual(words);
  });
});
