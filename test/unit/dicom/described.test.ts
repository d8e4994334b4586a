import { describe, expect, it } from 'vitest';
import { dixonHints } from '../../../src/dicom/description-hints.ts';
import { readHeader } from '../../../src/dicom/header.ts';
import { eligibleSeries } from '../../../src/dicom/ranking.ts';
import { phantomStudy } from '../../../src/phantom/study.ts';
import { type Change, rank } from '../../support/series-objects.ts';

const ranked = (change: Change) => rank(change)[0]!;

/** The sequence values of a T2 slice with this series description. */
function described(SeriesDescription: string) {
  const spec = {
    seed: 2,
    rows: 64,
    columns: 64,
    spacingMm: [4, 4],
    t2Slices: 1,
    t1Slices: 0,
    localizer: false,
  } as const;
  return readHeader(phantomStudy({ ...spec, override: { SeriesDescription } }).files[0]!.bytes).sequence;
}

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
