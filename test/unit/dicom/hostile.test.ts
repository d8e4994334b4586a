import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputFault } from '../../../src/contracts/reasons.ts';
import { walkDataSet } from '../../../src/dicom/data-set.ts';
import { frameBytes } from '../../../src/dicom/frame-bytes.ts';
import { readHeader } from '../../../src/dicom/header.ts';
import { openPart10 } from '../../../src/dicom/part10.ts';
import { decodeRle } from '../../../src/dicom/rle.ts';
import { TAG } from '../../../src/dicom/tags.ts';
import { text } from '../../../src/dicom/values.ts';
import { WRITE_SYNTAX } from '../../../src/dicom/write.ts';
import { encodeRle } from '../../../src/dicom/write-rle.ts';
import { studyOnce } from '../../support/drawn-once.ts';

const EXPLICIT = { implicit: false, littleEndian: true };
const UNDEFINED = [0xff, 0xff, 0xff, 0xff];
const SEQUENCE = [0x40, 0x00, 0x75, 0x02, 0x53, 0x51, 0, 0];
const ITEM = [0xfe, 0xff, 0x00, 0xe0];
const ITEM_END = [0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0];
const SEQUENCE_END = [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0];

const walk = (parts: readonly number[]) => walkDataSet(Uint8Array.from(parts), 0, EXPLICIT);
const code = (value: string) => expect.objectContaining({ name: 'InputFault', code: value });
const nested = (depth: number): number[] =>
  [
    ...Array.from({ length: depth }, () => [...SEQUENCE, ...UNDEFINED, ...ITEM, ...UNDEFINED]),
    ...Array.from({ length: depth }, () => [...ITEM_END, ...SEQUENCE_END]),
  ].flat();

describe('walkDataSet', () => {
  it('follows 64 nested sequences and refuses 65, and 100,000 without a stack', () => {
    expect(() => walk(nested(64))).not.toThrow();
    expect(() => walk(nested(65))).toThrow(code('malformed'));
    expect(() => walk(nested(100_000))).toThrow(code('malformed'));
  });

  it.each([
    ['a sequence that never ends', [...SEQUENCE, ...UNDEFINED], 'truncated'],
    ['an item longer than its sequence', [...SEQUENCE, 8, 0, 0, 0, ...ITEM, 8, 0, 0, 0, ...SEQUENCE_END], 'malformed'],
    ['an item longer than the file', [...SEQUENCE, ...UNDEFINED, ...ITEM, 8, 0, 0, 0], 'truncated'],
    ['an impossible length', [9, 0, 1, 0, 0x55, 0x4e, 0, 0, 0xfe, 0xff, 0xff, 0xff], 'malformed'],
    ['a value behind the end', [8, 0, 0x60, 0, 0x43, 0x53, 2, 0, 0x4d], 'truncated'],
    ['half a head', [8, 0, 0x60, 0, 0x43], 'truncated'],
    ['no representation', [8, 0, 0x60, 0, 0, 0, 0, 0], 'malformed'],
    ['a delimiter outside a sequence', ITEM_END, 'malformed'],
    [
      'a wanted element twice',
      [8, 0, 0x60, 0, 0x43, 0x53, 0, 0, 8, 0, 0x60, 0, 0x43, 0x53, 0, 0],
      'inconsistent_header',
    ],
    [
      'pixels without items',
      [0xe0, 0x7f, 0x10, 0, 0x4f, 0x42, 0, 0, ...UNDEFINED, 1, 0, 0, 0, 0, 0, 0, 0],
      'malformed',
    ],
  ])('refuses %s', (_, bytes, expected) => {
    expect(() => walk(bytes)).toThrow(code(expected));
  });

  it.each([
    ['plain', [4, 0, 0, 0, 1, 2, 3, 4]],
    ['encapsulated', [...UNDEFINED, ...ITEM, 0, 0, 0, 0, ...SEQUENCE_END]],
  ])('ends at zero bytes behind %s pixels, and at nothing else', (_, value) => {
    const pixels = [0xe0, 0x7f, 0x10, 0, 0x4f, 0x57, 0, 0, ...value];
    expect([...walk([...pixels, 0, 0, 0]).elements.keys()]).toEqual([0x7fe00010]);
    expect(() => walk([...pixels, 0, 0, 1])).toThrow(code('truncated'));
    expect(() => walk([0, 0, 0])).toThrow(code('truncated'));
  });

  it('walks over any number of empty elements of zeros behind the pixels', () => {
    const bytes = Buffer.alloc(600_000);
    bytes.set([0xe0, 0x7f, 0x10, 0, 4, 0, 0, 0, 1, 2, 3, 4]);
    bytes[bytes.length - 1] = 1;
    expect(() => walkDataSet(bytes, 0, { implicit: true, littleEndian: true })).toThrow(code('truncated'));
  });

  it('reads an UN element of undefined length as an implicit sequence', () => {
    const un = [
      9,
      0,
      1,
      0,
      0x55,
      0x4e,
      0,
      0,
      ...UNDEFINED,
      ...ITEM,
      10,
      0,
      0,
      0,
      9,
      0,
      2,
      0,
      2,
      0,
      0,
      0,
      1,
      2,
      ...SEQUENCE_END,
    ];
    const { elements } = walk([...un, ...[0x10, 0, 0x10, 0x10, 0x41, 0x53, 4, 0, 0x30, 0x34, 0x30, 0x59]]);
    expect([...elements.keys()]).toEqual([0x00101010]);
  });
});

describe('openPart10', () => {
  const head = (syntax: string): Buffer => {
    const uid = Buffer.from(syntax.length % 2 === 0 ? syntax : `${syntax}\0`, 'latin1');
    const meta = Buffer.from([2, 0, 0x10, 0, 0x55, 0x49, uid.length, 0]);
    return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), meta, uid]);
  };

  it.each([
    ['nothing', Buffer.alloc(0), 'empty'],
    ['no prefix', Buffer.alloc(200), 'not_dicom'],
    ['a prefix alone', Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]), 'malformed'],
    ['an unregistered syntax', head('1.2.3'), 'unsupported_transfer_syntax'],
    [
      'a meta element cut in its long head',
      Buffer.concat([head('1.2.3'), Buffer.of(2, 0, 2, 1, 0x4f, 0x42, 0, 0)]),
      'truncated',
    ],
    ['a meta element cut in its value', head('1.2.3').subarray(0, -2), 'truncated'],
    [
      'a bomb of zeros',
      Buffer.concat([head(WRITE_SYNTAX.deflated), deflateRawSync(Buffer.alloc(64 << 20))]),
      'archive_limit',
    ],
    [
      'a data set far larger than any object, whatever its ratio',
      Buffer.concat([head(WRITE_SYNTAX.deflated), deflateRawSync(Buffer.alloc(129 << 20), { level: 0 })]),
      'archive_limit',
    ],
    [
      'a torn deflate stream',
      Buffer.concat([head(WRITE_SYNTAX.deflated), deflateRawSync(Buffer.alloc(99)).subarray(0, 4)]),
      'truncated',
    ],
    ['noise as a deflate stream', Buffer.concat([head(WRITE_SYNTAX.deflated), Buffer.alloc(64, 0xa7)]), 'malformed'],
  ])('refuses %s', (_, bytes, expected) => {
    expect(() => openPart10(bytes)).toThrow(code(expected));
  });

  it.each(['UR', 'UC', 'OD', 'OF', 'OL', 'OV', 'SV', 'UV'])(
    'walks over a meta element of the long form of %s',
    (vr) => {
      const value = Buffer.from('http://archive.example/aets/MAIN');
      const long = Buffer.concat([
        Buffer.from([2, 0, 0x26, 0]),
        Buffer.from(vr),
        Buffer.from([0, 0, value.length, 0, 0, 0]),
      ]);
      const modality = Buffer.from([8, 0, 0x60, 0, 0x43, 0x53, 2, 0, 0x4d, 0x52]);
      const { dataSet } = openPart10(Buffer.concat([head(WRITE_SYNTAX.explicitLittleEndian), long, value, modality]));
      expect([...dataSet.elements.keys()]).toEqual([0x00080060]);
    },
  );

  const explicitModality = Buffer.from([8, 0, 0x60, 0, 0x43, 0x53, 2, 0, 0x4d, 0x52]);
  const implicitModality = Buffer.from([8, 0, 0x60, 0, 2, 0, 0, 0, 0x4d, 0x52]);
  const unnamed = Buffer.concat([head('').subarray(0, 132), Buffer.of(2, 0, 2, 0, 0x55, 0x49, 2, 0, 0x31, 0)]);
  it.each([
    ['none though an explicit syntax is named', head(WRITE_SYNTAX.explicitLittleEndian), implicitModality],
    ['none where no syntax is named', unnamed, implicitModality],
    ['them where no syntax is named', unnamed, explicitModality],
  ])('tells by the first element whether it writes value representations: %s', (_, meta, element) => {
    const { dataSet } = openPart10(Buffer.concat([meta, element]));
    expect(text(dataSet, TAG.modality)).toBe('MR');
  });

  it('inflates a data set beyond eight megabytes that is no bomb', () => {
    const pixels = Buffer.from([0xe0, 0x7f, 0x10, 0, 0x4f, 0x57, 0, 0, 0, 0, 0x90, 0]);
    const stored = deflateRawSync(Buffer.concat([pixels, Buffer.alloc(0x900000)]), { level: 0 });
    const { dataSet } = openPart10(Buffer.concat([head(WRITE_SYNTAX.deflated), stored]));
    expect(dataSet.elements.get(TAG.pixelData)?.length).toBe(0x900000);
  });

  it('names no syntax that is not registered, since it may be anything', () => {
    expect(() => openPart10(head('1.2.3.DOE'))).toThrow(expect.objectContaining({ detail: 'not a registered one' }));
  });
});

describe('decodeRle', () => {
  const words = Uint16Array.from({ length: 12 * 9 }, (_, index) => (index % 5 === 0 ? index * 400 : 4000));

  it('undoes the encoder', () => {
    expect(decodeRle(encodeRle(words, 12, 9), 108, 2)).toEqual(words);
  });

  it.each([
    ['no segments', 0, 0],
    ['too many segments', 0, 200],
    ['a segment behind the end', 4, 60_000],
    ['a segment in the header', 4, 8],
  ])('refuses %s', (_, at, value) => {
    const bytes = Buffer.from(encodeRle(words, 12, 9));
    bytes.writeUInt32LE(value, at);
    expect(() => decodeRle(bytes, 108, 2)).toThrow(code('malformed'));
  });

  it('refuses a frame that unpacks to more or fewer pixels', () => {
    const bytes = encodeRle(words, 12, 9);
    expect(() => decodeRle(bytes, 60, 2)).toThrow(code('malformed'));
    expect(() => decodeRle(bytes, 200, 2)).toThrow(code('malformed'));
  });
});

describe('any bytes', () => {
  const files = [WRITE_SYNTAX.explicitLittleEndian, WRITE_SYNTAX.rle, WRITE_SYNTAX.implicitLittleEndian].flatMap(
    (transferSyntaxUid) =>
      [false, true].map((multiFrame) => {
        const spec = {
          seed: 9,
          rows: 64,
          columns: 64,
          spacingMm: [4, 4] as const,
          t2Slices: 2,
          t1Slices: 0,
          localizer: false,
        };
        return studyOnce({ ...spec, transferSyntaxUid, multiFrame }).files[0]!.bytes;
      }),
  );

  const typed = (read: () => unknown): void => {
    try {
      read();
    } catch (error) {
      expect(error).toBeInstanceOf(InputFault);
    }
  };

  it('end typed with bits flipped, torn off or noise alone', () => {
    const edit = fc.record({
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      value: fc.integer({ min: 0, max: 255 }),
    });
    const cut = fc.option(fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(fc.nat({ max: files.length - 1 }), fc.array(edit, { maxLength: 12 }), cut, (which, edits, share) => {
        const whole = Buffer.from(files[which]!);
        // Headers lie in front: most edits fall there.
        for (const { at, value } of edits) whole[Math.floor(at ** 2 * whole.length)] = value;
        const bytes = share === null ? whole : whole.subarray(0, Math.floor(share * whole.length));
        typed(() => readHeader(bytes));
        typed(() => frameBytes(bytes, 0));
      }),
      { numRuns: 600 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) =>
        typed(() => readHeader(Buffer.concat([files[0]!.subarray(0, 400), noise]))),
      ),
    );
  });
});
