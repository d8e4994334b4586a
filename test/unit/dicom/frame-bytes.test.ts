import { describe, expect, it } from 'vitest';
import { frameBytes } from '../../../src/dicom/frame-bytes.ts';
import { writeDicom } from '../../../src/dicom/write.ts';
import { MR_IMAGE } from '../../support/mr-image.ts';

const JPEG = [0xff, 0xd8, 0xff];
const JPEG_2000 = [0xff, 0x4f, 0xff, 0x51];
const JPEG_LOSSLESS_UID = '1.2.840.10008.1.2.4.70';
const JPEG_2000_UID = '1.2.840.10008.1.2.4.90';

const item = (bytes: readonly number[]): Buffer => {
  const head = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, Buffer.from(bytes)]);
};

/** A file whose pixel data are this offset table and these fragments. */
function file(uid: string, frames: number, table: readonly number[], fragments: ReadonlyArray<readonly number[]>) {
  const placeholder = { kind: 'encoded', frames: Array.from({ length: frames }, () => Uint8Array.of(0, 0)) } as const;
  const written = writeDicom({ ...MR_IMAGE, NumberOfFrames: frames }, placeholder, uid);
  const items = written.indexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x42])) + 12;
  const offsets = Buffer.alloc(4 * table.length);
  for (const [index, offset] of table.entries()) offsets.writeUInt32LE(offset, 4 * index);
  const end = Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
  return Buffer.concat([written.subarray(0, items), item([...offsets]), ...fragments.map(item), end]);
}

describe('frameBytes', () => {
  it.each([
    ['JPEG', JPEG_LOSSLESS_UID, JPEG],
    ['JPEG 2000', JPEG_2000_UID, JPEG_2000],
  ] as const)('finds frames of several %s fragments without an offset table by their codestreams', (_, uid, start) => {
    const bytes = file(
      uid,
      2,
      [],
      [
        [...start, 1],
        [2, 3],
        [...start, 4],
        [5, 6],
        [7, 8],
      ],
    );
    expect([...frameBytes(bytes, 0).bytes]).toEqual([...start, 1, 2, 3]);
    expect([...frameBytes(bytes, 1).bytes]).toEqual([...start, 4, 5, 6, 7, 8]);
  });

  it('refuses fragments that begin more or fewer codestreams than there are frames', () => {
    const bytes = file(
      JPEG_LOSSLESS_UID,
      2,
      [],
      [
        [...JPEG, 1],
        [2, 3],
        [4, 5],
      ],
    );
    expect(() => frameBytes(bytes, 0)).toThrow(expect.objectContaining({ code: 'inconsistent_header' }));
  });

  it('follows an offset table where frames have several fragments, and refuses a wrong one', () => {
    const fragments = [
      [1, 1],
      [2, 2],
      [3, 3],
    ] as const;
    expect([...frameBytes(file(JPEG_LOSSLESS_UID, 2, [0, 20], fragments), 1).bytes]).toEqual([3, 3]);
    const wrong = file(JPEG_LOSSLESS_UID, 2, [0, 7], fragments);
    expect(() => frameBytes(wrong, 1)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('needs no offset table, and minds no wrong one, where there is one frame or one fragment a frame', () => {
    expect([
      ...frameBytes(
        file(
          JPEG_LOSSLESS_UID,
          1,
          [999],
          [
            [1, 1],
            [2, 2],
          ],
        ),
        0,
      ).bytes,
    ]).toEqual([1, 1, 2, 2]);
    expect([
      ...frameBytes(
        file(
          JPEG_LOSSLESS_UID,
          2,
          [0, 999],
          [
            [1, 1],
            [2, 2],
          ],
        ),
        1,
      ).bytes,
    ]).toEqual([2, 2]);
  });
});
