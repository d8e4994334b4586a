import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../src/evaluation/random.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { drawnLineReasons } from '../../../src/pipeline/drawn-lines.ts';

const WIDTH = 160;
const HEIGHT = 320;

type Value = (x: number, y: number) => number;

function picture(value: Value, scale = 1): Grey8 {
  const [width, height] = [WIDTH * scale, HEIGHT * scale];
  const data = Uint8Array.from({ length: width * height }, (_, at) => {
    return Math.min(255, Math.max(0, value((at % width) / scale, Math.floor(at / width) / scale)));
  });
  return { depth: 'u8', width, height, data };
}

/** A column of grey vertebrae and bright discs before a bright canal and saturated fat, with noise. */
function spine(): Value {
  const random = seededRandom(3);
  return (x, y) => {
    const bend = 12 * Math.sin(y / 90);
    const tissue = x - bend < 80 ? (y % 60 < 9 ? 190 : 90) : x - bend < 100 ? 230 : x < 130 ? 60 : 255;
    return tissue + 12 * (random() - 0.5);
  };
}

const noise = seededRandom(5);
const tissue: Value = (() => {
  const drawn = picture(spine());
  return (x, y) => drawn.data[Math.min(HEIGHT - 1, Math.floor(y)) * WIDTH + Math.min(WIDTH - 1, Math.floor(x))]!;
})();
const withLine =
  (line: (x: number, y: number) => boolean, grey = 255): Value =>
  (x, y) =>
    line(x, y) ? grey : tissue(x, y);
const near = (distance: number, wide: number) => Math.abs(distance) <= wide / 2;

const codes = (image: Grey8) => drawnLineReasons(image).map(({ code }) => code);

describe('drawnLineReasons', () => {
  test.each<[string, (x: number, y: number) => boolean]>([
    ['level', (_, y) => near(y - 100.5, 1)],
    ['rising to the right', (x, y) => near(y - 200 + 0.3 * x, 1.5)],
    ['falling to the right, three pixels wide', (x, y) => near(y - 60 - 0.4 * x, 3)],
    ['upright', (x) => near(x - 40.5, 1)],
    ['dashed', (x, y) => near(y - 90, 2) && x % 12 < 8],
  ])('a line that is drawn %s asks for a person', (_, line) => {
    expect(codes(picture(withLine(line)))).toEqual(['low_quality']);
  });

  test('a line is seen in grey, and on a picture of three times the matrix', () => {
    const level = (_: number, y: number) => near(y - 100.5, 1);
    expect(codes(picture(withLine(level, 165)))).toEqual(['low_quality']);
    expect(codes(picture(withLine(level), 3))).toEqual(['low_quality']);
  });

  test.each<[string, Value]>([
    ['a spine', tissue],
    ['a line shorter than a third of the crop', withLine((x, y) => near(y - 100, 1) && x < 40)],
    ['a line no brighter than its surroundings', withLine((_, y) => near(y - 40, 1), 95)],
    ['an arc', withLine((x, y) => near(Math.hypot(x - 80, y - 160) - 70, 2))],
    ['a broad bright band', withLine((_, y) => near(y - 100, 9))],
    ['a flat crop', () => 90],
    ['noise', () => 255 * noise()],
  ])('%s does not', (_, value) => {
    expect(codes(picture(value))).toEqual([]);
  });

  test.each([1, 2, 5])('a crop of %i by 3 pixels does not', (width) => {
    const image: Grey8 = { depth: 'u8', width, height: 3, data: new Uint8Array(3 * width).fill(200) };
    expect(codes(image)).toEqual([]);
  });
});
