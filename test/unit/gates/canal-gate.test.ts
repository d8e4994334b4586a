import { describe, expect, test } from 'vitest';
import type { NamedDisc } from '../../../src/contracts/detection.ts';
import { LEVELS } from '../../../src/contracts/reasons.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { CLASS } from '../../../src/imaging/mask.ts';
import { canalFlags } from '../../../src/pipeline/canal-gate.ts';

const WIDTH = 120;
const HEIGHT = 300;

/** Six discs, the lowest first, 40 pixels wide and 20 high, the lowest from row 260. */
const DISCS: NamedDisc[] = LEVELS.slice(0, 6).map((level, index) => ({
  level,
  levelCertain: true,
  box: { x: 20, y: 260 - index * 45, width: 40, height: 20 },
  confidence: 0.9,
}));

/** A canal of these rows and columns. */
function canal(from: number, to: number, left = 64, right = 76): Grey8 {
  const data = new Uint8Array(WIDTH * HEIGHT);
  for (let row = from; row < to; row++) data.fill(CLASS.canal, row * WIDTH + left, row * WIDTH + right);
  return { depth: 'u8', width: WIDTH, height: HEIGHT, data };
}

const levels = (mask: Grey8) => canalFlags(DISCS, mask).map(({ level }) => level);

describe('canalFlags', () => {
  test('a canal behind every disc gives no flag, nor does one that ends beside the lowest', () => {
    expect(levels(canal(0, HEIGHT))).toEqual([]);
    expect(levels(canal(0, 261))).toEqual([]);
  });

  test('a slice that leaves the canal is flagged at each lumbar level where it does', () => {
    expect(levels(canal(0, 210))).toEqual(['L5-S1', 'L4-L5']);
    expect(levels(canal(210, HEIGHT))).toEqual(['L3-L4', 'L2-L3', 'L1-L2']);
    expect(canalFlags(DISCS, canal(0, 210))[0]!.code).toBe('canal_not_seen');
  });

  test('what ends in the front half of the box is not its canal', () => {
    const [{ box }] = DISCS as [(typeof DISCS)[number]];
    expect(levels(canal(0, HEIGHT, Math.ceil(box.x), Math.floor(box.x + box.width / 2)))).toContain('L5-S1');
  });

  test('what lies in front of the disc or far behind it is not its canal', () => {
    expect(levels(canal(0, HEIGHT, 0, 20))).toHaveLength(5);
    expect(levels(canal(0, HEIGHT, 100, 110))).toHaveLength(5);
  });
});
