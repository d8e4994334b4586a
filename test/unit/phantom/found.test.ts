import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Box } from '../../../src/contracts/detection.ts';
import { LEVELS } from '../../../src/contracts/reasons.ts';
import type { Study } from '../../../src/contracts/study.ts';
import { createEngine } from '../../../src/inference/engine.ts';
import { packHash } from '../../../src/inference/pack-source.ts';
import { drawPhantom } from '../../../src/phantom/phantom.ts';
import { detectSlices } from '../../../src/pipeline/detect-slices.ts';
import type { Engine, LoadedPack } from '../../../src/pipeline/ports.ts';

const PACK = fileURLToPath(new URL('../../../layers/models', import.meta.url));

/** A study of one slice, as ingest would hand it on. */
function studyOf(rows: number, columns: number, spacingMm: readonly [number, number]): Study {
  const pseudonym = `v1-${'a'.repeat(26)}`;
  return {
    schema: 'discflow.study/1',
    tenant: 'test',
    studyKey: pseudonym,
    contentHash: pseudonym,
    kind: 'dicom',
    seriesRanking: [],
    selectedSeries: 0,
    sequence: 't2',
    slices: [
      {
        index: 0,
        file: 'slices/0.raw',
        rows,
        columns,
        orientation: { transpose: false, flipX: false, flipY: false },
        pixelSpacingMm: [...spacingMm],
        offsetMm: 0,
        sliceIndex: 0,
        sliceCount: 1,
        frame: null,
        sopInstanceRef: pseudonym,
        invert: false,
      },
    ],
    flags: [],
  };
}

const middleInside = (inner: Box, outer: Box): boolean => {
  const [x, y] = [inner.x + inner.width / 2, inner.y + inner.height / 2];
  return x > outer.x && x < outer.x + outer.width && y > outer.y && y < outer.y + outer.height;
};

describe('the default pack, trained on real pictures', () => {
  let engine: Engine;
  let pack: LoadedPack;
  beforeAll(async () => {
    engine = createEngine({ packDirs: [PACK], workers: 1 });
    pack = await engine.pack((await packHash(PACK))!);
  });
  afterAll(() => engine.close());

  it.each([
    { seed: 1, rows: 384, columns: 384, spacingMm: [0.6875, 0.6875] },
    { seed: 2, rows: 512, columns: 512, spacingMm: [0.6, 0.6], saturationBand: false },
    { seed: 3, rows: 256, columns: 256, spacingMm: [1.1, 1.1], noise: 0.03 },
    { seed: 4, rows: 360, columns: 300, spacingMm: [0.75, 0.9], shading: 0.8 },
    { seed: 12, rows: 320, columns: 320, spacingMm: [0.8125, 0.8125] },
  ] as const)('finds and names the lumbar discs of a phantom: seed $seed, $rows x $columns', async (spec) => {
    const { image, discs } = drawPhantom(spec);
    const study = studyOf(spec.rows, spec.columns, spec.spacingMm);
    const { detection } = await detectSlices({ study, slices: [image] }, pack);
    expect(detection.lumbarRegion?.confidence).toBeGreaterThan(0.5);
    expect(detection.discs.slice(0, 5).map((d) => d.level)).toEqual(LEVELS.slice(0, 5));
    const [row, column] = spec.spacingMm.map((mm) => mm / Math.min(...spec.spacingMm)) as [number, number];
    for (const [i, { box }] of discs.slice(0, 5).entries()) {
      const drawn = { x: box.x * column, y: box.y * row, width: box.width * column, height: box.height * row };
      expect(middleInside(drawn, detection.discs[i]!.box), LEVELS[i]).toBe(true);
    }
  });
});
