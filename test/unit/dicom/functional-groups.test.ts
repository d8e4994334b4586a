import { describe, expect, it } from 'vitest';
import { readHeader } from '../../../src/dicom/header.ts';
import { WRITE_SYNTAX } from '../../../src/dicom/write.ts';
import { DICTIONARY } from '../../../src/dicom/write-dictionary.ts';
import { enhancedObject, implicitItems, sharedGroups } from '../../support/enhanced-object.ts';

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
