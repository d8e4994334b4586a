import { describe, expect, it } from 'vitest';
import { descriptionHints } from '../../../src/dicom/description-hints.ts';
import type { SequenceValues } from '../../../src/dicom/object.ts';
import { weightingOf } from '../../../src/dicom/weighting.ts';

const none: SequenceValues = {
  repetitionTimeMs: null,
  echoTimeMs: null,
  inversionTimeMs: null,
  flipAngleDegrees: null,
  echoTrainLength: null,
  scanningSequence: [],
  sequenceVariant: [],
  scanOptions: [],
  acquisitionType: null,
  contrast: null,
  fatSuppressed: false,
  fieldStrengthTesla: null,
  descriptionHints: [],
};
const values = (
  scanningSequence: string,
  tr: number | null,
  te: number | null,
  more: Partial<SequenceValues> = {},
) => ({
  ...none,
  scanningSequence: scanningSequence === '' ? [] : scanningSequence.split('\\'),
  repetitionTimeMs: tr,
  echoTimeMs: te,
  ...more,
});

describe('weightingOf', () => {
  it.each([
    ['a T2 TSE at 1.5 T', values('SE', 3500, 102), 't2'],
    ['a long T2 at 3 T', values('SE', 5200, 83), 't2'],
    ['a T2 SPACE', values('SE', 1000, 124), 't2'],
    ['a HASTE without TR', values('SE', null, 90), 't2'],
    ['a T2 of a short effective echo', values('RM', 4000, 55), 't2'],
    ['a long echo of a short TR', values('SE', 700, 90), 'other'],
    ['a middle echo of a short TR', values('SE', 2000, 55), 'pd'],
    ['a short echo of a middle TR', values('SE', 2000, 20), 'pd'],
    ['a STIR of the longest TI', values('SE\\IR', 4000, 60, { inversionTimeMs: 300 }), 'stir'],
    ['a T1 TSE', values('SE', 520, 10), 't1'],
    ['a T1 at 3 T', values('SE', 1100, 12), 't1'],
    ['a proton density', values('SE', 3000, 28), 'pd'],
    ['an intermediate one', values('SE', 3000, 42), 'pd'],
    ['a STIR', values('SE\\IR', 4000, 60, { inversionTimeMs: 160 }), 'stir'],
    ['an inversion recovery of unknown TI', values('IR', 4000, 60), 'stir'],
    ['a FLAIR of unknown TI', values('IR', 9000, 110, { descriptionHints: ['flair'] }), 'flair'],
    ['a T1 by inversion of unknown TI', values('IR', 2200, 12, { descriptionHints: ['t1'] }), 't1'],
    ['a gradient and spin echo', values('GR\\SE', 4000, 100), 't2'],
    ['an echo of zero, as some write none', values('SE', 3500, 0), 'unknown'],
    ['a T1 FLAIR', values('SE\\IR', 2200, 12, { inversionTimeMs: 860 }), 't1'],
    ['a FLAIR', values('IR', 9000, 110, { inversionTimeMs: 2500 }), 'flair'],
    ['a TI of zero, as some write none', values('SE', 3500, 102, { inversionTimeMs: 0 }), 't2'],
    ['a 2D T2* (MERGE)', values('GR', 600, 15, { flipAngleDegrees: 20 }), 't2_star'],
    ['a 3D T2* (MEDIC)', values('GR', 30, 13, { flipAngleDegrees: 28 }), 't2_star'],
    ['a FLASH of a large flip angle', values('GR', 250, 10, { flipAngleDegrees: 70 }), 'other'],
    ['a spoiled T1 gradient echo', values('GR', 180, 4.2, { flipAngleDegrees: 70 }), 't1'],
    ['a balanced localizer', values('GR', 5, 2.3, { flipAngleDegrees: 60 }), 'other'],
    ['an echo-planar diffusion', values('EP\\SE', 4000, 80), 'other'],
    ['a gradient echo known by its flip angle alone', values('', 400, 14, { flipAngleDegrees: 25 }), 't2_star'],
  ] as const)('calls %s %s', (_, sequence, weighting) => {
    expect(weightingOf(sequence, sequence.echoTimeMs).weighting).toBe(weighting);
  });

  it('lets physics win over the description, and says that they differ', () => {
    const sequence = values('SE', 520, 10, { descriptionHints: ['t2'] });
    expect(weightingOf(sequence, 10)).toEqual({ weighting: 't1', notes: ['description_differs'] });
  });

  it('falls back to the description, what excludes first, and else knows nothing', () => {
    expect(weightingOf({ ...none, descriptionHints: ['t2'] }, null)).toEqual({
      weighting: 't2',
      notes: ['by_description'],
    });
    expect(weightingOf({ ...none, descriptionHints: ['t2', 'stir'] }, null).weighting).toBe('stir');
    expect(weightingOf(none, null)).toEqual({ weighting: 'unknown', notes: ['no_sequence_values'] });
  });

  it('takes the acquisition contrast of an Enhanced object at its word', () => {
    expect(weightingOf(values('SE', 3500, 102, { contrast: 'STIR' }), 102).weighting).toBe('stir');
  });

  it('lets an inversion win over a contrast that is called T2, and says that they differ', () => {
    const stir = values('SE\\IR', 4000, 70, { contrast: 'T2', inversionTimeMs: 180 });
    expect(weightingOf(stir, 70)).toEqual({ weighting: 'stir', notes: ['acquisition_contrast_differs'] });
    const plain = values('SE', 3500, 102, { contrast: 'T2', inversionTimeMs: 0 });
    expect(weightingOf(plain, 102)).toEqual({ weighting: 't2', notes: ['by_acquisition_contrast'] });
  });
});

describe('descriptionHints', () => {
  it.each([
    ['t2_tse_sag', ['t2']],
    ['Sag T2 FRFSE', ['t2']],
    ['T2W_TSE SAG', ['t2']],
    ['SAG STIR FS', ['stir', 'fat_suppressed']],
    ['t2_tirm_sag', ['stir', 't2']],
    ['Sag T2* MERGE', ['t2_star']],
    ['T2_FFE sag', ['t2_star']],
    ['3-plane loc', ['localizer']],
    ['LOCALIZER', ['localizer']],
    ['SAG T1 CUBE', ['t1']],
    ['PD SAG', ['pd']],
    ['Aplicacion local', []],
    ['UPDATE MAY', []],
  ])('finds in %s the hints %j', (description, hints) => {
    expect(descriptionHints(description)).toEqual(hints);
  });
});
