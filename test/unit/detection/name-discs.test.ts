import { describe, expect, test } from 'vitest';
import type { ScoredBox } from '../../../src/contracts/detection.ts';
import { LEVELS } from '../../../src/contracts/reasons.ts';
import { nameDiscs } from '../../../src/detection/name-discs.ts';

const SEEN_ROWS = 420;
const SPACING = 44;

/** A column as it lies in real pictures: L5-S1 tilted and behind, then a curve forwards and back again. */
function column(count: number, from = { x: 190, y: 340 }): ScoredBox[] {
  const steps = [
    [-9, -46],
    [1, -46],
    [7, -45],
    [10, -44],
    [10, -42],
    [9, -40],
    [9, -38],
  ];
  const discs: ScoredBox[] = [];
  let { x, y } = from;
  for (let index = 0; index < count; index++) {
    const height = index === 0 ? 44 : 27 - index;
    const width = 54;
    discs.push({ box: { x: x - width / 2, y: y - height / 2, width, height }, confidence: 0.85 - index * 0.01 });
    x += steps[index]?.[0] ?? 9;
    y += steps[index]?.[1] ?? -38;
  }
  return discs;
}

const REGION = { x: 130, y: 70, width: 150, height: 320 };
const summary = (discs: ReturnType<typeof nameDiscs>) => discs.map(({ level, levelCertain }) => [level, levelCertain]);
const certain = (count: number, from = 0) => LEVELS.slice(from, from + count).map((level) => [level, true]);
const doubtful = (count: number, from = 0) => LEVELS.slice(from, from + count).map((level) => [level, false]);

describe('nameDiscs', () => {
  test('a whole column is named from L5-S1 upwards with certainty, in whatever order it came', () => {
    const discs = column(7);
    const shuffled = [3, 0, 6, 1, 5, 2, 4].map((index) => discs[index]!);
    const named = nameDiscs(shuffled, REGION, SEEN_ROWS);
    expect(summary(named)).toEqual(certain(7));
    expect(named[0]!.box).toEqual(discs[0]!.box);
  });

  test('five discs are enough for certainty', () => {
    expect(summary(nameDiscs(column(5), REGION, SEEN_ROWS))).toEqual(certain(5));
  });

  test('a disc missing in the middle makes the names above it doubtful, and they are counted on', () => {
    const discs = column(7).filter((_, index) => index !== 3);
    expect(summary(nameDiscs(discs, REGION, SEEN_ROWS))).toEqual([...certain(3), ...doubtful(3, 4)]);
  });

  test('two discs missing in the middle are counted as two', () => {
    const discs = column(8).filter((_, index) => index !== 3 && index !== 4);
    expect(summary(nameDiscs(discs, REGION, SEEN_ROWS))).toEqual([...certain(3), ...doubtful(3, 5)]);
  });

  test('a disc aside of the spine, as motion ghosts it, makes its name and those above doubtful', () => {
    const discs = column(6).map((disc, index) =>
      index === 4 ? { ...disc, box: { ...disc.box, x: disc.box.x - 54, y: disc.box.y + 8 } } : disc,
    );
    expect(summary(nameDiscs(discs, REGION, SEEN_ROWS))).toEqual([...certain(4), ...doubtful(2, 4)]);
  });

  test.each([
    [1.45, 0, true],
    [1.7, 1, false],
  ])('a step of %d spacings leaves out %d levels', (spacings, missing, levelCertain) => {
    const further = (spacings - 1) * SPACING;
    const discs = column(6).map((disc, index) =>
      index < 3 ? disc : { ...disc, box: { ...disc.box, y: disc.box.y - further } },
    );
    const above = levelCertain ? certain(3, 3 + missing) : doubtful(3, 3 + missing);
    expect(summary(nameDiscs(discs, { ...REGION, y: 40, height: 350 }, SEEN_ROWS))).toEqual([...certain(3), ...above]);
  });

  test.each([
    ['overlap by more than half', { x: 17, y: 0, width: 54, height: 44 }, 0],
    ['lie in one another', { x: 0, y: 0, width: 18, height: 12 }, 0],
    ['lie nearer than a third of the spacing', { x: 0, y: 14, width: 54, height: 24 }, 2],
  ])('two boxes that %s alone are one disc', (_, { x, y, width, height }, of) => {
    const discs = column(6);
    const double = { box: { x: discs[of]!.box.x + x, y: discs[of]!.box.y + y, width, height }, confidence: 0.4 };
    const named = nameDiscs([...discs, double], REGION, SEEN_ROWS);
    expect(named.map(({ confidence }) => confidence)).not.toContain(0.4);
    expect(named).toHaveLength(6);
  });

  test('of two boxes for one disc the weaker is left out, and the names stay certain', () => {
    const discs = column(6);
    const double = { box: { ...discs[2]!.box, y: discs[2]!.box.y + 6, height: 18 }, confidence: 0.4 };
    const named = nameDiscs([...discs, double], REGION, SEEN_ROWS);
    expect(summary(named)).toEqual(certain(6));
    expect(named.map(({ confidence }) => confidence)).not.toContain(0.4);
  });

  test('a crowded step that is no clear double makes the names above it doubtful', () => {
    const discs = column(6);
    const between = { ...discs[2]!.box, y: discs[2]!.box.y - 21, height: 16, width: 50 };
    const named = nameDiscs([...discs, { box: between, confidence: 0.7 }], REGION, SEEN_ROWS);
    expect(summary(named).slice(0, 3)).toEqual(certain(3));
    expect(named.slice(3).every(({ levelCertain }) => !levelCertain)).toBe(true);
  });

  test('a picture cut off above L5-S1 names nothing with certainty', () => {
    const discs = column(7).slice(1);
    const cutAt = discs[0]!.box.y + discs[0]!.box.height / 2 + SPACING / 2;
    const region = { ...REGION, height: cutAt - REGION.y };
    expect(summary(nameDiscs(discs, region, cutAt))).toEqual(doubtful(6));
  });

  test('a missed L5-S1 in a whole picture names nothing with certainty', () => {
    expect(nameDiscs(column(7).slice(1), REGION, SEEN_ROWS).every(({ levelCertain }) => !levelCertain)).toBe(true);
  });

  test('a second sacral disc is left out, and the names above it stay certain', () => {
    const discs = column(6, { x: 190, y: 310 });
    const sacral = { box: { x: 190, y: 334, width: 32, height: 20 }, confidence: 0.35 };
    const named = nameDiscs([...discs, sacral], { ...REGION, height: 300 }, SEEN_ROWS);
    expect(summary(named)).toEqual(certain(6));
    expect(named[0]!.box).toEqual(discs[0]!.box);
  });

  test('a lowest disc that may be L5-S1 or S1-S2 makes all names doubtful', () => {
    const discs = column(6, { x: 190, y: 310 });
    const either = { box: { x: 186, y: 325, width: 46, height: 40 }, confidence: 0.8 };
    const named = nameDiscs([...discs, either], { ...REGION, height: 300 }, SEEN_ROWS);
    expect(named.some(({ levelCertain }) => levelCertain)).toBe(false);
  });

  test('a picture that ends at a likely L5-S1 names nothing with certainty', () => {
    expect(summary(nameDiscs(column(5), { ...REGION, height: 310 }, 380))).toEqual(doubtful(5));
  });

  test('where the picture ends at a sacral disc none is left out, and all names are doubtful', () => {
    const discs = column(6, { x: 190, y: 310 });
    const sacral = { box: { x: 190, y: 334, width: 32, height: 20 }, confidence: 0.35 };
    expect(summary(nameDiscs([...discs, sacral], { ...REGION, height: 285 }, 372))).toEqual(doubtful(7));
  });

  test('of five discs the lowest is never left out as a sacral one', () => {
    const discs = column(4, { x: 190, y: 310 });
    const sacral = { box: { x: 190, y: 334, width: 32, height: 20 }, confidence: 0.35 };
    expect(summary(nameDiscs([...discs, sacral], { ...REGION, height: 300 }, SEEN_ROWS))).toEqual(doubtful(5));
  });

  test('an unlikely L5-S1 makes all names doubtful, though no other disc may be it', () => {
    const discs = column(5).map((disc, index) =>
      index === 0 ? { ...disc, box: { ...disc.box, y: 330, height: 20 } } : disc,
    );
    expect(summary(nameDiscs(discs, REGION, SEEN_ROWS))).toEqual(doubtful(5));
  });

  test('of two unlikely L5-S1 none is left out', () => {
    const discs = column(6, { x: 190, y: 310 }).map((disc, index) =>
      index === 0 ? { ...disc, box: { ...disc.box, y: 300, height: 20 } } : disc,
    );
    const sacral = { box: { x: 190, y: 334, width: 32, height: 20 }, confidence: 0.35 };
    expect(summary(nameDiscs([...discs, sacral], { ...REGION, height: 290 }, SEEN_ROWS))).toEqual(doubtful(7));
  });

  test('a lowest disc that is hardly likelier than the next makes all names doubtful', () => {
    const lowest = { box: { x: 182, y: 329, width: 54, height: 30 }, confidence: 0.6 };
    const discs = [...column(6, { x: 190, y: 310 }), lowest];
    expect(summary(nameDiscs(discs, REGION, SEEN_ROWS))).toEqual(doubtful(7));
  });

  test('a black border below counts as cut off', () => {
    const discs = column(7).slice(1);
    const cutAt = discs[0]!.box.y + discs[0]!.box.height / 2 + SPACING / 2;
    expect(summary(nameDiscs(discs, { ...REGION, height: cutAt - REGION.y }, cutAt))).toEqual(doubtful(6));
  });

  test('a weak lowest box alone makes all names doubtful', () => {
    const discs = column(6).map((disc, index) => (index === 0 ? { ...disc, confidence: 0.3 } : disc));
    expect(summary(nameDiscs(discs, REGION, SEEN_ROWS))).toEqual(doubtful(6));
  });

  test('a lowest box far aside makes all names doubtful', () => {
    const discs = column(6);
    const aside = { box: { ...discs[0]!.box, x: discs[0]!.box.x - 70 }, confidence: 0.8 };
    const named = nameDiscs([aside, ...discs.slice(1)], REGION, SEEN_ROWS);
    expect(named.some(({ levelCertain }) => levelCertain)).toBe(false);
  });

  test.each([
    ['too near to the next', { x: 0, y: -15 }],
    ['turned too far to posterior', { x: 30, y: -10 }],
  ])('a likely L5-S1 that lies %s makes all names doubtful', (_, { x, y }) => {
    const discs = column(5);
    const box = { ...discs[0]!.box, x: discs[0]!.box.x + x, y: discs[0]!.box.y + y };
    const region = { ...REGION, height: REGION.height + y };
    expect(summary(nameDiscs([{ ...discs[0]!, box }, ...discs.slice(1)], region, SEEN_ROWS))).toEqual(doubtful(5));
  });

  test.each([0, 1, 2])('%i discs are named without certainty', (count) => {
    expect(summary(nameDiscs(column(count), REGION, SEEN_ROWS))).toEqual(doubtful(count));
  });

  test('discs above the twelfth are left out', () => {
    const tall = column(14, { x: 190, y: 600 });
    const named = nameDiscs(tall, { x: 130, y: 60, width: 150, height: 590 }, 700);
    expect(named.map(({ level }) => level)).toEqual([...LEVELS]);
  });
});
