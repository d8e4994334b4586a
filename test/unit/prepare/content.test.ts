import { afterAll, describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/dicom/write.ts';
import { filesOf, ingestBench, override } from '../../support/prepared.ts';

const bench = ingestBench();
afterAll(() => bench.close());

const prepared = bench.study;

describe('the content of a DICOM study', () => {
  it('gives another content to the same pixels in other instances, to which its report refers', async () => {
    const [one, other] = await Promise.all(
      ['2.25.1', '2.25.2'].map((SOPInstanceUID) => prepared({ t2Slices: 1, ...override({ SOPInstanceUID }) })),
    );
    expect(one!.study.studyKey).toBe(other!.study.studyKey);
    expect(one!.study.slices[0]!.sopInstanceRef).not.toBe(other!.study.slices[0]!.sopInstanceRef);
    expect(one!.study.contentHash).not.toBe(other!.study.contentHash);
  });

  it.each<[string, Attributes, Attributes]>([
    ['pixel spacing', {}, { PixelSpacing: [2.9, 3] }],
    ['orientation', {}, { ImageOrientationPatient: [0, -1, 0, 0, 0, -1] }],
    ['polarity', {}, { PhotometricInterpretation: 'MONOCHROME1' }],
    ['sequence', {}, { ScanningSequence: 'GR', RepetitionTime: 500, EchoTime: 14, FlipAngle: 20 }],
    ['verdict', {}, { BurnedInAnnotation: 'YES' }],
    ['flags', {}, { PatientAge: '', PatientBirthDate: '' }],
    ['reason of a refusal', { Modality: 'CT' }, { BodyPartExamined: 'BRAIN' }],
    ['instance, where it is refused,', { Modality: 'CT' }, { Modality: 'CT', SOPInstanceUID: '2.25.5' }],
  ])('gives another content to the same pixels whose %s differs, under the same key', async (_, one, other) => {
    const single = (attributes: Attributes) => prepared({ t2Slices: 1, ...override(attributes) });
    const [first, second] = [await single(one), await single(other)];
    expect(second.slices).toEqual(first.slices);
    expect(second.study.studyKey).toBe(first.study.studyKey);
    expect(second.study.contentHash).not.toBe(first.study.contentHash);
  });

  it('gives a refused study one content whatever the order of its files', async () => {
    const files = filesOf({ override: { Modality: 'CT' } });
    expect((await bench.files(files)).studies).toEqual((await bench.files([...files].reverse())).studies);
  });

  it('gives another content for another patient, and another key', async () => {
    const [one, other] = [await prepared(), await prepared({ seed: 9 })];
    expect(one.study.contentHash).not.toBe(other.study.contentHash);
    expect(one.study.studyKey).not.toBe(other.study.studyKey);
  });
});
