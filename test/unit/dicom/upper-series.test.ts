import { describe, expect, it } from 'vitest';
import { eligibleSeries } from '../../../src/dicom/ranking.ts';
import { holdBackUpperSeries } from '../../../src/dicom/upper-series.ts';
import { type Change, rank } from '../../support/series-objects.ts';

describe('holdBackUpperSeries', () => {
  /** A series of slices side by side whose centre lies at `z` less half of its field of view. */
  const series = (uid: string, z: number, slices: number, more: Change = {}): Change[] =>
    Array.from({ length: slices }, (_, index) => ({
      uid: `${uid}.${index}`,
      seriesInstanceUid: uid,
      x: 4 * index,
      z,
      bodyRegion: 'spine',
      ...more,
    }));
  const taken = (...changes: Change[][]) => {
    const [best] = eligibleSeries(holdBackUpperSeries(rank(...changes.flat())));
    return best?.series.frames[0].object.seriesInstanceUid;
  };

  it.each([
    ['has more slices', series('1.2', 400, 9)],
    ['has a better weighting', series('1.2', 400, 5, { sequence: { acquisitionType: '2D' } })],
    ['is the only T2 beside a lumbar T2*', series('1.2', 400, 9)],
  ])('holds back a series far above the lumbar one that %s', (name, upper) => {
    const star = { scanningSequence: ['GR'], repetitionTimeMs: 500, echoTimeMs: 14, flipAngleDegrees: 20 };
    const better = { acquisitionType: '3D', fatSuppressed: true } as const;
    const sequence = name.includes('T2*') ? star : name.includes('better') ? better : {};
    expect(taken(upper, series('1.1', 140, 5, { sequence }))).toBe('1.1');
  });

  it('notes it', () => {
    const notes = holdBackUpperSeries(rank(...series('1.1', 140, 5), ...series('1.2', 400, 9))).map(
      ({ ranking }) => ranking.notes,
    );
    expect(notes.map((each) => each.includes('upper_series'))).toEqual([false, true]);
  });

  it.each([
    ['a series of the sacrum below', series('1.1', 0, 5)],
    ['a localizer far below', series('1.1', -60, 5, { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] })],
    ['a broken-off series far below', series('1.1', -60, 2)],
    ['a series far below whose region nobody names', series('1.1', -60, 9, { bodyRegion: null })],
    ['a T1 far below', series('1.1', -60, 9, { sequence: { repetitionTimeMs: 500, echoTimeMs: 10 } })],
    [
      'a series far below of which no weighting is known',
      series('1.1', -60, 9, { sequence: { repetitionTimeMs: null, echoTimeMs: null, scanningSequence: [] } }),
    ],
  ])('holds nothing back for %s', (_, other) => {
    expect(taken(series('1.2', 140, 7), other)).toBe('1.2');
    const notes = holdBackUpperSeries(rank(...series('1.2', 140, 7), ...other)).flatMap(({ ranking }) => ranking.notes);
    expect(notes).not.toContain('upper_series');
  });
});
