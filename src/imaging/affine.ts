/**
 * Affine maps between pixel grids as `[a, b, c, d, e, f]`: `x' = a x + b y + c`, `y' = d x + e y + f`.
 * Coordinates are pixel edges, origin top left: a full image spans `0..width` and `0..height`.
 */
export type Affine = readonly [number, number, number, number, number, number];

/** The map that applies `first` and then `second`. */
export function compose(first: Affine, second: Affine): Affine {
  const [a, b, c, d, e, f] = first;
  const [g, h, i, j, k, l] = second;
  return [g * a + h * d, g * b + h * e, g * c + h * f + i, j * a + k * d, j * b + k * e, j * c + k * f + l];
}

export function applyAffine(map: Affine, x: number, y: number): { x: number; y: number } {
  const [a, b, c, d, e, f] = map;
  return { x: a * x + b * y + c, y: d * x + e * y + f };
}

/** The map back. Throws `RangeError` where the map is singular. */
export function invertAffine(map: Affine): Affine {
  const [a, b, c, d, e, f] = map;
  const determinant = a * e - b * d;
  if (determinant === 0) throw new RangeError('a singular affine has no inverse');
  const [p, q, r, s] = [e / determinant, -b / determinant, -d / determinant, a / determinant];
  return [p, q, -(p * c + q * f), r, s, -(r * c + s * f)];
}
