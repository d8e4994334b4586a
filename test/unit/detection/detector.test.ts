import { expect, test } from 'vitest';
import { planDiscs, planRegion, readDetections } from '../../../src/detection/detector.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { tinyPack } from '../../support/tiny-pack.ts';

const { manifest } = tinyPack();
const lumbar = manifest.members.find((member) => member.role === 'lumbar-detector')!;
const disc = manifest.members.find((member) => member.role === 'disc-detector')!;
const slice: Grey8 = { depth: 'u8', width: 64, height: 96, data: new Uint8Array(64 * 96).fill(50) };

test('a region comes back in pixels of the slice, unclipped', () => {
  const plan = planRegion(slice, lumbar);
  expect(plan.input.placements[0]).toMatchObject({ contentWidth: 21, contentHeight: 32, left: 5, top: 0 });
  const output = { dims: [1, 5, 1], data: Float32Array.from([15.5, 16, 21, 40, 0.9]) };
  const [found] = readDetections(plan, output, lumbar, manifest.detection);
  expect(found!.box).toEqual({ x: 0, y: -12, width: 64, height: 120 });
});

test('discs come back from the crop of the region', () => {
  const plan = planDiscs(slice, { x: 20, y: 20, width: 20, height: 40 }, disc)!;
  expect(plan.view).toEqual({ x0: 19, y0: 18, x1: 41, y1: 62 });
  expect(plan.input.placements[0]).toMatchObject({ contentWidth: 16, contentHeight: 32, left: 0, top: 0 });
  const output = { dims: [1, 5, 1], data: Float32Array.from([8, 16, 8, 4, 0.9]) };
  const [found] = readDetections(plan, output, disc, manifest.detection);
  expect(found!.box).toEqual({ x: 24.5, y: 37.25, width: 11, height: 5.5 });
});

test('a foreign detector is read at its target class', () => {
  const foreign = { ...lumbar, output: { ...lumbar.output, classes: 2, targetClass: 1 } };
  const output = { dims: [1, 6, 2], data: Float32Array.from([15.5, 10, 16, 16, 21, 8, 40, 8, 0.1, 0.9, 0.8, 0.1]) };
  const found = readDetections(planRegion(slice, foreign), output, foreign, manifest.detection);
  expect(found.map(({ box }) => box)).toEqual([{ x: 0, y: -12, width: 64, height: 120 }]);
});

test('a region outside the slice gives no plan', () => {
  expect(planDiscs(slice, { x: 200, y: 20, width: 20, height: 40 }, disc)).toBeNull();
});
