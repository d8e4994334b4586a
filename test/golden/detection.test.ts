import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Box } from '../../src/contracts/detection.ts';
import type { DiscDetector, LumbarDetector } from '../../src/contracts/pack.ts';
import { type DetectorPlan, planDiscs, planRegion, readDetections } from '../../src/detection/detector.ts';
import type { Engine, LoadedPack } from '../../src/pipeline/ports.ts';
import { fixture, openDefaultPack, uprightFixture } from './pictures.ts';

interface GoldenStage {
  readonly input: {
    readonly letterbox: Record<'width' | 'height' | 'contentWidth' | 'contentHeight' | 'left' | 'top', number>;
    readonly sum: number;
    readonly samples: ReadonlyArray<readonly [number, number]>;
  };
  readonly detections: ReadonlyArray<{ readonly box: Box; readonly score: number }>;
}

interface GoldenCase {
  readonly picture: string;
  readonly width: number;
  readonly height: number;
  readonly uprightSum: number;
  readonly lumbar: GoldenStage;
  readonly crop: {
    readonly of: Box;
    readonly x0: number;
    readonly y0: number;
    readonly x1: number;
    readonly y1: number;
  };
  readonly disc: GoldenStage;
}

const { cases } = await fixture<{ cases: GoldenCase[] }>('detection.json');
let engine: Engine;
let pack: LoadedPack;
beforeAll(async () => {
  ({ engine, pack } = await openDefaultPack());
});
afterAll(() => engine.close());

function expectInput({ input }: DetectorPlan, golden: GoldenStage): void {
  expect(input.placements[0]).toMatchObject(golden.input.letterbox);
  for (const [index, value] of golden.input.samples) expect(Math.abs(input.data[index]! - value)).toBeLessThan(1e-3);
  const sum = input.data.reduce((total, value) => total + value, 0);
  expect(Math.abs(sum - golden.input.sum) / input.data.length).toBeLessThan(1e-5);
}

async function expectDetections(plan: DetectorPlan, detector: LumbarDetector | DiscDetector, golden: GoldenStage) {
  const { output } = await pack.run(detector.id, plan.input);
  const found = readDetections(plan, output, detector, pack.manifest.detection);
  expect(found).toHaveLength(golden.detections.length);
  for (const [index, { box, score }] of golden.detections.entries()) {
    for (const side of ['x', 'y', 'width', 'height'] as const) {
      expect(Math.abs(found[index]!.box[side] - box[side])).toBeLessThan(0.5);
    }
    expect(Math.abs(found[index]!.confidence - score)).toBeLessThan(1e-3);
  }
}

describe.each(cases)('detection of $picture agrees with training', (golden) => {
  const members = () => ({
    lumbar: pack.manifest.members.find((member) => member.role === 'lumbar-detector')!,
    disc: pack.manifest.members.find((member) => member.role === 'disc-detector')!,
  });

  test('the windowed slice has the same pixels', async () => {
    const { image } = await uprightFixture(golden.picture);
    expect([image.width, image.height]).toEqual([golden.width, golden.height]);
    expect(image.data.reduce((sum, value) => sum + value, 0)).toBe(golden.uprightSum);
  });

  test('the lumbar region has the same input and boxes', async () => {
    const { image } = await uprightFixture(golden.picture);
    const plan = planRegion(image, members().lumbar);
    expectInput(plan, golden.lumbar);
    await expectDetections(plan, members().lumbar, golden.lumbar);
  });

  test('the discs have the same crop, input and boxes', async () => {
    const { image } = await uprightFixture(golden.picture);
    const plan = planDiscs(image, golden.crop.of, members().disc)!;
    const { x0, y0, x1, y1 } = golden.crop;
    expect(plan.view).toEqual({ x0, y0, x1, y1 });
    expectInput(plan, golden.disc);
    await expectDetections(plan, members().disc, golden.disc);
  });
});
