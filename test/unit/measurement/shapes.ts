import type { Box } from '../../../src/contracts/detection.ts';
import type { Grey8 } from '../../../src/imaging/image.ts';
import { CLASS } from '../../../src/imaging/mask.ts';

/** A convex or star-shaped outline in millimetres, corner after corner. */
export interface Shape {
  readonly value: number;
  readonly outline: ReadonlyArray<readonly [number, number]>;
}

export const rectangle = (value: number, x: number, y: number, width: number, height: number): Shape => ({
  value,
  outline: [
    [x, y],
    [x + width, y],
    [x + width, y + height],
    [x, y + height],
  ],
});

export interface Drawing {
  readonly mask: Grey8;
  /** Box around the pixels of a shape, by its place in the list. */
  boxOf(index: number): Box;
  readonly part: { readonly x0: number; readonly y0: number; readonly x1: number; readonly y1: number };
}

/**
 * Shapes in millimetres drawn into a mask of `size` pixels a side, turned by `degrees` about the middle; earlier shapes
 * cover later ones. A pixel belongs to a shape when its centre does.
 */
export function draw(shapes: readonly Shape[], spacingMm: number, degrees: number, size = 320): Drawing {
  const data = new Uint8Array(size * size);
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const middle = (size * spacingMm) / 2;
  const painted = new Uint8Array(size * size);
  const extents = shapes.map(() => ({ x0: size, y0: size, x1: 0, y1: 0 }));
  const bounds = shapes.map(({ outline }) => boundsOf(outline));
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [dx, dy] = [(column + 0.5) * spacingMm - middle, (row + 0.5) * spacingMm - middle];
      const x = middle + dx * cos + dy * sin;
      const y = middle - dx * sin + dy * cos;
      shapes.forEach(({ value, outline }, index) => {
        const { left, top, right, bottom } = bounds[index]!;
        if (x < left || x > right || y < top || y > bottom || !inside(outline, x, y)) return;
        const pixel = row * size + column;
        if (painted[pixel] === 0) data[pixel] = value;
        painted[pixel] = 1;
        const extent = extents[index]!;
        extent.x0 = Math.min(extent.x0, column);
        extent.y0 = Math.min(extent.y0, row);
        extent.x1 = Math.max(extent.x1, column + 1);
        extent.y1 = Math.max(extent.y1, row + 1);
      });
    }
  }
  return {
    mask: { depth: 'u8', width: size, height: size, data },
    boxOf(index) {
      const { x0, y0, x1, y1 } = extents[index]!;
      return { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    },
    part: { x0: 0, y0: 0, x1: size, y1: size },
  };
}

function boundsOf(outline: Shape['outline']) {
  const [xs, ys] = [outline.map(([x]) => x), outline.map(([, y]) => y)];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

function inside(outline: Shape['outline'], x: number, y: number): boolean {
  let within = false;
  for (let at = 0, before = outline.length - 1; at < outline.length; before = at++) {
    const [ax, ay] = outline[at]!;
    const [bx, by] = outline[before]!;
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** Millimetres of the drawn spine: three discs of 34 x 9, vertebrae of 34 x 27, a canal of 14 behind them. */
export const SPINE = { disc: 9, vertebra: 27, length: 34, canal: 14, gap: 2 } as const;

/**
 * Lowest disc first: shapes 0 to 2 are the discs; then vertebrae, then the canal. `bulge` lets the middle disc reach
 * that many millimetres behind the posterior wall.
 */
export function spine(bulge = 0): Shape[] {
  const left = 60;
  const tops = [120, 84, 48];
  const discs = tops.map((top, index) =>
    rectangle(CLASS.disc, left, top, SPINE.length + (index === 1 ? bulge : 0), SPINE.disc),
  );
  const bodies = [129, 93, 57, 21].map((top) => rectangle(CLASS.vertebra, left, top, SPINE.length, SPINE.vertebra));
  const canal = rectangle(CLASS.canal, left + SPINE.length + SPINE.gap, 10, SPINE.canal, 150);
  return [...discs, ...bodies, canal];
}
