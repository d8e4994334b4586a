import { describe, expect, it } from 'vitest';
import { type Attributes, WRITE_SYNTAX, writeDicom } from '../../../src/dicom/write.ts';
import { decodeDicomFrame } from '../../../src/pictures/codecs/frame-decoder.ts';
import { MR_IMAGE } from '../../support/mr-image.ts';

const size = { Rows: 2, Columns: 4 };
const pixelsOf = async (file: Buffer) => [...(await decodeDicomFrame(file, 0)).data];

describe('pixels of eight bits in a big endian data set', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const file = writeDicom(
    { ...MR_IMAGE, ...size, BitsAllocated: 8, BitsStored: 8, HighBit: 7 },
    { kind: 'samples', samples: bytes },
    WRITE_SYNTAX.explicitBigEndian,
  );
  const pixelData = file.lastIndexOf(Buffer.from([0x7f, 0xe0, 0x00, 0x10]));

  it.each([
    ['in their order where they stand as bytes', 'OB', [1, 2, 3, 4, 5, 6, 7, 8]],
    ['swapped back where they stand in words', 'OW', [2, 1, 4, 3, 6, 5, 8, 7]],
  ] as const)('are read %s', async (_, vr, expected) => {
    const written = Buffer.from(file);
    written.write(vr, pixelData + 4, 'latin1');
    written.set(bytes, written.length - bytes.length);
    expect(await pixelsOf(written)).toEqual(expected);
  });
});

describe('pixels whose header says nothing of a sign', () => {
  it('are unsigned', async () => {
    const { PixelRepresentation: _, ...unsaid } = { ...MR_IMAGE, ...size } satisfies Attributes;
    const samples = Uint16Array.of(0, 1, 2047, 2048, 4095, 5, 6, 7);
    const file = writeDicom(unsaid, { kind: 'samples', samples }, WRITE_SYNTAX.explicitLittleEndian);
    expect(await pixelsOf(file)).toEqual([...samples]);
  });
});
