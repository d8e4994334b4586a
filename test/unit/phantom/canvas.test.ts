import { describe, expect, it } from 'vitest';
import { Canvas } from '../../../src/phantom/canvas.ts';
import { fieldOf } from '../../../src/phantom/random.ts';
import type { Point, Polygon } from '../../../src/phantom/shape.ts';

const PLANE = { rows: 6, columns: 6, spacingMm: [1, 1], centreMm: [0, 0] } as const;

/** One letter a pixel: `#` where the mask has the label. */
function filled(polygon: Polygon, opacity = 1): string[] {
  const canvas = new Canvas(PLANE);
  canvas.fill(polygon, 1, { label: 1, opacity });
  const { label } = canvas.develop();
  return Array.from({ length: 6 }, (_, row) =>
    [...label.subarray(6 * row, 6 * row + 6)].map((value) => (value === 1 ? '#' : '.')).join(''),
  );
}

const square = (half: number): Point[] => [
  [-half, -half],
  [half, -half],
  [half, half],
  [-half, half],
];

describe('Canvas', () => {
  it('fills by the even-odd rule: an outline within an outline is a hole', () => {
    const ring = [...square(3), [-3, -3] as const, [-1, -1] as const, ...square(1).slice(1), [-1, -1] as const];
    expect(filled(ring)).toEqual(['######', '######', '##..##', '##..##', '######', '######']);
  });

  it('fills the part of an outline that lies in the picture', () => {
    const beyond: Polygon = [
      [-50, -1],
      [50, -1],
      [50, 50],
      [-50, 50],
    ];
    expect(filled(beyond)).toEqual(['......', '......', '######', '######', '######', '######']);
    expect(filled(square(50))).toEqual(new Array(6).fill('######'));
  });

  it('mixes what covers half with what lies below, and labels no less', () => {
    const canvas = new Canvas(PLANE);
    canvas.fill(square(3), (x) => (x < 0 ? 0.5 : 1));
    canvas.fill(square(1), 0, { opacity: 0.25, label: 2 });
    const { signal, label } = canvas.develop();
    expect([...signal.subarray(12, 18)]).toEqual([0.5, 0.5, 0.375, 0.75, 1, 1]);
    expect(label.some((value) => value === 2)).toBe(false);
  });
});

describe('fieldOf', () => {
  it('gives a point the same value whatever was asked before', () => {
    const field = fieldOf(7, 3);
    const points = Array.from({ length: 80 }, (_, index) => [(index % 9) * 1.3 - 5, (index % 7) * 1.7 - 5] as const);
    expect(points.map(([x, y]) => field(x, y))).toEqual(points.map(([x, y]) => fieldOf(7, 3)(x, y)));
    expect(new Set(points.map(([x, y]) => field(x, y))).size).toBeGreaterThan(50);
  });
});
