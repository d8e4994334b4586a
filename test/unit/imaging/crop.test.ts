import { describe, expect, test } from 'vitest';
import { cropPixels, cropRect } from '../../../src/imaging/crop.ts';

const picture = { width: 100, height: 80 };

describe('cropRect', () => {
  test('a box rule enlarges both sides about the centre and rounds outwards', () => {
    const rect = cropRect({ x: 20.3, y: 30, width: 20, height: 10 }, { kind: 'box', factor: 1.1 }, picture);
    expect(rect).toEqual({ x0: 19, y0: 29, x1: 42, y1: 41 });
  });

  test('a square rule takes the longer side', () => {
    const rect = cropRect({ x: 40, y: 38, width: 20, height: 4 }, { kind: 'square', factor: 1.5 }, picture);
    expect(rect).toEqual({ x0: 35, y0: 25, x1: 65, y1: 55 });
  });

  test('what reaches over the picture is clipped before it is rounded', () => {
    const rect = cropRect({ x: -10, y: 70, width: 30, height: 30 }, { kind: 'box', factor: 1 }, picture);
    expect(rect).toEqual({ x0: 0, y0: 70, x1: 20, y1: 80 });
  });

  test('a box outside the picture gives nothing', () => {
    expect(cropRect({ x: 120, y: 10, width: 10, height: 10 }, { kind: 'box', factor: 1.1 }, picture)).toBeNull();
    expect(cropRect({ x: 10, y: -30, width: 10, height: 10 }, { kind: 'box', factor: 1.1 }, picture)).toBeNull();
  });
});

test('cropPixels copies rows of the rectangle', () => {
  const image = {
    depth: 'u8',
    width: 4,
    height: 3,
    data: Uint8Array.from({ length: 12 }, (_, index) => index),
  } as const;
  const crop = cropPixels(image, { x0: 1, y0: 1, x1: 3, y1: 3 });
  expect([crop.width, crop.height, ...crop.data]).toEqual([2, 2, 5, 6, 9, 10]);
  crop.data[0] = 99;
  expect(image.data[5]).toBe(5);
});
