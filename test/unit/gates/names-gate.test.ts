import { describe, expect, test } from 'vitest';
import type { NamedDisc } from '../../../src/contracts/detection.ts';
import { LEVELS } from '../../../src/contracts/reasons.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { CLASS } from '../../../src/imaging/mask.ts';
import { checkNames, nameThroughVoids } from '../../../src/pipeline/names-gate.ts';

const SIZE = 400;
const HALF_LENGTH = 30;
const HALF_HEIGHT = 6;

/** A column of discs, the lowest first, whose posterior (right) ends lie higher by these degrees. */
function column(slopes: readonly number[], levelCertain = true): { discs: NamedDisc[]; mask: Grey8 } {
  const data = new Uint8Array(SIZE * SIZE);
  const discs = slopes.map((slope, index) => {
    const [x, y] = [SIZE / 2, SIZE - 70 - index * 60];
    const [cos, sin] = [Math.cos((slope * Math.PI) / 180), -Math.sin((slope * Math.PI) / 180)];
    for (let row = 0; row < SIZE; row++) {
      for (let at = 0; at < SIZE; at++) {
        const [dx, dy] = [at + 0.5 - x, row + 0.5 - y];
        const [along, across] = [dx * cos + dy * sin, dy * cos - dx * sin];
        if (Math.abs(along) <= HALF_LENGTH && Math.abs(across) <= HALF_HEIGHT) data[row * SIZE + at] = CLASS.disc;
      }
    }
    const [width, height] = [2 * HALF_LENGTH, 2 * (HALF_HEIGHT + Math.abs(HALF_LENGTH * sin))];
    const box = { x: x - width / 2, y: y - height / 2, width, height };
    return { level: LEVELS[index]!, levelCertain, box, confidence: 0.9 };
  });
  return { discs, mask: { depth: 'u8', width: SIZE, height: SIZE, data } };
}

const UPRIGHT = [32, 9, -2, -8, -11];

function codesOf(slopes: readonly number[], kind: 'dicom' | 'image' = 'image', certain = true): string[] {
  const { discs, mask } = column(slopes, certain);
  return checkNames(discs, mask, kind).reasons.map(({ code }) => code);
}

describe('checkNames', () => {
  test('lets an upright column pass, a flat and a steep one too', () => {
    expect(codesOf(UPRIGHT)).toEqual([]);
    expect(codesOf([11, 0, -3, -7, -10])).toEqual([]);
    expect(codesOf([50, 20, -10, -18, -24])).toEqual([]);
  });

  test.each([
    ['mirrored', UPRIGHT.map((slope) => -slope)],
    ['turned by 180 degrees', UPRIGHT.toReversed()],
    ['upside down', UPRIGHT.toReversed().map((slope) => -slope)],
  ])('a picture that is %s needs review, and no level of it is certain', (_, slopes) => {
    const { discs, mask } = column(slopes);
    const gate = checkNames(discs, mask, 'image');
    expect(gate.reasons.map(({ code, level }) => [code, level])).toEqual([
      ['out_of_distribution', undefined],
      ...discs.map(({ level }) => ['level_uncertain', level]),
    ]);
    expect(gate.discs).toEqual(discs.map((disc) => ({ ...disc, levelCertain: false })));
  });

  test('says nothing of DICOM, whose header tells the orientation, nor where no level is certain or no disc is seen', () => {
    const mirrored = UPRIGHT.map((slope) => -slope);
    expect(codesOf(mirrored, 'dicom')).toEqual([]);
    expect(codesOf(mirrored, 'image', false)).toEqual([]);
    const { discs, mask } = column(mirrored);
    expect(checkNames(discs, { ...mask, data: new Uint8Array(SIZE * SIZE) }, 'image').reasons).toEqual([]);
    expect(checkNames([], mask, 'image').reasons).toEqual([]);
  });

  test.each(['dicom', 'image'] as const)('a disc in the mask below the one named L5-S1 takes all names, %s', (kind) => {
    const { discs, mask } = column(UPRIGHT);
    const missed = discs.slice(1).map((disc, index) => ({ ...disc, level: LEVELS[index]! }));
    const names = checkNames(missed, mask, kind);
    expect(names.reasons.map(({ code, level }) => [code, level])).toEqual(
      missed.map(({ level }) => ['level_uncertain', level]),
    );
    expect(names.discs.some(({ levelCertain }) => levelCertain)).toBe(false);
  });

  test('half a disc in the mask below takes all names', () => {
    const { discs, mask } = column(UPRIGHT);
    const data = mask.data.map((value, at) => (at >= (SIZE - 100) * SIZE && at % SIZE < SIZE / 2 ? 0 : value));
    const missed = discs.slice(1).map((disc, index) => ({ ...disc, level: LEVELS[index]! }));
    const names = checkNames(missed, { ...mask, data }, 'dicom');
    expect(names.discs.some(({ levelCertain }) => levelCertain)).toBe(false);
  });

  test('a level L5-S1 needs review, however the others slope; a turned L4-L5 alone does not', () => {
    expect(codesOf([0, 0, 0, -2, -3])).toContain('out_of_distribution');
    expect(codesOf([12, -22, 0, -2, -3])).toEqual([]);
  });

  test('a scrap of disc below, and a missed disc between others, leave the names alone', () => {
    const { discs, mask } = column(UPRIGHT);
    const data = mask.data.slice();
    data.fill(CLASS.disc, (SIZE - 3) * SIZE, (SIZE - 3) * SIZE + 100);
    const without = discs.filter((_, index) => index !== 2);
    expect(checkNames(without, { ...mask, data }, 'image').reasons).toEqual([]);
  });
});

describe('nameThroughVoids', () => {
  const { discs } = column(UPRIGHT);

  test('without a void names stay as they are', () => {
    expect(nameThroughVoids(discs, new Set())).toEqual({ discs, reasons: [] });
  });

  test('from the lowest void upwards no name is certain', () => {
    const named = nameThroughVoids(discs, new Set(['L3-L4', 'L1-L2']));
    expect(named.discs.map(({ levelCertain }) => levelCertain)).toEqual([true, true, false, false, false]);
    expect(named.reasons.map(({ code, level }) => [code, level])).toEqual(
      ['L3-L4', 'L2-L3', 'L1-L2'].map((level) => ['level_uncertain', level]),
    );
  });

  test('a name that was uncertain already is no reason again', () => {
    expect(nameThroughVoids(column(UPRIGHT, false).discs, new Set(['L5-S1'])).reasons).toEqual([]);
  });
});
