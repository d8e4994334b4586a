import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { studySchema } from '../../../src/contracts/study.ts';
import { WRITE_SYNTAX } from '../../../src/dicom/write.ts';
import { drawPhantom } from '../../../src/phantom/phantom.ts';
import type { PhantomFile } from '../../../src/phantom/study.ts';
import { storedZip } from '../../../src/phantom/zip.ts';
import type { PreparedUpload } from '../../../src/pipeline/prepared.ts';
import { studyOnce } from '../../support/drawn-once.ts';
import { ingestBench } from '../../support/prepared.ts';

const bench = ingestBench();
afterAll(() => bench.close());

const small = { seed: 8, rows: 96, columns: 80, spacingMm: [3, 3] as const, t2Slices: 5, t1Slices: 2 };
const files = studyOnce(small).files;
const count = ({ reasons }: PreparedUpload) => reasons.map(({ code, count }) => [code, count]);
const flagsOf = ({ studies }: PreparedUpload) => studies.map(({ study }) => study.flags.map(({ code }) => code));

/** The study with the files of one series spoilt that `spoil` picks, in its order. */
function spoilt(series: PhantomFile['series'], spoil: (bytes: Buffer) => Buffer, places: readonly number[] = [0]) {
  const ofSeries = files.filter((file) => file.series === series);
  const picked = places.map((place) => ofSeries[place]!);
  return files.map((file) => (picked.includes(file) ? { ...file, bytes: spoil(file.bytes) } : file));
}

const cutInPixels = (bytes: Buffer) => bytes.subarray(0, bytes.length - 500);
const cutInHeader = (bytes: Buffer) => bytes.subarray(0, 400);
/** The file with a transfer syntax of private use, of the same length. */
function inUnknownSyntax(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replace(WRITE_SYNTAX.explicitLittleEndian, '1.2.840.10009.1.2.1');
  return Buffer.from(text, 'latin1');
}

describe('prepareUpload of a DICOM study of which files are lost', () => {
  it.each([
    ['cut in the pixels', cutInPixels, 'truncated'],
    ['cut in the header', cutInHeader, 'truncated'],
    ['in an unknown syntax', inUnknownSyntax, 'unsupported_transfer_syntax'],
    ['empty', () => Buffer.alloc(0), 'empty'],
    ['of noise', () => Buffer.alloc(3000, 7), 'not_dicom'],
  ])('asks for review where a slice of the analysed series is %s', async (_, spoil, code) => {
    const upload = await bench.files(spoilt('t2', spoil));
    expect(count(upload)).toEqual([[code, 1]]);
    expect(flagsOf(upload)).toEqual([['series_incomplete']]);
    expect(upload.studies[0]!.verdict).toBe('ok');
    expect(studySchema.parse(upload.studies[0]!.study)).toEqual(upload.studies[0]!.study);
  });

  it('only mentions a slice of another series where the header still names it', async () => {
    const named = await bench.files(spoilt('t1', cutInPixels, [0, 1]));
    expect([count(named), flagsOf(named)]).toEqual([[['truncated', 2]], [['files_lost']]]);
    expect(flagsOf(await bench.files(spoilt('t1', inUnknownSyntax)))).toEqual([['files_lost']]);
    expect(flagsOf(await bench.files(spoilt('t1', cutInHeader)))).toEqual([['series_incomplete']]);
  });

  /** The file without the count of segments in the RLE header, which lies behind the last fragment's item. */
  const withoutSegments = (file: PhantomFile) => {
    const bytes = Buffer.from(file.bytes);
    bytes[bytes.lastIndexOf(Buffer.from([0xfe, 0xff, 0x00, 0xe0])) + 8] = 9;
    return { ...file, bytes };
  };
  const rle = { ...small, transferSyntaxUid: WRITE_SYNTAX.rle };

  it('asks for review where the pixels of a slice near the middle cannot be decoded', async () => {
    const middle = studyOnce(rle).files.map((file) =>
      file.series === 't2' && file.offsetMm === 0 ? withoutSegments(file) : file,
    );
    expect(flagsOf(await bench.files(middle))).toEqual([['series_incomplete']]);
  });

  it('asks for review where no slice of a better series can be decoded, and takes the next', async () => {
    const alone = { t1Slices: 0, localizer: false, override: { StudyInstanceUID: '2.25.77' } };
    const better = studyOnce({ ...rle, ...alone }).files.map(withoutSegments);
    const other = studyOnce({ ...small, ...alone, seed: 9, t2Slices: 3 }).files;
    const upload = await bench.files([...better, ...other.map((file) => ({ ...file, name: `b/${file.name}` }))]);
    expect([count(upload), flagsOf(upload)]).toEqual([[['malformed', 5]], [['series_incomplete']]]);
    expect(upload.studies[0]!.study.slices).toHaveLength(3);
  });

  it('gives another content where files were lost, since the report says so', async () => {
    const [whole, lost] = [await bench.files(files), await bench.files(spoilt('t1', cutInPixels))];
    expect(lost.studies[0]!.study.studyKey).toBe(whole.studies[0]!.study.studyKey);
    expect(lost.studies[0]!.study.contentHash).not.toBe(whole.studies[0]!.study.contentHash);
  });

  it('names the loss beside the refusal of a study whose T2 series is among it', async () => {
    const { studies } = await bench.files(spoilt('t2', cutInPixels, [0, 1, 2, 3, 4]));
    expect(studies[0]!.verdict).toMatchObject({ status: 'rejected' });
    const reasons = studies[0]!.verdict === 'ok' ? [] : studies[0]!.verdict.reasons;
    expect(reasons.map(({ code }) => code)).toEqual(['no_t2_series', 'files_lost']);
  });

  it('blames no study for a file that names another one', async () => {
    const other = studyOnce({ ...small, seed: 9 }).files;
    const torn = other.map((file) => (file.series === 't2' ? { ...file, bytes: cutInPixels(file.bytes) } : file));
    const upload = await bench.files([...files, ...torn.map((file) => ({ ...file, name: `b/${file.name}` }))]);
    expect(flagsOf(upload)).toEqual([[], ['files_lost']]);
  });

  it('refuses a study all of whose files are lost beside one that is read, and ends the upload where it is alone', async () => {
    const torn = studyOnce({ ...small, seed: 9 }).files.map(({ name, bytes }) => ({
      name: `a/${name}`,
      bytes: cutInPixels(bytes),
    }));
    const { studies } = await bench.files([...torn, ...files]);
    expect(studies.map(({ verdict }) => verdict)).toMatchObject([
      { status: 'rejected', reasons: [{ code: 'no_images' }, { code: 'files_lost' }] },
      'ok',
    ]);
    expect(studies[0]!.members).toEqual({ first: 0, files: torn.length });
    expect(studySchema.parse(studies[0]!.study)).toEqual(studies[0]!.study);
    const alone = await bench.files(torn);
    expect([alone.studies, count(alone)]).toEqual([[], [['truncated', torn.length]]]);
  });

  it('takes a note, a thumbnail or a structured report beside the slices for no loss', async () => {
    const report = studyOnce({ ...small, t1Slices: 0, localizer: false, override: { Modality: 'SR' } }).files[0]!;
    const upload = await bench.files([
      ...files.map((file) => ({ ...file, name: `DICOM/${file.name}` })),
      { name: 'README', bytes: Buffer.from('read me') },
      { name: 'view.png', bytes: Buffer.from('no picture') },
      { name: 'DICOM/report', bytes: cutInPixels(report.bytes) },
    ]);
    expect(count(upload)).toEqual([
      ['ignored_file', 2],
      ['truncated', 1],
    ]);
    expect(flagsOf(upload)).toEqual([[]]);
  });

  it.each([
    ['raw data', '1.2.840.10008.5.1.4.1.1.66'],
    ['a spectrum', '1.2.840.10008.5.1.4.1.1.4.2'],
    ['a private object of Philips', '1.3.46.670589.11.0.0.12.2'],
    ['a private object of Siemens', '1.3.12.2.1107.5.9.1'],
  ])('takes %s in the analysed series for no loss', async (_, sopClassUid) => {
    const [slice] = studyOnce({
      ...small,
      t1Slices: 0,
      localizer: false,
      t2Slices: 1,
      override: { SOPClassUID: sopClassUid },
    }).files;
    const pixels = slice!.bytes.lastIndexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00]));
    const upload = await bench.files([...files, { name: 'XX_0001', bytes: slice!.bytes.subarray(0, pixels) }]);
    expect(count(upload)).toEqual([['ignored_file', 1]]);
    expect(flagsOf(upload)).toEqual([[]]);
  });
});

describe('prepareUpload of pictures of which one cannot be read', () => {
  const png = async (seed: number) => {
    const { image } = drawPhantom({ seed, rows: 128, columns: 100, spacingMm: [2, 2] });
    const raw = { width: image.width, height: image.height, channels: 1 as const };
    return sharp(image.data, { raw }).toColourspace('grey16').png().toBuffer();
  };
  const verdicts = ({ studies }: PreparedUpload) =>
    studies.map(({ verdict, members }) => [
      members.first,
      verdict === 'ok' ? 'ok' : verdict.reasons.map(({ code }) => code),
    ]);

  it('makes each of them a refused study of its own, in the order of the archive', async () => {
    const [one, two] = await Promise.all([png(1), png(2)]);
    const upload = await bench.object(
      'pictures.zip',
      storedZip([
        { name: 'torn.png', bytes: one.subarray(0, one.length / 2) },
        { name: 'good.png', bytes: one },
        { name: 'notes', bytes: Buffer.from('notes') },
        { name: 'empty.jpg', bytes: Buffer.alloc(0) },
        { name: 'other.png', bytes: two },
        { name: 'text.png', bytes: Buffer.from('no picture') },
      ]),
    );
    expect(verdicts(upload)).toEqual([
      [0, ['truncated']],
      [1, 'ok'],
      [3, ['empty']],
      [4, 'ok'],
      [5, ['content_type']],
    ]);
    expect(count(upload)).toEqual([['ignored_file', 1]]);
    for (const { study } of upload.studies) expect(studySchema.parse(study)).toEqual(study);
    const keys = upload.studies.map(({ study }) => study.studyKey);
    expect(new Set(keys).size).toBe(5);
  });

  it('ends the upload with the reason of the only picture in it', async () => {
    const torn = (await png(1)).subarray(0, 2000);
    const { studies, reasons } = await bench.object('torn.zip', storedZip([{ name: 'torn.png', bytes: torn }]));
    expect([studies, reasons.map(({ code }) => code)]).toEqual([[], ['truncated']]);
  });
});
