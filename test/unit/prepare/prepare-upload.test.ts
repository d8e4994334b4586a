import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { studySchema } from '../../../src/contracts/study.ts';
import { type Attributes, WRITE_SYNTAX } from '../../../src/dicom/write.ts';
import { orientUpright } from '../../../src/imaging/orientation.ts';
import { PHANTOM_IDENTITY } from '../../../src/phantom/identity.ts';
import { drawPhantom } from '../../../src/phantom/phantom.ts';
import { storedZip } from '../../../src/phantom/zip.ts';
import type { PreparedStudy } from '../../../src/pipeline/prepared.ts';
import { FRAME_ENCODERS } from '../../support/frame-encoders.ts';
import { filesOf, ingestBench, override } from '../../support/prepared.ts';

const bench = ingestBench();
afterAll(() => bench.close());

const prepared = bench.study;
const codesOf = ({ verdict }: PreparedStudy) => (verdict === 'ok' ? 'ok' : verdict.reasons.map(({ code }) => code));

describe('prepareUpload of a DICOM study', () => {
  it('hands on five T2 slices around the middle, nearest first, valid and without identifiers', async () => {
    const { study, slices, verdict } = await prepared();
    expect(verdict).toBe('ok');
    expect(studySchema.parse(study)).toEqual(study);
    expect(study.sequence).toBe('t2');
    expect(study.slices.map(({ sliceIndex, sliceCount }) => [sliceIndex, sliceCount])).toEqual(
      [3, 2, 4, 1, 5].map((index) => [index, 7]),
    );
    expect(study.slices.map(({ offsetMm }) => offsetMm)).toEqual([0, -4.4, 4.4, -8.8, 8.8]);
    expect(study.flags).toEqual([]);
    expect(slices.map(({ width, height }) => [width, height])).toEqual(new Array(5).fill([80, 96]));
    const text = JSON.stringify(study);
    expect(Object.values(PHANTOM_IDENTITY).filter((value) => text.includes(String(value)))).toEqual([]);
    expect(text).not.toMatch(/2\.25\.|IM0/);
  });

  it('records why the other series were left', async () => {
    const { study } = await prepared();
    expect(study.seriesRanking.map(({ plane, score }) => [plane, score !== null]).sort()).toEqual([
      ['axial', false],
      ['coronal', false],
      ['sagittal', false],
      ['sagittal', false],
      ['sagittal', true],
    ]);
  });

  it('gives one content whatever the order, the packing and the lossless syntax', async () => {
    const files = filesOf();
    const first = await bench.files(files);
    expect(await bench.files([...files].reverse())).toEqual(first);
    expect(await bench.object('any.zip', storedZip(files))).toEqual(first);
    const jpegLs = { transferSyntaxUid: FRAME_ENCODERS.jpegLs.uid, encodeFrame: await FRAME_ENCODERS.jpegLs.load() };
    for (const form of [...Object.values(WRITE_SYNTAX).map((transferSyntaxUid) => ({ transferSyntaxUid })), jpegLs]) {
      expect((await prepared(form)).study.contentHash).toBe(first.studies[0]!.study.contentHash);
    }
  });

  it.each(['plain', 'signed', 'monochrome1', 'rescaled', 'eightBit'] as const)(
    'hands on %s pixels as stored',
    async (pixels) => {
      const { study, slices } = await prepared({ pixels });
      expect(study.slices[0]!.invert).toBe(pixels === 'monochrome1');
      expect(slices[0]!.data.some((value) => value > 0)).toBe(true);
    },
  );

  it.each([
    { transpose: false, flipX: true, flipY: false },
    { transpose: true, flipX: false, flipY: true },
    { transpose: true, flipX: true, flipY: true },
  ])('records the moves that bring stored pixels upright: %j', async (toUpright) => {
    const [turned, upright] = [await prepared({ toUpright }), await prepared()];
    expect(turned.study.slices[0]!.orientation).toEqual(toUpright);
    expect(orientUpright(turned.slices[0]!, toUpright)).toEqual(upright.slices[0]);
  });

  it('reads an Enhanced multi-frame study to the same slices, and says which frames they are', async () => {
    const [enhanced, classic] = [await prepared({ multiFrame: true }), await prepared()];
    expect(enhanced.slices).toEqual(classic.slices);
    const { bytes } = filesOf({ multiFrame: true }).find(({ series }) => series === 't2')!;
    for (const [index, { frame }] of enhanced.study.slices.entries())
      expect(await bench.decoder.decodeFrame(bytes, frame!)).toEqual(enhanced.slices[index]);
    expect(classic.study.slices.map(({ frame }) => frame)).toEqual(new Array(5).fill(null));
  });

  it.each([
    ['a child', { ageYears: 17 }, ['paediatric']],
    ['T1 alone', { t2Slices: 0, localizer: false }, ['no_t2_series']],
    ['a localizer alone', { t2Slices: 0, t1Slices: 0 }, ['no_t2_series']],
    ['another part of the body', override({ BodyPartExamined: 'BRAIN' }), ['not_lumbar']],
    ['another modality', override({ Modality: 'CT' }), ['modality']],
    ['reformats', override({ ImageType: ['DERIVED', 'SECONDARY', 'MPR'] }), ['derived']],
    ['a thumbnail', { rows: 40, columns: 40, t1Slices: 0, localizer: false }, ['dimensions']],
  ])('refuses %s', async (_, spec, codes) => {
    const study = await prepared(spec);
    expect(codesOf(study)).toEqual(codes);
    expect([study.study.slices, study.slices, study.study.selectedSeries]).toEqual([[], [], null]);
    expect(studySchema.parse(study.study)).toEqual(study.study);
  });

  it('goes by the ages that its MR objects give, and refuses where one of them is a child’s', async () => {
    const child = { PatientAge: '012Y', PatientBirthDate: '', SeriesInstanceUID: '2.25.78', SOPInstanceUID: '2.25.79' };
    const beside = async (attributes: Attributes) => {
      const other = filesOf({ ...override({ ...child, ...attributes }), t2Slices: 1 });
      const { studies } = await bench.files([
        ...filesOf({ t1Slices: 0, localizer: false }),
        ...other.map((file) => ({ ...file, name: `b/${file.name}` })),
      ]);
      return studies.map(codesOf);
    };
    expect(await beside({ Modality: 'CT' })).toEqual(['ok']);
    expect(await beside({})).toEqual([['paediatric']]);
  });

  it('flags an unknown age', async () => {
    expect((await prepared({ ageYears: null })).study.flags).toMatchObject([{ code: 'age_unknown' }]);
  });

  it('holds back what the header calls burned in, with its slices', async () => {
    const held = await prepared({ override: { BurnedInAnnotation: 'YES' } });
    expect(held.verdict).toMatchObject({ status: 'quarantined', reasons: [{ code: 'burned_in_text' }] });
    expect(held.slices).toHaveLength(5);
  });

  it('parts the studies of one upload by their UID', async () => {
    const two = [...filesOf(), ...filesOf({ seed: 30 }).map((file) => ({ ...file, name: `b/${file.name}` }))];
    const { studies } = await bench.files(two);
    expect(studies.map(codesOf)).toEqual(['ok', 'ok']);
    expect(new Set(studies.map(({ study }) => study.studyKey)).size).toBe(2);
  });

  it('counts an instance that comes twice once', async () => {
    const files = filesOf();
    const { studies } = await bench.files([...files, ...files.map((file) => ({ ...file, name: `copy/${file.name}` }))]);
    expect(studies[0]!.study.slices[0]!.sliceCount).toBe(7);
  });

  it('leaves out what is broken, hidden or no part of the study, with counts', async () => {
    const files = filesOf();
    const thumbnail = await sharp({ create: { width: 90, height: 90, channels: 3, background: '#808080' } })
      .jpeg()
      .toBuffer();
    const { studies, reasons } = await bench.files([
      ...files,
      { name: 'torn', bytes: files[0]!.bytes.subarray(0, 900) },
      { name: 'index.html', bytes: Buffer.from('<html>') },
      { name: 'a/.DS_Store', bytes: Buffer.from('x') },
      { name: 'a/view.jpg', bytes: thumbnail },
      { name: 'notes.dcm', bytes: Buffer.from('hello') },
      { name: 'inner.zip', bytes: storedZip(files) },
      { name: 'viewer/viewer.jar', bytes: storedZip(files) },
      { name: 'letter.docx', bytes: storedZip(files) },
      { name: 'DICOMDIR', bytes: Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]) },
    ]);
    expect(studies.map(codesOf)).toEqual(['ok']);
    expect(reasons.map(({ code, count }) => [code, count])).toEqual([
      ['truncated', 1],
      ['ignored_file', 5],
      ['not_dicom', 1],
      ['unsafe_archive', 1],
    ]);
  });

  it('records that the series taken is a T2*', async () => {
    const star = override({ ScanningSequence: 'GR', RepetitionTime: 500, EchoTime: 14, FlipAngle: 20 });
    expect((await prepared(star)).study.sequence).toBe('t2_star');
  });

  it('gives the place of a slice of one value to the next, and asks for no review on its account', async () => {
    const files = filesOf().map(({ bytes, ...file }) => {
      const blank = Buffer.from(bytes);
      if (file.series === 't2' && file.offsetMm === 0) blank.fill(0, blank.length - 2 * 96 * 80);
      return { ...file, bytes: blank };
    });
    const { studies, reasons } = await bench.files(files);
    expect(studies[0]!.study.slices.map(({ sliceIndex }) => sliceIndex)).toEqual([2, 4, 1, 5, 0]);
    expect(reasons.map(({ code }) => code)).toEqual(['low_quality']);
    expect(studies[0]!.study.flags).toEqual([]);
  });

  it('gives the place of a slice that cannot be decoded to the next', async () => {
    const files = filesOf({ transferSyntaxUid: WRITE_SYNTAX.rle }).map(({ bytes, ...file }) => {
      const spoilt = Buffer.from(bytes);
      // The middle slice's RLE header, which lies 64 bytes behind its fragment's start, loses its segment count.
      if (file.series === 't2' && file.offsetMm === 0) {
        const items = spoilt.lastIndexOf(Buffer.from([0xfe, 0xff, 0x00, 0xe0]));
        spoilt[items + 8] = 9;
      }
      return { ...file, bytes: spoilt };
    });
    const { studies, reasons } = await bench.files(files);
    expect(studies[0]!.study.slices.map(({ sliceIndex }) => sliceIndex)).toEqual([2, 4, 1, 5, 0]);
    expect(reasons.map(({ code }) => code)).toEqual(['malformed']);
  });
});

describe('prepareUpload of pictures', () => {
  const picture = drawPhantom({ seed: 12, rows: 128, columns: 100, spacingMm: [2, 2] }).image;
  const png = () =>
    sharp(picture.data, { raw: { width: 100, height: 128, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();

  it('makes each picture a study of its own, the same alone and in a zip', async () => {
    const bytes = await png();
    const alone = await bench.object('slice.png', bytes);
    expect(alone.studies.map(codesOf)).toEqual(['ok']);
    const { study, slices } = alone.studies[0]!;
    expect(studySchema.parse(study)).toEqual(study);
    expect(study).toMatchObject({
      kind: 'image',
      sequence: 'unknown',
      selectedSeries: null,
      flags: [{ code: 'age_unknown' }],
    });
    expect(study.slices).toMatchObject([{ rows: 128, columns: 100, pixelSpacingMm: null, sopInstanceRef: null }]);
    expect(slices[0]!.data).toEqual(picture.data);
    expect(await bench.object('many.zip', storedZip([{ name: 'one/slice.png', bytes }]))).toEqual(alone);
  });

  it('refuses a picture of one value', async () => {
    const flat = await sharp({ create: { width: 100, height: 100, channels: 3, background: '#404040' } })
      .png()
      .toBuffer();
    const { studies } = await bench.object('flat.png', flat);
    expect(studies.map(codesOf)).toEqual([['low_quality']]);
  });

  it.each([
    [2, ['low_quality']],
    [8, 'ok'],
  ])('of a picture of %i grey values: %j', async (values, codes) => {
    const steps = Buffer.from(
      Uint8Array.from({ length: 100 * 100 }, (_, index) => 20 * Math.floor((index % 100) / (100 / values))),
    );
    const png = await sharp(steps, { raw: { width: 100, height: 100, channels: 1 } })
      .png()
      .toBuffer();
    const { studies } = await bench.object('steps.png', png);
    expect(studies.map(codesOf)).toEqual([codes]);
  });

  it('ends an upload without a study with the reasons of its files', async () => {
    const tiny = await sharp({ create: { width: 30, height: 30, channels: 3, background: '#404040' } })
      .png()
      .toBuffer();
    expect((await bench.object('tiny.png', tiny)).reasons.map(({ code }) => code)).toEqual(['dimensions']);
    const junk = await bench.object('junk.zip', storedZip([{ name: 'readme.txt', bytes: Buffer.from('x') }]));
    expect(junk.reasons.map(({ code }) => code)).toEqual(['no_images', 'ignored_file']);
    expect((await bench.object('none.zip', storedZip([]))).reasons.map(({ code }) => code)).toEqual(['no_images']);
  });
});

describe('prepareUpload as a whole', () => {
  it('keeps to its limits of files and bytes', async () => {
    const tight = ingestBench({ maxEntries: 3, maxTotalBytes: 50_000, maxUploadBytes: 60_000 });
    const bytes = Buffer.alloc(30_000);
    const entry = (name: string) => ({ name, bytes });
    await expect(
      tight.files(['a', 'b', 'c', 'd'].map((name) => ({ name, bytes: Buffer.alloc(1) }))),
    ).rejects.toMatchObject({ code: 'archive_limit' });
    await expect(tight.files([entry('a'), entry('b')])).rejects.toMatchObject({ code: 'too_large' });
    const exact = await tight.files([entry('a'), { name: 'b', bytes: Buffer.alloc(20_000) }]);
    expect(exact.reasons.map(({ code }) => code)).toEqual(['not_dicom']);
    await expect(tight.object('a.dcm', Buffer.alloc(60_001))).rejects.toMatchObject({
      code: 'too_large',
      detail: undefined,
    });
    await tight.close();
  });

  it('keeps to its limit of frames, of which small files may have thousands', async () => {
    const tight = ingestBench({ maxFrames: 9 });
    const study = (t2Slices: number) => tight.files(filesOf({ t2Slices, t1Slices: 0, localizer: false }));
    expect((await study(9)).studies).toHaveLength(1);
    await expect(study(10)).rejects.toMatchObject({ code: 'archive_limit', detail: 'frames' });
    await tight.close();
  });

  it('keeps to its limit of pixels that all studies hand on', async () => {
    const tight = ingestBench({ maxSliceBytes: 5 * 2 * 96 * 80 });
    const [one, other] = [8, 9].map((seed) => filesOf({ seed, t2Slices: 5, t1Slices: 0, localizer: false }));
    expect((await tight.files(one!)).studies).toHaveLength(1);
    await expect(tight.files([...one!, ...other!])).rejects.toMatchObject({ code: 'too_large' });
    await tight.close();
  });

  it('passes on what is no fault of the input', async () => {
    const failing = { name: 'a', size: 1, read: () => Promise.reject(new TypeError('a bug')) };
    const { prepareUpload } = await import('../../../src/pipeline/prepare-upload.ts');
    const { DEFAULT_LIMITS } = await import('../../../src/pipeline/prepare-files.ts');
    const { testPseudonyms } = await import('../../support/prepared.ts');
    const input = {
      tenant: 'clinic',
      pseudonyms: testPseudonyms,
      decoder: bench.decoder,
      limits: DEFAULT_LIMITS,
      uploadHash: '',
    };
    await expect(prepareUpload({ ...input, files: [failing] })).rejects.toThrow(TypeError);
  });
});
