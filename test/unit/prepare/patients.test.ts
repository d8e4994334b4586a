import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/dicom/write.ts';
import { PHANTOM_IDENTITY } from '../../../src/phantom/identity.ts';
import type { PhantomStudySpec } from '../../../src/phantom/study.ts';
import type { PreparedUpload } from '../../../src/pipeline/prepared.ts';
import { studyOnce } from '../../support/drawn-once.ts';
import { ingestBench } from '../../support/prepared.ts';

const bench = ingestBench();
afterAll(() => bench.close());

const small = { rows: 96, columns: 80, spacingMm: [3, 3] as const, t2Slices: 3, t1Slices: 0, localizer: false };

/** A series of its own, named `part`, whose headers say `attributes`. */
const series = (part: string, seed: number, override: Attributes, spec: Partial<PhantomStudySpec> = {}) =>
  studyOnce({ ...small, ...spec, seed, override }).files.map(({ name, bytes }) => ({
    name: `${part}/${name}`,
    bytes,
  }));
const ends = ({ studies }: PreparedUpload) =>
  studies.map(({ verdict, members }) => [
    members.files,
    verdict === 'ok' ? 'ok' : verdict.reasons.map(({ code }) => code),
  ]);
const ONE_STUDY = { StudyInstanceUID: '2.25.77' };
/** A value that is no UID by its form. */
const NO_STUDY = { StudyInstanceUID: '7' };
const NOBODY = { PatientID: '', PatientName: '', PatientBirthDate: '', PatientAge: '046Y' };

describe('prepareUpload of one study UID', () => {
  it.each([
    ['all', { PatientID: 'OTHER-1', PatientName: 'Other^Patient', PatientBirthDate: '19500101' }],
    ['ID and name', { PatientID: 'OTHER-1', PatientName: 'Other^Patient' }],
    ['name and birth date', { PatientName: 'Other^Patient', PatientBirthDate: '19500101' }],
    ['the ID under one name without a birth date', { PatientID: 'OTHER-1', PatientBirthDate: '' }],
    ['the ID alone', { PatientID: 'OTHER-1', PatientName: '', PatientBirthDate: '' }],
  ])('refuses two patients told apart by %s, instead of answering for one of them', async (_, other) => {
    const upload = await bench.files([...series('a', 1, ONE_STUDY), ...series('b', 2, { ...ONE_STUDY, ...other })]);
    expect(ends(upload)).toEqual([[6, ['inconsistent_header']]]);
  });

  it.each([
    ['no name at all', NOBODY],
    ['the number alone', { ...NOBODY, PatientID: ` ${PHANTOM_IDENTITY.id.toLowerCase()} ` }],
    ['a corrected name', { PatientName: 'Other^Patient' }],
    ['a merged ID', { PatientID: 'OTHER-1' }],
    ['another birth date', { PatientBirthDate: '19500101' }],
    ['the same name in another spelling', { PatientName: 'ZWIEBELTURM, Phantasia^^^=x' }],
  ])('takes a series whose header holds %s for the same patient', async (_, other) => {
    const upload = await bench.files([...series('a', 1, { ...ONE_STUDY, ...other }), ...series('b', 2, ONE_STUDY)]);
    expect(ends(upload)).toEqual([[6, 'ok']]);
  });
});

describe('prepareUpload of files without a study UID', () => {
  const other = { ...NO_STUDY, PatientID: 'OTHER-1', PatientName: 'Other^Patient' };

  it('makes one study a patient, whatever the order of the files', async () => {
    const files = [...series('a', 1, NO_STUDY), ...series('b', 2, other)];
    const upload = await bench.files(files);
    expect(ends(upload)).toEqual([
      [3, 'ok'],
      [3, 'ok'],
    ]);
    expect(new Set(upload.studies.map(({ study }) => study.studyKey)).size).toBe(2);
    const contents = ({ studies }: PreparedUpload) => studies.map(({ study }) => study.contentHash).sort();
    expect(contents(await bench.files([...files].reverse()))).toEqual(contents(upload));
  });

  it('gives a series that names nobody to the only patient, and to none of two', async () => {
    const nobody = series('c', 3, { ...NO_STUDY, ...NOBODY });
    expect(ends(await bench.files([...nobody, ...series('a', 1, NO_STUDY)]))).toEqual([[6, 'ok']]);
    const three = await bench.files([...nobody, ...series('a', 1, NO_STUDY), ...series('b', 2, other)]);
    expect(ends(three)).toEqual([
      [3, 'ok'],
      [3, 'ok'],
      [3, 'ok'],
    ]);
  });

  it('hands on neither the patient nor a hash of the patient', async () => {
    const { studies, reasons } = await bench.files([...series('a', 1, NO_STUDY), ...series('b', 2, other)]);
    const text = JSON.stringify([studies.map(({ study, verdict, members }) => [study, verdict, members]), reasons]);
    for (const value of [PHANTOM_IDENTITY.id, PHANTOM_IDENTITY.name, 'OTHER-1', 'Other']) {
      expect(text).not.toContain(value);
      expect(text).not.toContain(createHash('sha256').update(value.toUpperCase()).digest('hex'));
    }
  });
});
