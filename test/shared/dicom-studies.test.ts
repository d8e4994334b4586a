import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { studySchema } from '../../src/contracts/study.ts';
import { storedZip } from '../../src/phantom/zip.ts';
import { ingestBench } from '../support/prepared.ts';

const ROOT = fileURLToPath(new URL('../../../shared/data/dicom/', import.meta.url));
const bench = ingestBench();
afterAll(() => bench.close());

const filesOf = (name: string) =>
  readdirSync(`${ROOT}${name}`).map((file) => ({ name: file, bytes: readFileSync(`${ROOT}${name}/${file}`) }));

describe.each(['study-11', 'study-107', 'study-5'])('the real study %s', (name) => {
  it('yields the middle of the 2D T2 series, not the localizer, T1 or the volume', async () => {
    const { studies, reasons } = await bench.files(filesOf(name));
    expect(reasons).toEqual([]);
    expect(studies).toHaveLength(1);
    const { study, slices, verdict } = studies[0]!;
    expect(verdict).toBe('ok');
    expect(studySchema.parse(study)).toEqual(study);
    const ranking = study.seriesRanking;
    const chosen = ranking[study.selectedSeries!]!;
    expect([study.sequence, chosen.plane, chosen.weighting, chosen.repetitionTimeMs]).toEqual([
      't2',
      'sagittal',
      't2',
      3750,
    ]);
    expect(ranking.filter(({ score }) => score !== null).map(({ weighting }) => weighting)).toEqual(['t2', 't2']);
    const [first] = study.slices;
    expect(Math.abs(first!.sliceIndex - (first!.sliceCount - 1) / 2)).toBeLessThanOrEqual(2);
    expect(study.slices.map(({ rows, columns }) => [rows, columns])).toEqual(
      slices.map(({ height, width }) => [height, width]),
    );
  });

  it('is the same content as loose files in reverse order and as a zip', async () => {
    const files = filesOf(name);
    const loose = await bench.files(files);
    const reversed = await bench.files([...files].reverse());
    const zipped = await bench.object('study.zip', storedZip(files));
    expect(reversed).toEqual(loose);
    expect(zipped).toEqual(loose);
  });

  it('takes the five middle slices of the volume by position where there is nothing else', async () => {
    const files = filesOf(name).slice(3);
    const { studies } = await bench.files(files);
    const { study } = studies[0]!;
    const offsets = study.slices.map(({ offsetMm }) => Math.abs(offsetMm!));
    expect(study.seriesRanking).toHaveLength(1);
    expect(study.slices).toHaveLength(5);
    expect(study.slices[0]!.sliceCount).toBe(files.length);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    expect(offsets[4]!).toBeLessThan(2.3);
  });
});
