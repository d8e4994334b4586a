import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { PreparedStudy } from '../../src/pipeline/prepared.ts';
import { endingOf, ingestBench } from '../support/prepared.ts';
import { expectationOf, JUDGED } from './corpus-words.ts';

const ROOT = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url));
const bytesOf = (file: string): Buffer => readFileSync(`${ROOT}${file}`);

const rows = readFileSync(`${ROOT}MANIFEST.tsv`, 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split('\t'))
  .map((cells) => ({ file: cells[0]!, expected: cells[7]! }));
/** The events of the bucket have a test of their own: events.test.ts beside this one. */
const files = rows.filter(({ file }) => !file.startsWith('synth/events/'));

const bench = ingestBench();
afterAll(() => bench.close());

const ending = (file: string) => endingOf(bench, file, bytesOf(file));

async function study(file: string): Promise<PreparedStudy> {
  const { upload } = await ending(file);
  return upload!.studies[0]!;
}

describe('the corpus of bad and odd input', () => {
  it('holds every row of the manifest and every judged one', () => {
    expect(rows).toHaveLength(337);
    expect(Object.keys(JUDGED).every((file) => rows.some((row) => row.file === file))).toBe(true);
  });

  it.each(files)('ends $file as the manifest says: $expected', async ({ file, expected }) => {
    const before = process.memoryUsage().rss;
    const { status, reasons } = await ending(file);
    const grown = process.memoryUsage().rss - before;
    const expectation = expectationOf(file, expected);
    if (status !== 'accepted') expect(reasons.length).toBeGreaterThan(0);
    if (expected.includes('RSS growth < 64 MiB')) expect(grown).toBeLessThan(64 * 1024 * 1024);
    if (expectation.any) return;
    if (expectation.quarantine) expect(status).toBe('quarantined');
    if (status === 'accepted') expect(expectation.accept).toBe(true);
    else expect([...expectation.codes]).toContain(reasons[0]!.code);
  });
});

describe('what accepted files of the corpus become', () => {
  const base = 'synth/valid/no_window.dcm';

  // Both files hold the same drawing; the noise of the others differs.
  it('reads signed pixels after rescale, intercept 2000, as those whose unused bits are masked', async () => {
    const signed = (await study('synth/valid/signed16.dcm')).slices[0]!;
    const masked = (await study('synth/valid/junk_in_unused_bits.dcm')).slices[0]!;
    expect(Array.from(signed.data, (value) => value - 32768 + 2000)).toEqual([...masked.data]);
  });

  it('shifts pixels that are stored left-justified down to their twelve bits', async () => {
    const shifted = (await study('synth/valid/highbit15_stored12.dcm')).slices[0]!;
    const plain = (await study(base)).slices[0]!;
    const mean = (values: Uint16Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(shifted.data) / mean(plain.data)).toBeCloseTo(1, 1);
  });

  it('keeps geometry and pixels of the base in every flipped file that it accepts', async () => {
    const plain = await study('synth/hostile-dicom/tiff_preamble_legit.dcm');
    const flips = files.filter(({ file }) => file.includes('/bitflip/'));
    for (const { file } of flips) {
      const { upload, status } = await ending(file);
      if (status !== 'accepted') continue;
      const { sopInstanceRef: _, ...geometry } = upload!.studies[0]!.study.slices[0]!;
      expect(plain.study.slices[0]).toMatchObject(geometry);
      expect(upload!.studies[0]!.slices).toEqual(plain.slices);
    }
  });

  it('lets no canary into what is handed on', async () => {
    const canaries = readFileSync(`${ROOT}synth/privacy/canaries.tsv`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t').at(-1)!);
    const { upload, status } = await ending('synth/privacy/phi_canary_all.dcm');
    expect(status).toBe('accepted');
    const { studies, reasons } = upload!;
    const text = JSON.stringify([studies.map(({ study: { ...kept }, verdict }) => [kept, verdict]), reasons]);
    expect(canaries.length).toBeGreaterThan(600);
    expect(canaries.filter((canary) => text.includes(canary))).toEqual([]);
  });

  it('takes a file of several bad UIDs under pseudonyms alone', async () => {
    const { study: kept } = await study('synth/hostile-dicom/uid_abs.dcm');
    expect(kept.studyKey).toMatch(/^v1-[a-z2-7]{26}$/);
    expect(JSON.stringify(kept)).not.toContain('passwd');
  });

  it('counts the junk of a disc beside three good slices', async () => {
    const { upload } = await ending('synth/zips/study_junk.zip');
    expect(upload!.studies[0]!.slices).toHaveLength(3);
    expect(upload!.reasons).toMatchObject([{ code: 'ignored_file', count: 6 }]);
  });

  it('records why each hostile file beside a good series was left out', async () => {
    const { upload } = await ending('synth/zips/study_good_plus_hostile.zip');
    expect(upload!.studies[0]!.slices).toHaveLength(5);
    expect(upload!.studies[0]!.study.slices[0]).toMatchObject({ sliceIndex: 4, sliceCount: 9, offsetMm: 0 });
    expect(upload!.reasons.map(({ code, count }) => [code, count])).toEqual([
      ['truncated', 1],
      ['empty', 1],
      ['malformed', 1],
    ]);
  });

  it('chooses T2 beside T1, and counts an instance once', async () => {
    expect((await study('synth/zips/two_series_t1_t2.zip')).study.sequence).toBe('t2');
    expect((await study('synth/zips/dup_instances.zip')).study.slices[0]!.sliceCount).toBe(3);
    expect((await study('synth/zips/case_and_unicode_names.zip')).study.slices[0]!.sliceCount).toBe(6);
  });

  it('turns a picture by its EXIF orientation', async () => {
    const upright = (await study('synth/images/gray8.png')).slices[0]!;
    const turned = (await study('synth/privacy/jpeg_exif_phi_orient6.jpg')).slices[0]!;
    expect([turned.width, turned.height]).toEqual([upright.width, upright.height]);
  });

  it('gives one verdict for an archive behind other bytes, every time', async () => {
    const first = await ending('synth/zips/prefix_garbage.zip');
    expect(await ending('synth/zips/prefix_garbage.zip')).toEqual(first);
  });
});
