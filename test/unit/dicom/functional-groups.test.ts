import { describe, expect, it } from 'vitest';
import { readHeader } from '../../../src/dicom/header.ts';
import { eligibleSeries, rankSeries } from '../../../src/dicom/ranking.ts';
import { groupSeries } from '../../../src/dicom/series.ts';
import { orderSlices } from '../../../src/dicom/slice-order.ts';
import { type Attributes, WRITE_SYNTAX } from '../../../src/dicom/write.ts';
import { DICTIONARY } from '../../../src/dicom/write-dictionary.ts';
import {
  type EnhancedObjectSpec,
  enhancedObject,
  implicitItems,
  LEGACY_CONVERTED_MR,
  sharedGroups,
} from '../../support/enhanced-object.ts';

describe('an element of the representation UN and a defined length', () => {
  const acquisition = {
    MRTimingAndRelatedParametersSequence: [{ RepetitionTime: 3500, RFEchoTrainLength: 17 }],
    MREchoSequence: [{ EffectiveEchoTime: 102 }],
  };
  const encodings = Object.entries(WRITE_SYNTAX).filter(([name]) => name !== 'implicitLittleEndian');

  it.each(encodings)('is read as implicit little endian where it is a sequence: %s', (_, syntax) => {
    const value = implicitItems([sharedGroups(acquisition)]);
    const raw = [{ tag: DICTIONARY.SharedFunctionalGroupsSequence[0], vr: 'UN', value } as const];
    const { frames, sequence } = readHeader(enhancedObject({ perFrame: [{}, {}], raw, syntax }));
    expect(frames.map(({ spacingMm, echoTimeMs }) => [spacingMm, echoTimeMs])).toEqual([
      [[4, 4], 102],
      [[4, 4], 102],
    ]);
    expect(sequence).toMatchObject({ repetitionTimeMs: 3500, echoTrainLength: 17 });
  });

  it.each(encodings)('is read as little endian where it is a number: %s', (_, syntax) => {
    const value = Buffer.alloc(8);
    value.writeDoubleLE(93);
    const raw = [{ tag: DICTIONARY.EffectiveEchoTime[0], vr: 'UN', value } as const];
    expect(readHeader(enhancedObject({ perFrame: [{}], raw, syntax })).frames[0]!.echoTimeMs).toBe(93);
  });
});

describe('a legacy converted object', () => {
  const t1: Attributes = { ScanningSequence: 'SE', RepetitionTime: 456, EchoTime: 9.8, EchoTrainLength: 3 };
  const t2: Attributes = {
    ScanningSequence: 'SE',
    SequenceVariant: ['SK', 'SP'],
    ScanOptions: 'FS',
    MRAcquisitionType: '2D',
    RepetitionTime: 3750,
    EchoTime: 93,
    InversionTime: 20,
    EchoTrainLength: 17,
    FlipAngle: 150,
  };
  const values = {
    scanningSequence: ['SE'],
    sequenceVariant: ['SK', 'SP'],
    scanOptions: ['FS'],
    fatSuppressed: true,
    acquisitionType: '2D',
    repetitionTimeMs: 3750,
    echoTimeMs: 93,
    inversionTimeMs: 20,
    echoTrainLength: 17,
    flipAngleDegrees: 150,
  };
  const shared = (item: Attributes): Attributes => ({ UnassignedSharedConvertedAttributesSequence: [item] });
  const own = (item: Attributes): Attributes => ({ UnassignedPerFrameConvertedAttributesSequence: [item] });
  const read = (spec: EnhancedObjectSpec) =>
    readHeader(enhancedObject({ ...spec, root: { SOPClassUID: LEGACY_CONVERTED_MR } }));

  it('says its physics in the attributes that all frames share', () => {
    expect(read({ perFrame: [{}], shared: shared(t2) }).sequence).toMatchObject(values);
  });

  it('says its physics in the attributes of each frame, which go before the shared ones', () => {
    expect(read({ perFrame: [own(t2)], shared: shared(t1) }).sequence).toMatchObject(values);
  });

  it.each([
    ['T1', t1, 't1'],
    ['T2', t2, 't2'],
  ] as const)('is ranked as the %s that it was before', (_, item, weighting) => {
    const [series] = groupSeries([read({ perFrame: [{}], shared: shared(item) })]);
    expect(rankSeries(series!, 0, 1).ranking.weighting).toBe(weighting);
  });

  it('comes apart by the echo times of its frames', () => {
    const perFrame = [12, 90, 12, 90].map((EchoTime) => own({ EchoTime }));
    const series = groupSeries([read({ perFrame, shared: shared({ ScanningSequence: 'SE', RepetitionTime: 3000 }) })]);
    expect(series.map(({ frames }) => frames.map(({ frame }) => frame))).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(series.map((each) => rankSeries(each, 0, 2).ranking.weighting)).toEqual(['pd', 't2']);
  });
});

describe('an Enhanced Dixon set', () => {
  const acquisition: Attributes = {
    MRTimingAndRelatedParametersSequence: [{ RepetitionTime: 3500, RFEchoTrainLength: 17 }],
    MREchoSequence: [{ EffectiveEchoTime: 102 }],
  };
  const frame = (FrameType: string[], ComplexImageComponent = 'MAGNITUDE'): Attributes => ({
    MRImageFrameTypeSequence: [{ FrameType, ComplexImageComponent }],
  });
  const dixon = (kind: string) => frame(['DERIVED', 'PRIMARY', 'DIXON', kind]);
  const rank = (perFrame: Attributes[]) => {
    const object = readHeader(
      enhancedObject({ perFrame, shared: acquisition, root: { ComplexImageComponent: 'MIXED' } }),
    );
    return groupSeries([object]).map((series, index) => rankSeries(series, index, orderSlices(series).length));
  };
  const framesOf = ({ series }: ReturnType<typeof rank>[number]) => series.frames.map(({ frame: index }) => index);

  it('comes apart into its images, of which that in phase is taken wherever it stands', () => {
    const sets = [
      ['FAT', 'IN_PHASE', 'WATER', 'FAT', 'IN_PHASE', 'WATER'],
      ['IN_PHASE', 'FAT', 'WATER', 'IN_PHASE', 'WATER', 'FAT'],
    ];
    const [fatFirst, inPhaseFirst] = sets.map((kinds) => eligibleSeries(rank(kinds.map(dixon))).map(framesOf));
    expect(fatFirst).toEqual([
      [1, 4],
      [2, 5],
    ]);
    expect(inPhaseFirst).toEqual([
      [0, 3],
      [2, 4],
    ]);
  });

  it('parts the components of the complex signal and takes the magnitude', () => {
    const original = ['ORIGINAL', 'PRIMARY', 'M', 'NONE'];
    const ranked = rank(['PHASE', 'MAGNITUDE', 'REAL', 'MAGNITUDE'].map((part) => frame(original, part)));
    expect(ranked.map(({ refusal }) => refusal)).toEqual(['derived', null, 'derived']);
    expect(eligibleSeries(ranked).map(framesOf)).toEqual([[1, 3]]);
  });
});
