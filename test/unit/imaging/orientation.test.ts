import { describe, expect, test } from 'vitest';
import { applyAffine, compose, invertAffine } from '../../../src/imaging/affine.ts';
import type { Grey16 } from '../../../src/imaging/image.ts';
import { invertGrey, orientUpright, uprightToStored } from '../../../src/imaging/orientation.ts';

const stored: Grey16 = { depth: 'u16', width: 3, height: 2, data: Uint16Array.from([1, 2, 3, 4, 5, 6]) };
const flags = [false, true];
const orientations = flags.flatMap((transpose) =>
  flags.flatMap((flipX) => flags.map((flipY) => ({ transpose, flipX, flipY }))),
);

describe.each(orientations)('transpose $transpose, flipX $flipX, flipY $flipY', (orientation) => {
  test('every upright pixel comes from the stored pixel that the affine names', () => {
    const upright = orientUpright(stored, orientation);
    const map = uprightToStored(orientation, upright.width, upright.height);
    for (let y = 0; y < upright.height; y++) {
      for (let x = 0; x < upright.width; x++) {
        const from = applyAffine(map, x + 0.5, y + 0.5);
        const value = stored.data[Math.floor(from.y) * stored.width + Math.floor(from.x)];
        expect(upright.data[y * upright.width + x]).toBe(value);
      }
    }
  });
});

test('the transpose comes before the flips', () => {
  const upright = orientUpright(stored, { transpose: true, flipX: true, flipY: false });
  expect([upright.width, upright.height, ...upright.data]).toEqual([2, 3, 4, 1, 5, 2, 6, 3]);
});

test('inverted grey keeps distances and turns dark into bright', () => {
  const { data } = invertGrey(stored);
  expect([...data]).toEqual([65534, 65533, 65532, 65531, 65530, 65529]);
  expect(stored.data[0]).toBe(1);
});

test('composed maps apply the first one first, and an inverse undoes its map', () => {
  const turn = [0, -1, 5, 1, 0, 0] as const;
  const scale = [2, 0, 1, 0, 3, -1] as const;
  const both = compose(turn, scale);
  const by = applyAffine(scale, applyAffine(turn, 4, 7).x, applyAffine(turn, 4, 7).y);
  expect(applyAffine(both, 4, 7)).toEqual(by);
  const back = applyAffine(invertAffine(both), by.x, by.y);
  expect(back.x).toBeCloseTo(4, 12);
  expect(back.y).toBeCloseTo(7, 12);
  expect(() => invertAffine([1, 2, 0, 2, 4, 0])).toThrow(RangeError);
});

test('eight bits stay eight bits, and the stored pixels stay as they are, in a Buffer too', () => {
  const image = { depth: 'u8', width: 3, height: 2, data: Buffer.from([1, 2, 3, 4, 5, 6]) } as const;
  const upright = orientUpright(image, { transpose: true, flipX: false, flipY: false });
  expect(upright).toEqual({ depth: 'u8', width: 2, height: 3, data: Uint8Array.of(1, 4, 2, 5, 3, 6) });
  expect([...image.data]).toEqual([1, 2, 3, 4, 5, 6]);
});
