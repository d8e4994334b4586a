import { expect, test } from 'vitest';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { CLASS, classAt, componentsOf, countClasses } from '../../../src/imaging/mask.ts';

const mask = (...rows: string[]): Grey8 => ({
  depth: 'u8',
  width: rows[0]!.length,
  height: rows.length,
  data: Uint8Array.from([...rows.join('')].map(Number)),
});

test('components join over corners, largest first, with centres in pixel-edge coordinates', () => {
  const components = componentsOf(mask('220002', '002000', '000000', '110022'), CLASS.disc);
  expect(components.map(({ pixels }) => [...pixels].sort((a, b) => a - b))).toEqual([[0, 1, 8], [22, 23], [5]]);
  expect(components[1]).toMatchObject({ x: 5, y: 3.5 });
});

test('a class that is not there has no components', () => {
  expect(componentsOf(mask('000', '010'), CLASS.canal)).toEqual([]);
});

test('classes are counted and read by point', () => {
  const image = mask('0123', '3333');
  expect(countClasses(image)).toEqual([1, 1, 1, 5]);
  expect(classAt(image, 2.9, 0.1)).toBe(CLASS.disc);
  expect(classAt(image, 4, 0)).toBe(CLASS.background);
  expect(classAt(image, -0.1, 0)).toBe(CLASS.background);
});
