import dicomParser from 'dicom-parser';
import { describe, expect, it } from 'vitest';
import { WRITE_SYNTAX } from '../../../src/dicom/write.ts';
import { orientUpright } from '../../../src/imaging/orientation.ts';
import { storeSlice } from '../../../src/phantom/stored.ts';
import { phantomStudy } from '../../../src/phantom/study.ts';

const small = { seed: 11, rows: 64, columns: 56, spacingMm: [4, 4] as const, t2Slices: 5, t1Slices: 3 };
const numbers = (text: string | undefined): number[] => (text ?? '').split('\\').map(Number);

describe('phantomStudy', () => {
  const study = phantomStudy(small);
  const parsed = study.files.map((file) => ({ file, data: dicomParser.parseDicom(file.bytes) }));

  it('gives the same bytes for the same spec', () => {
    expect(phantomStudy(small).files).toEqual(study.files);
  });

  it('holds a localizer of three planes, a T1 and a T2 series of one study', () => {
    const count = (series: string) => study.files.filter((f) => f.series === series).length;
    expect([count('localizer'), count('t1'), count('t2')]).toEqual([3, 3, 5]);
    expect(new Set(parsed.map((p) => p.data.string('x0020000d'))).size).toBe(1);
    expect(new Set(parsed.map((p) => p.data.string('x0020000e'))).size).toBe(3);
    expect(new Set(parsed.map((p) => p.data.string('x00080018'))).size).toBe(11);
  });

  it('shuffles instance numbers and names against positions', () => {
    const t2 = parsed.filter((p) => p.file.series === 't2');
    const byNumber = [...t2].sort((a, b) => a.data.intString('x00200013')! - b.data.intString('x00200013')!);
    const positions = byNumber.map((p) => numbers(p.data.string('x00200032'))[0]!);
    const ordered = [...positions].sort((a, b) => a - b);
    expect(positions).not.toEqual(ordered);
    for (let i = 1; i < ordered.length; i += 1) expect(ordered[i]! - ordered[i - 1]!).toBeCloseTo(4.4, 5);
  });

  it('tells T2 from T1 by repetition and echo time', () => {
    const timesOf = (series: string) =>
      parsed
        .filter((p) => p.file.series === series)
        .map((p) => [p.data.floatString('x00180080'), p.data.floatString('x00180081')]);
    for (const [tr, te] of timesOf('t2')) expect([tr! > 2000, te! > 60]).toEqual([true, true]);
    for (const [tr, te] of timesOf('t1')) expect([tr! < 900, te! < 30]).toEqual([true, true]);
  });

  it('stores each slice of a multi-frame series with its own position', () => {
    const { files } = phantomStudy({ ...small, multiFrame: true, localizer: false, t1Slices: 0 });
    expect(files).toHaveLength(1);
    const data = dicomParser.parseDicom(files[0]!.bytes);
    expect(data.intString('x00280008')).toBe(5);
    const items = data.elements['x52009230']!.items!;
    const xs = items.map((i) => numbers(i.dataSet!.elements['x00209113']!.items![0]!.dataSet!.string('x00200032'))[0]!);
    expect([...xs].sort((a, b) => a - b)).not.toEqual(xs);
    expect(new Set(xs).size).toBe(5);
    expect(data.elements['x7fe00010']!.length).toBe(64 * 56 * 2 * 5);
  });

  it('leaves age and birth date out where the age is unknown', () => {
    const { files } = phantomStudy({ ...small, ageYears: null, t1Slices: 0, t2Slices: 1, localizer: false });
    const data = dicomParser.parseDicom(files[0]!.bytes);
    expect([data.string('x00101010'), data.string('x00100030')]).toEqual([undefined, undefined]);
  });

  it('writes MONOCHROME1, signed, rescaled and 8-bit pixels that decode to the drawn slice', () => {
    const one = { ...small, t1Slices: 0, t2Slices: 1, localizer: false };
    const drawn = phantomStudy(one).truth!.image.data;
    const bytesOf = (pixels: 'monochrome1' | 'signed' | 'rescaled' | 'eightBit') => {
      const { bytes } = phantomStudy({ ...one, pixels, transferSyntaxUid: WRITE_SYNTAX.explicitLittleEndian })
        .files[0]!;
      const { dataOffset, length } = dicomParser.parseDicom(bytes).elements['x7fe00010']!;
      return bytes.subarray(dataOffset, dataOffset + length);
    };
    const words = (body: Buffer) => Array.from({ length: body.length / 2 }, (_, i) => body.readInt16LE(2 * i));
    expect(words(bytesOf('monochrome1')).map((v) => 4095 - v)).toEqual([...drawn]);
    expect(words(bytesOf('signed')).map((v) => v + 1024)).toEqual([...drawn]);
    expect(words(bytesOf('rescaled'))).toEqual([...drawn]);
    expect([...bytesOf('eightBit')]).toEqual([...drawn].map((v) => Math.min(255, v >> 2)));
  });
});

describe('storeSlice', () => {
  const upright = { depth: 'u16' as const, width: 3, height: 2, data: Uint16Array.of(1, 2, 3, 4, 5, 6) };
  const all = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => ({
    transpose: n % 2 === 1,
    flipX: (n >> 1) % 2 === 1,
    flipY: n > 3,
  }));

  it.each(all)('is undone by orientUpright: $transpose $flipX $flipY', (orientation) => {
    const stored = storeSlice(upright, [0.5, 2], 1, orientation);
    expect(orientUpright(stored.image, orientation)).toEqual(upright);
  });

  it.each(all)('says where each stored pixel lies: $transpose $flipX $flipY', (orientation) => {
    const { image, orientation: cosines, position, spacingMm } = storeSlice(upright, [0.5, 2], 1, orientation);
    for (const [i, value] of image.data.entries()) {
      const [row, column] = [Math.floor(i / image.width), i % image.width];
      const at = [0, 1, 2].map(
        (axis) => position[axis]! + cosines[axis]! * column * spacingMm[1] + cosines[axis + 3]! * row * spacingMm[0],
      );
      const [uprightRow, uprightColumn] = [Math.floor((value - 1) / 3), (value - 1) % 3];
      expect(at).toEqual([1, (uprightColumn + 0.5 - 1.5) * 2, -(uprightRow + 0.5 - 1) * 0.5]);
    }
  });
});
