import { describe, expect, test } from 'vitest';
import type { Measurements } from '../../../src/contracts/report.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { CLASS } from '../../../src/imaging/mask.ts';
import { measureDiscs } from '../../../src/measurement/measure.ts';
import { draw, rectangle, type Shape, SPINE, spine } from './shapes.ts';

/** Value of each class in the drawn slice: disc 60, canal 200. */
const SIGNAL = [20, 100, 60, 200];

function measure(shapes: readonly Shape[], spacingMm: number, degrees: number, discs = 3): Measurements[] {
  const { mask, boxOf, part } = draw(shapes, spacingMm, degrees);
  const slice: Grey8 = { ...mask, data: mask.data.map((value) => SIGNAL[value]!) };
  const boxes = Array.from({ length: discs }, (_, index) => boxOf(index));
  return measureDiscs({ mask, part }, slice, boxes, spacingMm);
}

describe.each([
  { spacingMm: 0.6, degrees: 0 },
  { spacingMm: 0.6, degrees: 12 },
  { spacingMm: 0.6, degrees: -25 },
  { spacingMm: 0.9, degrees: 18 },
])('a drawn spine at $spacingMm mm, turned by $degrees degrees', ({ spacingMm, degrees }) => {
  const tolerance = spacingMm * 0.75;
  const near = (value: number | null, expected: number, within = tolerance) => {
    expect(value).not.toBeNull();
    expect(Math.abs(value! - expected)).toBeLessThan(within);
  };

  test('heights, area and height index are the drawn ones', () => {
    for (const disc of measure(spine(), spacingMm, degrees)) {
      near(disc.heightAnteriorMm, SPINE.disc);
      near(disc.heightMiddleMm, SPINE.disc);
      near(disc.heightPosteriorMm, SPINE.disc);
      near(disc.areaMm2, SPINE.disc * SPINE.length, 12);
      near(disc.heightIndex, SPINE.disc / SPINE.vertebra, 0.02);
    }
  });

  test('the canal is as wide as drawn, and the signal ratio is that of the drawn signals', () => {
    for (const disc of measure(spine(), spacingMm, degrees)) {
      near(disc.canalApMm, SPINE.canal);
      expect(disc.signalRatio).toBe(0.3);
    }
  });

  test('a disc flush with the posterior wall does not protrude', () => {
    for (const disc of measure(spine(), spacingMm, degrees)) near(disc.posteriorProtrusionMm, 0);
  });

  test('a bulge of 5 mm protrudes by 5 mm and narrows the canal', () => {
    const [below, bulging, above] = measure(spine(5), spacingMm, degrees);
    near(bulging!.posteriorProtrusionMm, 5);
    near(below!.posteriorProtrusionMm, 0);
    near(above!.posteriorProtrusionMm, 0);
    near(bulging!.canalApMm, SPINE.canal - (5 - SPINE.gap));
  });
});

describe('measureDiscs', () => {
  test('a wedge is higher in front than behind', () => {
    const wedge: Shape = {
      value: CLASS.disc,
      outline: [
        [60, 80],
        [94, 85],
        [94, 91],
        [60, 96],
      ],
    };
    const [disc] = measure([wedge], 0.5, 10, 1);
    expect(disc!.heightAnteriorMm! - disc!.heightPosteriorMm!).toBeCloseTo(6, 0);
    expect(Math.abs(disc!.heightMiddleMm! - 11)).toBeLessThan(0.4);
    expect(Math.abs(disc!.heightAnteriorMm! - 14)).toBeLessThan(0.4);
  });

  test('the narrowest place of the canal at the level counts', () => {
    const notch = rectangle(CLASS.background, 96, 86, 5, 5);
    const [, notched] = measure([...spine().slice(0, 3), notch, ...spine().slice(3)], 0.5, 0);
    expect(Math.abs(notched!.canalApMm! - (SPINE.canal - 5))).toBeLessThan(0.5);
  });

  test.each([0, 20, -20])('a canal that the disc parts is 0 wide, turned by %d degrees', (degrees) => {
    const { disc, canal, length, gap } = SPINE;
    const pressed = rectangle(CLASS.background, 60 + length + gap, 82, canal, disc + 4);
    const [below, parting, above] = measure([...spine().slice(0, 3), pressed, ...spine().slice(3)], 0.5, degrees);
    expect(parting!.canalApMm).toBe(0);
    expect(below!.canalApMm).toBeGreaterThan(canal - 1);
    expect(above!.canalApMm).toBeGreaterThan(canal - 1);
  });

  test.each([
    ['above', 10],
    ['below', 88],
  ])('a canal that shows on one side of the disc alone is not measured: %s', (_, top) => {
    const half = rectangle(CLASS.canal, 60 + SPINE.length + SPINE.gap, top, SPINE.canal, 70);
    const behind = rectangle(CLASS.background, 90, 80, 40, 17);
    expect(measure([...spine().slice(0, 3), behind, ...spine().slice(3, 7), half], 0.5, 0)[1]!.canalApMm).toBeNull();
  });

  test('a notch in the middle of both vertebrae leaves the height index as it is', () => {
    const notches = [93, 57].map((top) => rectangle(CLASS.background, 75, top, 3, SPINE.vertebra));
    const plain = measure(spine(), 0.5, 0)[1]!;
    const notched = measure([...spine().slice(0, 3), ...notches, ...spine().slice(3)], 0.5, 0)[1]!;
    expect(notched.heightIndex).toBe(plain.heightIndex);
  });

  test('the signal of a disc is that of its whole height, not of its mid-line', () => {
    const { mask, boxOf, part } = draw(spine(), 0.5, 0);
    const middle = boxOf(1).y + boxOf(1).height / 2;
    const half = (pixel: number) => (Math.floor(pixel / mask.width) < middle ? 40 : 80);
    const data = mask.data.map((value, pixel) => (value === CLASS.disc ? half(pixel) : SIGNAL[value]!));
    const boxes = [boxOf(0), boxOf(1), boxOf(2)];
    expect(measureDiscs({ mask, part }, { ...mask, data }, boxes, 0.5)[1]!.signalRatio).toBe(0.3);
  });

  test('a thin disc of two pieces is one disc', () => {
    const pieces = [rectangle(CLASS.disc, 60, 84, 18, 5), rectangle(CLASS.disc, 80, 84, 14, 5)];
    const { mask, part } = draw(pieces, 0.5, 0);
    const box = { x: 118, y: 164, width: 72, height: 18 };
    const [disc] = measureDiscs({ mask, part }, mask, [box], 0.5);
    expect(disc!.areaMm2).toBe(32 * 5);
  });

  test('without vertebrae there is no index and no protrusion, without canal no width and no ratio', () => {
    const [disc] = measure(spine().slice(0, 1), 0.6, 0, 1);
    expect(disc).toMatchObject({ heightIndex: null, posteriorProtrusionMm: null, canalApMm: null, signalRatio: null });
    expect(disc!.heightMiddleMm).toBeCloseTo(9, 0);
  });

  test('a disc that the mask does not cover has no measurements', () => {
    const { mask, part } = draw(spine(), 0.6, 0);
    const elsewhere = { x: 10, y: 10, width: 50, height: 20 };
    const [nothing] = measureDiscs({ mask, part }, mask, [elsewhere], 0.6);
    expect(Object.values(nothing!)).toEqual(new Array(8).fill(null));
  });

  test('scraps of a disc in a large box are not measured', () => {
    const { mask, part } = draw([rectangle(CLASS.disc, 60, 84, 24, 1.5)], 0.5, 0);
    const [nothing] = measureDiscs({ mask, part }, mask, [{ x: 118, y: 150, width: 70, height: 45 }], 0.5);
    expect(nothing!.heightMiddleMm).toBeNull();
  });

  test.each([0, 35])('a collapsed disc that reaches through its box is measured, turned by %d degrees', (degrees) => {
    const { mask, boxOf, part } = draw([rectangle(CLASS.disc, 60, 79, 34, 2)], 0.5, degrees);
    const { x, y, width, height } = boxOf(0);
    const side = Math.max(width, height);
    const box = { x, y: y + (height - 0.9 * side) / 2, width, height: 0.9 * side };
    const [disc] = measureDiscs({ mask, part }, mask, [box], 0.5);
    expect(Math.abs(disc!.heightMiddleMm! - 2)).toBeLessThan(0.4);
    expect(Math.abs(disc!.areaMm2! - 68)).toBeLessThan(6);
  });

  test('a disc whose posterior part is missing in the mask has no protrusion', () => {
    const short = [...spine()].map((shape, index) =>
      index === 1 ? rectangle(CLASS.disc, 60, 84, 26, SPINE.disc) : shape,
    );
    expect(measure(short, 0.6, 0)[1]!.posteriorProtrusionMm).toBeNull();
  });

  test('a disc or a canal at the edge of the segmented part is not measured', () => {
    const { mask, boxOf, part } = draw(spine(), 0.6, 0);
    const boxes = [boxOf(0), boxOf(1), boxOf(2)];
    const cutDisc = { ...part, x0: boxOf(1).x };
    expect(measureDiscs({ mask, part: cutDisc }, mask, boxes, 0.6)[1]!.heightMiddleMm).toBeNull();
    const cutCanal = { ...part, x1: boxOf(1).x + boxOf(1).width + 20 };
    const cut = measureDiscs({ mask, part: cutCanal }, mask, boxes, 0.6)[1]!;
    expect(cut.canalApMm).toBeNull();
    expect(cut.heightMiddleMm).not.toBeNull();
  });

  test.each([
    ['left', 'x0', 1],
    ['upper', 'y0', 1],
    ['right', 'x1', -1],
    ['lower', 'y1', -1],
  ] as const)(
    'a disc on the %s edge of the segmented part is cut, one a pixel inside it is whole',
    (_, side, inwards) => {
      const { mask, boxOf, part } = draw(spine().slice(1, 2), 0.6, 0);
      const box = boxOf(0);
      const edges = { x0: box.x, y0: box.y, x1: box.x + box.width, y1: box.y + box.height };
      const area = (edge: number) =>
        measureDiscs({ mask, part: { ...part, [side]: edge } }, mask, [box], 0.6)[0]!.areaMm2;
      expect(area(edges[side])).toBeNull();
      expect(area(edges[side] - inwards)).not.toBeNull();
    },
  );

  test('a canal that leaves the segmented part within the last band below the disc is not measured', () => {
    const { mask, boxOf, part } = draw(spine(), 0.6, 0);
    const boxes = [boxOf(0), boxOf(1), boxOf(2)];
    const cutBelow = { ...part, y1: boxOf(0).y + boxOf(0).height + 2 };
    const [lowest, middle] = measureDiscs({ mask, part: cutBelow }, mask, boxes, 0.6);
    expect(lowest!.heightMiddleMm).not.toBeNull();
    expect(lowest!.canalApMm).toBeNull();
    expect(middle!.canalApMm).not.toBeNull();
  });

  test('no discs give no measurements', () => {
    const { mask, part } = draw(spine(), 0.6, 0);
    expect(measureDiscs({ mask, part }, mask, [], 0.6)).toEqual([]);
  });
});
