import type { Grey16 } from '../imaging/image.ts';
import type { Orientation } from '../imaging/orientation.ts';

type Vector = readonly [number, number, number];

/** A sagittal slice as a scanner stores it: pixels with DICOM's geometry (PS3.3 C.7.6.2). */
export interface StoredSlice {
  readonly image: Grey16;
  /** Row direction, column direction, LPS. */
  readonly orientation: readonly number[];
  /** Centre of the first pixel, LPS, millimetres. */
  readonly position: Vector;
  /** [row, column] in millimetres. */
  readonly spacingMm: readonly [number, number];
}

const BACKWARDS: Vector = [0, 1, 0];
const FEETWARDS: Vector = [0, 0, -1];
const times = (v: Vector, s: number): Vector => [v[0] * s + 0, v[1] * s + 0, v[2] * s + 0];

/**
 * Stores an upright slice (head up, front left) so that `toUpright` brings it back.
 * `leftMm` is its place along the patient's right-to-left axis; the image centre lies at y = z = 0.
 */
export function storeSlice(
  upright: Grey16,
  uprightSpacingMm: readonly [number, number],
  leftMm: number,
  toUpright: Orientation,
): StoredSlice {
  const { transpose, flipX, flipY } = toUpright;
  const { width: W, height: H } = upright;
  const width = transpose ? H : W;
  const height = transpose ? W : H;
  const uprightOf = (row: number, column: number): [number, number] => {
    const [r, c] = transpose ? [column, row] : [row, column];
    return [flipY ? H - 1 - r : r, flipX ? W - 1 - c : c];
  };
  const data = new Uint16Array(width * height);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const [r, c] = uprightOf(row, column);
      data[row * width + column] = upright.data[r * W + c]!;
    }
  }
  const [firstRow, firstColumn] = uprightOf(0, 0);
  const [rowMm, columnMm] = uprightSpacingMm;
  const alongUprightRow = times(BACKWARDS, flipX ? -1 : 1);
  const alongUprightColumn = times(FEETWARDS, flipY ? -1 : 1);
  return {
    image: { depth: 'u16', width, height, data },
    orientation: transpose ? [...alongUprightColumn, ...alongUprightRow] : [...alongUprightRow, ...alongUprightColumn],
    position: [leftMm, (firstColumn + 0.5 - W / 2) * columnMm, -(firstRow + 0.5 - H / 2) * rowMm],
    spacingMm: transpose ? [columnMm, rowMm] : [rowMm, columnMm],
  };
}
