import { describe, expect, it } from 'vitest';
import { dixonHints } from '../../../src/dicom/description-hints.ts';
import { eligibleSeries, refusalOfStudy } from '../../../src/dicom/ranking.ts';
import { type Change, rank, sliceHeader } from '../../support/series-objects.ts';

const ranked = (change: Change) => rank(change)[0]!;

/** The sequence values of a T2 slice with this series description. */
const described = (SeriesDescription: string) => sliceHeader({ SeriesDescription }).sequence;

describe('dixonHints', () => {
  it.each([
    ['WATER: Sag T2 FSE Flex', ['water_image']],
    ['FAT: Sag T2 FSE', ['fat_image']],
    ['OutPhase: Sag T2 IDEAL', ['opposed_phase']],
    ['InPhase: Sag T2 FSE Flex', []],
    ['t2_tse_dixon_sag_W', ['water_image']],
    ['t2_tse_dixon_sag_F', ['fat_image']],
    ['t2_tse_dixon_sag_opp', ['opposed_phase']],
    ['t2_tse_dixon_sag_in', []],
    ['T2W_mDIXON sag', []],
    ['T2 Dixon fat water', []],
    ['T2 IDEAL fat sat', []],
    ['T2 sag FAT SAT', []],
    ['T2 sag flex', []],
    ['t2_tse_sag_f', []],
  ])('finds in %s the hints %j', (description, hints) => {
    expect(dixonHints(description)).toEqual(hints);
  });
});

describe('a Dixon set whose image types name none of its images', () => {
  const set = ['FAT: Sag T2 Flex', 'OutPhase: Sag T2 Flex', 'WATER: Sag T2 Flex', 'InPhase: Sag T2 Flex'];
  const changes = set.map((description, index) => ({
    uid: `1.${index}`,
    seriesInstanceUid: `1.9.${index}`,
    imageType: ['ORIGINAL', 'PRIMARY', 'OTHER'],
    sequence: described(description),
  }));

  it('is told by its descriptions: in phase first, then water, then opposed phase, and never fat', () => {
    const taken = eligibleSeries(rank(...changes)).map(({ series, ranking }) => [
      set[Number(series.frames[0].object.seriesInstanceUid?.at(-1))],
      ranking.fatSuppressed,
    ]);
    expect(taken).toEqual([
      ['InPhase: Sag T2 Flex', false],
      ['WATER: Sag T2 Flex', true],
      ['OutPhase: Sag T2 Flex', false],
    ]);
  });

  it('is refused where it holds fat alone', () => {
    const { refusal, ranking } = ranked(changes[0]!);
    expect([refusal, ranking.notes]).toEqual(['derived', ['derived', 'fat_image']]);
  });

  it('follows an image type that names another image', () => {
    const imageType = ['DERIVED', 'PRIMARY', 'DIXON', 'WATER'];
    expect(ranked({ ...changes[0]!, imageType }).refusal).toBeNull();
  });
});

describe('a T2 by its times that is called STIR', () => {
  const stir = { uid: '1.1', seriesInstanceUid: '1.8', sequence: described('T2 STIR SAG') };

  it('counts as fat-suppressed, and a plain T2 of fewer slices is taken before it', () => {
    const plain = { uid: '1.3', seriesInstanceUid: '1.7' };
    const taken = eligibleSeries(rank(stir, { ...stir, uid: '1.2', x: 4 }, plain));
    expect(taken.map(({ ranking }) => [ranking.slices, ranking.fatSuppressed])).toEqual([
      [1, false],
      [2, true],
    ]);
  });
});

describe('a myelogram', () => {
  const slice = (x: number) => ({ uid: `1.1.${x}`, seriesInstanceUid: '1.8', x, sequence: { echoTimeMs: 920 } });

  it.each([
    ['a 3D T2', { sequence: { acquisitionType: '3D', echoTimeMs: 408 } }],
    ['a fat-suppressed T2', { sequence: { fatSuppressed: true } }],
    ['a water image', { imageType: ['DERIVED', 'PRIMARY', 'DIXON', 'WATER'] }],
    ['a coarse T2', { spacingMm: [1.6, 1.6], rows: 200, columns: 200 }],
  ] as const)('is taken behind %s of fewer slices', (_, change) => {
    const [best, last] = eligibleSeries(rank(slice(0), slice(4), slice(8), { uid: '1.2', ...(change as Change) }));
    expect([best!.series.frames.length, last!.ranking.notes]).toEqual([1, ['fluid_only']]);
  });
});

describe('a field of view', () => {
  it.each([
    ['too low for a lumbar spine', { rows: 200, columns: 200 }, true],
    ['too high for one', { rows: 800, columns: 400 }, true],
    ['high enough by its rows', { rows: 300, columns: 600, spacingMm: [1, 0.2] }, false],
    ['high enough by its columns, as a turned slice has it', { rows: 600, columns: 300, spacingMm: [0.2, 1] }, false],
  ] as const)('that is %s is noted where it speaks against a series', (_, change, noted) => {
    expect(ranked(change).ranking.notes.includes('field_of_view')).toBe(noted);
  });
});

describe('refusalOfStudy', () => {
  it.each([
    ['a wrong body part', { bodyRegion: 'elsewhere' }, 'the header names another part of the body'],
    ['a slice without orientation', { orientation: null }, 'no orientation'],
    ['a fat image', { imageType: ['DERIVED', 'PRIMARY', 'DIXON', 'FAT'] }, 'fat image'],
    ['a slice without spacing', { spacingMm: null }, 'no pixel spacing'],
  ] as const)('says of %s what is wrong with its header', (_, change, detail) => {
    expect(refusalOfStudy(rank(change as Change)).message).toContain(`(${detail})`);
  });
});

describe('a series that was taken again', () => {
  const taken = (...numbers: Array<number | null>) =>
    eligibleSeries(
      rank(
        ...numbers.map((seriesNumber, index) => ({ uid: `1.${index}`, seriesInstanceUid: `1.${index}`, seriesNumber })),
      ),
    ).map(({ series }) => series.frames[0].object.seriesNumber);

  it('stands before the first one, whatever the order of the files, and one without a number last', () => {
    expect(taken(4, 11, null)).toEqual([11, 4, null]);
    expect(taken(null, 11, 4)).toEqual([11, 4, null]);
  });
});
