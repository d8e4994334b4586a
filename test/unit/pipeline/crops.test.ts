import { describe, expect, test } from 'vitest';
import { packCrops, unpackCrops } from '../../../src/pipeline/crops.ts';

const crop = (id: string, width: number, height: number, fill: number) => ({
  id,
  x: fill,
  y: fill + 1,
  image: { depth: 'u8' as const, width, height, data: new Uint8Array(width * height).fill(fill) },
});

describe('packed crops', () => {
  test('come back as they were', () => {
    const crops = [crop('L5-S1', 3, 2, 7), crop('L4-L5', 1, 5, 9)];
    expect([...unpackCrops(packCrops(crops)).values()]).toEqual(crops);
  });

  test('an empty file of crops is a file', () => {
    expect(unpackCrops(packCrops([])).size).toBe(0);
  });

  test('a view into a larger buffer is read at its place', () => {
    const packed = packCrops([crop('L5-S1', 3, 2, 7)]);
    const larger = Buffer.concat([Buffer.alloc(5), packed]);
    expect(unpackCrops(larger.subarray(5)).get('L5-S1')!.image.data).toEqual(new Uint8Array(6).fill(7));
  });

  test.each([
    ['no bytes', Buffer.alloc(0)],
    ['another magic', Buffer.from(packCrops([crop('L5-S1', 3, 2, 7)])).fill('DFCROPS2', 0, 8)],
    ['a header that is cut', packCrops([crop('L5-S1', 3, 2, 7)]).subarray(0, 30)],
    ['pixels that are cut', packCrops([crop('L5-S1', 3, 2, 7)]).subarray(0, -1)],
    ['bytes behind the pixels', Buffer.concat([packCrops([crop('L5-S1', 3, 2, 7)]), Buffer.alloc(1)])],
  ])('%s is refused', (_, bytes) => {
    expect(() => unpackCrops(bytes)).toThrow();
  });
});
