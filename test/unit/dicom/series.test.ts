import { describe, expect, it } from 'vitest';
import type { DicomObject, DirectionCosines } from '../../../src/dicom/object.ts';
import { slicePlane, uprightMoves } from '../../../src/dicom/plane.ts';
import { eligibleSeries, rankSeries, refusalOfStudy } from '../../../src/dicom/ranking.ts';
import { groupSeries, type SeriesFrame } from '../../../src/dicom/series.ts';
import { fromTheMiddle, orderSlices } from '../../../src/dicom/slice-order.ts';
import { type Change, object, rank, SAGITTAL } from '../../support/series-objects.ts';

const ranked = (change: Change) => rank(change)[0]!;

describe('slicePlane', () => {
  const oblique = (degrees: number): DirectionCosines => {
    const angle = (degrees * Math.PI) / 180;
    return [Math.sin(angle), Math.cos(angle), 0, 0, 0, -1];
  };

  it.each([
    [0, 'sagittal'],
    [15, 'sagittal'],
    [34, 'sagittal'],
    [40, 'oblique'],
    [50, 'oblique'],
    [60, 'coronal'],
  ] as const)('calls a slice turned by %d degrees %s', (degrees, plane) => {
    expect(slicePlane(oblique(degrees))).toMatchObject({ plane, obliquityDegrees: expect.closeTo(degrees, 6) });
  });

  it('points every sagittal normal to the left, however the slice lies', () => {
    for (const orientation of [SAGITTAL, [0, -1, 0, 0, 0, -1], [0, 0, 1, 0, 1, 0]] as const) {
      expect(slicePlane(orientation).normal[0]).toBeCloseTo(1);
    }
  });
});

describe('uprightMoves', () => {
  it.each([
    [[0, 1, 0, 0, 0, -1], false, false, false],
    [[0, -1, 0, 0, 0, -1], false, true, false],
    [[0, 1, 0, 0, 0, 1], false, false, true],
    [[0, 0, -1, 0, 1, 0], true, false, false],
    [[0, 0, 1, 0, 1, 0], true, false, true],
    [[0, 0, -1, 0, -1, 0], true, true, false],
    [[0.1, 0.98, 0.1, 0, 0.1, -0.99], false, false, false],
  ] as const)(
    'brings %j upright by transpose %s, flip across %s, flip down %s',
    (orientation, transpose, flipX, flipY) => {
      expect(uprightMoves(orientation)).toEqual({ transpose, flipX, flipY });
    },
  );
});

describe('groupSeries', () => {
  it('parts planes, echoes, sizes and kinds of image under one series UID', () => {
    const series = groupSeries([
      object({ uid: '1.1' }),
      object({ uid: '1.2', x: 4 }),
      object({ uid: '1.3', orientation: [1, 0, 0, 0, 1, 0] }),
      object({ uid: '1.4', sequence: { echoTimeMs: 20 } }),
      object({ uid: '1.5', rows: 256 }),
      object({ uid: '1.6', imageType: ['ORIGINAL', 'PRIMARY', 'W'] }),
    ]);
    expect(series.map(({ frames }) => frames.length).sort()).toEqual([1, 1, 1, 1, 2]);
  });

  it.each<[string, Change, number]>([
    ['an echo of 1.5 ms later', { sequence: { echoTimeMs: 101.5 } }, 1],
    ['an echo of 20 ms later', { sequence: { echoTimeMs: 120 } }, 2],
    ['a slice turned by 10 degrees', { orientation: [0, 0.985, -0.174, 0, -0.174, -0.985] }, 2],
    ['a slice whose columns alone turn by 10 degrees', { orientation: [0, 1, 0, 0.174, 0, -0.985] }, 2],
    ['a slice whose rows alone turn by 10 degrees', { orientation: [0.174, 0.985, 0, 0, 0, -1] }, 2],
    ['a component of the complex signal', { complexComponent: 'REAL' }, 2],
    ['one more value of the image type', { imageType: ['ORIGINAL', 'PRIMARY', 'M', 'NORM', 'DIXON'] }, 2],
    ['an inversion', { sequence: { echoTimeMs: 100, inversionTimeMs: 160 } }, 2],
    ['a suppression of fat', { sequence: { echoTimeMs: 100, fatSuppressed: true } }, 2],
  ])('of slices beside one another tells %s apart: %s', (_, change, count) => {
    const first = { uid: '1.1', sequence: { echoTimeMs: 100 } };
    expect(groupSeries([object(first), object({ ...first, ...change, uid: '1.2', x: 4 })])).toHaveLength(count);
  });

  it('tells inversions of different times apart', () => {
    const inverted = (uid: string, inversionTimeMs: number) => object({ uid, sequence: { inversionTimeMs } });
    expect(groupSeries([inverted('1.1', 100), inverted('1.2', 160)])).toHaveLength(2);
  });

  it('counts an instance once and keeps those without a UID', () => {
    const twice = [
      object({ uid: '1.1' }),
      object({ uid: '1.1' }),
      object({ sopInstanceUid: null, x: 4 }),
      object({ sopInstanceUid: null, x: 8 }),
    ];
    expect(groupSeries(twice)[0]!.frames).toHaveLength(3);
  });

  it('keeps slices to which an anonymiser gave one instance UID, and each of them once', () => {
    const slices = [0, 4, 8, 4].map((x) => object({ uid: '1.1', x }));
    expect(orderSlices(groupSeries(slices)[0]!)).toHaveLength(3);
  });

  it.each([
    ['its fat-suppressed repetition', { fatSuppressed: true }],
    ['a STIR of the same echo', { scanningSequence: ['SE', 'IR'], inversionTimeMs: 160 }],
  ] as const)('parts a T2 and %s under one series UID', (_, sequence) => {
    const both = [0, 4, 8].flatMap((x) => [object({ uid: `1.2.${x}`, x }), object({ uid: `1.1.${x}`, x, sequence })]);
    const series = groupSeries(both);
    expect(series.map(({ frames }) => frames.length)).toEqual([3, 3]);
    expect(new Set(series.map(({ key }) => key)).size).toBe(2);
    const [best] = eligibleSeries(series.map((each, index) => rankSeries(each, index, 3)));
    expect(best!.series.frames.map(({ object: { sopInstanceUid } }) => sopInstanceUid)).toEqual([
      '1.2.0',
      '1.2.4',
      '1.2.8',
    ]);
  });

  it('does not depend on the order of the files', () => {
    const objects = Array.from({ length: 7 }, (_, index) =>
      object({ uid: `1.${index}`, x: index, orientation: index % 3 === 0 ? [1, 0, 0, 0, 1, 0] : SAGITTAL }),
    );
    const uids = (list: DicomObject[]) =>
      groupSeries(list).map(({ key, frames }) => [key, frames.map((frame) => frame.object.sopInstanceUid)]);
    expect(uids([...objects].reverse())).toEqual(uids(objects));
  });
});

describe('the stations of one series', () => {
  const slice = (uid: string, index: number, z: number) => object({ uid, x: 4 * index, z });
  const whole = (lumbarFirst: boolean) =>
    [0, 1, 2].flatMap((index) => [
      slice(`1.${lumbarFirst ? 1 : 2}.${index}`, index, 140),
      slice(`1.${lumbarFirst ? 2 : 1}.${index}`, index, 400),
    ]);
  const places = ({ frames }: { frames: readonly SeriesFrame[] }) =>
    frames.map(({ geometry: { position } }) => [position![0], position![2]]);
  const lower = [0, 4, 8].map((x) => [x, 140]);
  const upper = [0, 4, 8].map((x) => [x, 400]);

  it.each([true, false])('come apart, and the lower one is taken; its UIDs sort first: %s', (lumbarFirst) => {
    const series = groupSeries(whole(lumbarFirst));
    expect(series.map(places)).toEqual([lower, upper]);
    expect(new Set(series.map(({ key }) => key)).size).toBe(2);
    const ranked = series.map((each, index) => rankSeries(each, 1 - index, orderSlices(each).length));
    expect(eligibleSeries(ranked).map(({ series: each }) => places(each))).toEqual([lower, upper]);
    expect(ranked.map(({ ranking }) => ranking.notes.includes('upper_station'))).toEqual([false, true]);
  });

  it('lose to nothing else: the lower one may have fewer slices', () => {
    const series = groupSeries(whole(true).slice(1));
    const ranked = series.map((each, index) => rankSeries(each, index, orderSlices(each).length));
    expect(ranked.map(({ ranking }) => ranking.slices)).toEqual([2, 3]);
    expect(places(eligibleSeries(ranked)[0]!.series)).toEqual(lower.slice(1));
  });

  it.each([
    ['an oblique stack, shifted slice by slice', (index: number) => ({ y: -140 + 12 * index, z: 140 - 9 * index })],
    ['a stack that was moved by a fifth of its field', (index: number) => ({ z: index < 6 ? 140 : 200 })],
  ])('are not seen in %s', (_, place) => {
    const stack = Array.from({ length: 13 }, (__, index) =>
      object({ uid: `1.${index}`, x: 4 * index, ...place(index) }),
    );
    expect(groupSeries(stack).map(({ frames }) => frames.length)).toEqual([13]);
  });

  it.each([
    ['down by a third of its height', { z: 140 - 90 }, [6, 6]],
    ['forward by a third of its width', { y: -140 - 90 }, [6, 6]],
    ['forward by a fifth of its width', { y: -140 - 60 }, [12]],
  ])('are told by their field of view in millimetres: moved %s', (_, moved, sizes) => {
    const field = { rows: 512, columns: 384, spacingMm: [0.5, 0.75] } as const;
    const stack = Array.from({ length: 12 }, (__, index) =>
      object({ uid: `1.${index}`, x: 4 * index, ...field, ...(index < 6 ? {} : moved) }),
    );
    expect(groupSeries(stack).map(({ frames }) => frames.length)).toEqual(sizes);
  });

  it('of two series that are alike the lower one in the patient is taken', () => {
    const series = (uid: string, z: number) => ({ uid: `${uid}.1`, seriesInstanceUid: uid, z });
    for (const pair of [
      [series('1.1', 400), series('1.2', 140)],
      [series('1.1', 140), series('1.2', 400)],
    ]) {
      expect(eligibleSeries(rank(...pair))[0]!.series.frames[0].geometry.position![2]).toBe(140);
    }
  });
});

describe('orderSlices', () => {
  const series = (xs: number[]) => groupSeries(xs.map((x, index) => object({ uid: `1.${90 - index}`, x })))[0]!;

  it('orders by position along the normal and takes one slice a place', () => {
    const slices = orderSlices(series([8, -4, 0, 4, 0, 12]));
    expect(slices.map(({ frame }) => frame.geometry.position![0])).toEqual([-4, 0, 4, 8, 12]);
    expect(slices.map(({ offsetMm }) => offsetMm)).toEqual([-8, -4, 0, 4, 8]);
  });

  it.each([[[0, 4, 8, 12]], [[0.3, 4.7, 9.1, 13.5]]])(
    'goes out from the middle of %j, to lower indices first',
    (xs) => {
      const slices = orderSlices(series(xs));
      expect(fromTheMiddle(slices).map(({ sliceIndex }) => sliceIndex)).toEqual([1, 2, 0, 3]);
    },
  );

  it('keeps the frames’ order where a multi-frame object gives no positions', () => {
    const [frame] = object({}).frames;
    const frames = [frame!, ...Array.from({ length: 4 }, () => ({ ...frame!, position: null }))];
    const slices = orderSlices(groupSeries([{ ...object({}), multiFrame: true, frames }])[0]!);
    expect(slices.map(({ frame: { frame: index }, offsetMm }) => [index, offsetMm])).toEqual(
      [0, 1, 2, 3, 4].map((index) => [index, null]),
    );
    expect(fromTheMiddle(slices)[0]!.sliceIndex).toBe(2);
  });
});

describe('rankSeries', () => {
  const t2 = ranked({});

  it.each([
    ['a 3D T2', { sequence: { acquisitionType: '3D' } }],
    ['a fat-suppressed T2', { sequence: { fatSuppressed: true } }],
    ['a sagittal T2 localizer', { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }],
    ['a water image', { imageType: ['DERIVED', 'PRIMARY', 'DIXON', 'WATER'] }],
    ['an image of opposed phase', { imageType: ['DERIVED', 'PRIMARY', 'DIXON', 'OPP_PHASE'] }],
    ['a T2 of no named region', { bodyRegion: null }],
    ['an oblique T2', { orientation: [0.4, 0.9165, 0, 0, 0, -1] }],
    ['a T2*', { sequence: { scanningSequence: ['GR'], repetitionTimeMs: 500, echoTimeMs: 14, flipAngleDegrees: 20 } }],
    ['a series of unknown weighting', { sequence: { repetitionTimeMs: null, echoTimeMs: null } }],
  ] as const)('takes %s, behind a plain T2', (_, change) => {
    const other = ranked(change as Change);
    expect(other.refusal).toBeNull();
    expect(other.ranking.score!).toBeLessThan(t2.ranking.score!);
  });

  it.each([
    ['a T1', { sequence: { repetitionTimeMs: 500, echoTimeMs: 10 } }, 'no_t2_series'],
    ['a STIR', { sequence: { inversionTimeMs: 160 } }, 'no_t2_series'],
    ['an axial T2', { orientation: [1, 0, 0, 0, 1, 0] }, 'no_sagittal_series'],
    ['a cervical T2', { bodyRegion: 'elsewhere' }, 'not_lumbar'],
    ['a reformat', { imageType: ['DERIVED', 'SECONDARY', 'MPR'] }, 'derived'],
    ['a fat image', { imageType: ['DERIVED', 'PRIMARY', 'DIXON', 'FAT'] }, 'derived'],
    ['a fat image by its letter', { imageType: ['DERIVED', 'PRIMARY', 'F', 'F', 'DERIVED'] }, 'derived'],
    ['a fat fraction', { imageType: ['DERIVED', 'PRIMARY', 'DIXON', 'FAT_FRACTION'] }, 'derived'],
    ['a water fraction', { imageType: ['DERIVED', 'PRIMARY', 'DIXON', 'WATER FRACTION'] }, 'derived'],
    ['a phase image', { imageType: ['ORIGINAL', 'PRIMARY', 'P', 'ND'] }, 'derived'],
    ['a real image of a spin echo', { imageType: ['ORIGINAL', 'PRIMARY', 'R_SE', 'M'] }, 'derived'],
    ['an imaginary component', { complexComponent: 'IMAGINARY' }, 'derived'],
    ['a CT', { modality: 'CT' }, 'modality'],
    ['Modality MR of class CT', { sopClassUid: '1.2.840.10008.5.1.4.1.1.2' }, 'inconsistent_header'],
    ['an MR spectrum', { sopClassUid: '1.2.840.10008.5.1.4.1.1.4.2' }, 'sop_class'],
    ['a capture of a slice', { modality: 'OT', sopClassUid: '1.2.840.10008.5.1.4.1.1.7' }, 'sop_class'],
    ['a slice without orientation', { orientation: null }, 'geometry_unknown'],
    ['a slice of unknown spacing', { spacingMm: null }, 'geometry_unknown'],
    ['a thumbnail', { rows: 32, columns: 32 }, 'dimensions'],
    ['a strip once its pixels are square', { spacingMm: [5, 1] }, 'dimensions'],
    ['a strip', { rows: 512, columns: 100 }, 'dimensions'],
  ] as const)('refuses %s: %s', (_, change, code) => {
    const { refusal, ranking } = ranked(change as Change);
    expect([refusal, ranking.score, ranking.notes[0]]).toEqual([code, null, code]);
  });

  it('takes the in-phase image of a Dixon set first, then water, then opposed phase, and never fat', () => {
    const kinds = ['FAT', 'WATER', 'IN_PHASE', 'OPP_PHASE'];
    const set = kinds.map((kind, index) => ({ uid: `1.${index}`, imageType: ['DERIVED', 'PRIMARY', 'DIXON', kind] }));
    const taken = eligibleSeries(rank(...set)).map(({ series, ranking }) => [
      series.frames[0].geometry.imageType[3],
      ranking.fatSuppressed,
    ]);
    expect(taken).toEqual([
      ['IN_PHASE', false],
      ['WATER', true],
      ['OPP_PHASE', false],
    ]);
  });

  it.each([
    ['a slice of a broken-off series', 1],
    ['a straight series of a few slices', 4],
  ])('takes a whole series that is tilted with the spine before %s', (_, slices) => {
    const tilted = Array.from({ length: 13 }, (__, index) => ({
      uid: `1.1.${index}`,
      seriesInstanceUid: '1.1',
      x: 4 * index,
      orientation: [0.12, 0.99277, 0, 0, 0, -1] as const,
    }));
    const straight = Array.from({ length: slices }, (__, index) => ({
      uid: `1.2.${index}`,
      seriesInstanceUid: '1.2',
      x: 4 * index,
    }));
    expect(eligibleSeries(rank(...straight, ...tilted))[0]!.ranking.slices).toBe(13);
  });

  it('refuses a study for the step that its best series reached', () => {
    const study = rank(
      { uid: '1.1', modality: 'CT' },
      { uid: '1.2', orientation: [1, 0, 0, 0, 1, 0] },
      { uid: '1.3', sequence: { echoTimeMs: 10, repetitionTimeMs: 500 } },
    );
    expect(refusalOfStudy(study).code).toBe('no_t2_series');
    expect(refusalOfStudy(study.slice(0, 2)).code).toBe('no_sagittal_series');
    expect(eligibleSeries(study)).toEqual([]);
  });

  it('of two series that are alike takes the one with more slices', () => {
    const series = (uid: string, slices: number) =>
      Array.from({ length: slices }, (_, index) => ({ uid: `${uid}.${index}`, seriesInstanceUid: uid, x: 4 * index }));
    expect(eligibleSeries(rank(...series('1.1', 4), ...series('1.2', 5)))[0]!.ranking.slices).toBe(5);
  });

  it('records codes and numbers alone', () => {
    expect(JSON.stringify(t2.ranking)).not.toContain('1.9');
    expect(t2.ranking.notes.every((note) => /^[a-z0-9_]+$/.test(note))).toBe(true);
  });
});
