import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { fromFrame, place, planPlacement, toFrame } from '../../../src/imaging/letterbox.ts';
import { inputBatch } from '../../../src/imaging/tensor.ts';

const picture: Grey8 = { depth: 'u8', width: 2, height: 1, data: Uint8Array.from([0, 100]) };
const rules = { channels: 1, mean: 0, std: 1, resize: 'letterbox', pad: 114 } as const;

describe('planPlacement', () => {
  test('a portrait picture in a square frame, with an odd pad', () => {
    const plan = planPlacement({ width: 160, height: 200 }, { width: 256, height: 256 }, 'letterbox');
    expect(plan).toMatchObject({ contentWidth: 205, contentHeight: 256, left: 25, top: 0 });
  });

  test('a landscape picture in a square frame, with an odd pad', () => {
    const plan = planPlacement({ width: 200, height: 160 }, { width: 256, height: 256 }, 'letterbox');
    expect(plan).toMatchObject({ contentWidth: 256, contentHeight: 205, left: 0, top: 25 });
  });

  test('a very narrow picture keeps at least one pixel', () => {
    const plan = planPlacement({ width: 1, height: 4000 }, { width: 64, height: 64 }, 'letterbox');
    expect(plan).toMatchObject({ contentWidth: 1, contentHeight: 64, left: 31 });
  });

  test('stretch fills the frame', () => {
    const plan = planPlacement({ width: 10, height: 40 }, { width: 64, height: 32 }, 'stretch');
    expect(plan).toMatchObject({ contentWidth: 64, contentHeight: 32, left: 0, top: 0 });
  });

  test('the way back is the exact inverse, for any sizes and points', () => {
    const size = fc.record({ width: fc.integer({ min: 1, max: 1500 }), height: fc.integer({ min: 1, max: 1500 }) });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(size, size, share, share, (source, frame, u, v) => {
        const plan = planPlacement(source, frame, 'letterbox');
        const there = toFrame(plan, u * source.width, v * source.height);
        const back = fromFrame(plan, there.x, there.y);
        expect(back.x).toBeCloseTo(u * source.width, 6);
        expect(back.y).toBeCloseTo(v * source.height, 6);
        expect(plan.left + plan.contentWidth).toBeLessThanOrEqual(frame.width);
        expect(plan.top + plan.contentHeight).toBeLessThanOrEqual(frame.height);
      }),
    );
  });
});

test('the frame holds the resized picture, the rest is pad', () => {
  const { data } = place(picture, planPlacement(picture, { width: 4, height: 4 }, 'letterbox'), 114);
  expect([...data]).toEqual([114, 114, 114, 114, 0, 25, 75, 100, 0, 25, 75, 100, 114, 114, 114, 114]);
});

describe('inputBatch', () => {
  test('values and pad are normalised alike', () => {
    const { data, dims } = inputBatch([picture], { ...rules, width: 4, height: 4, mean: 0.5, std: 0.25 });
    expect(dims).toEqual([1, 1, 4, 4]);
    expect(data[0]).toBeCloseTo((114 / 255 - 0.5) / 0.25, 6);
    expect(data[5]).toBeCloseTo((25 / 255 - 0.5) / 0.25, 6);
  });

  test('three channels are three equal planes of each picture', () => {
    const { data, dims } = inputBatch([picture, { ...picture, data: Uint8Array.from([255, 255]) }], {
      ...rules,
      width: 2,
      height: 1,
      channels: 3,
    });
    expect(dims).toEqual([2, 3, 1, 2]);
    const first = [0, 100 / 255].map(Math.fround);
    expect([...data]).toEqual([...first, ...first, ...first, 1, 1, 1, 1, 1, 1].map(Math.fround));
  });

  test('an empty batch is refused', () => {
    expect(() => inputBatch([], { ...rules, width: 2, height: 1 })).toThrow(RangeError);
  });
});
