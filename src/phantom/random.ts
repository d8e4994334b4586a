/** Uniform numbers in [0, 1) from a 32-bit seed (mulberry32, T. Ettinger): the same seed gives the same numbers. */
export type Random = () => number;

export function randomOf(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Another seed from a seed and a number, so that streams of one phantom do not run in step. */
export function mixSeed(seed: number, salt: number): number {
  const mixed = Math.imul((seed | 0) ^ Math.imul(salt | 0, 0x9e3779b1), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) | 0;
}

/** Two independent standard normal numbers (Box and Muller 1958). */
export function gaussianPair(random: Random): readonly [number, number] {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  const angle = 2 * Math.PI * random();
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** A number in [low, high). */
export const between = (random: Random, low: number, high: number): number => low + (high - low) * random();

/** A smooth random field over the plane, about -1..1; arguments in millimetres. */
export type Field = (x: number, y: number) => number;

/** Value noise: random numbers on a lattice of `sizeMm`, joined by smoothstep. */
export function fieldOf(seed: number, sizeMm: number): Field {
  const lattice = (ix: number, iy: number): number => {
    let h = (Math.imul(ix, 0x27d4eb2d) ^ Math.imul(iy, 0x165667b1) ^ seed) | 0;
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
    return ((h ^ (h >>> 15)) >>> 0) / 2147483648 - 1;
  };
  const smooth = (t: number): number => t * t * (3 - 2 * t);
  // Neighbouring points mostly lie in one cell of the lattice: its place and its corners are kept.
  const cell = new Float64Array(2).fill(Number.NaN);
  const corners = new Float64Array(4);
  return (x, y) => {
    const fx = x / sizeMm;
    const fy = y / sizeMm;
    const ix = Math.floor(fx);
    const iy = Math.floor(fy);
    if (ix !== cell[0] || iy !== cell[1]) {
      cell[0] = ix;
      cell[1] = iy;
      for (let corner = 0; corner < 4; corner += 1) corners[corner] = lattice(ix + (corner & 1), iy + (corner >> 1));
    }
    const tx = smooth(fx - ix);
    const ty = smooth(fy - iy);
    const top = corners[0]! * (1 - tx) + corners[1]! * tx;
    const bottom = corners[2]! * (1 - tx) + corners[3]! * tx;
    return top * (1 - ty) + bottom * ty;
  };
}

/** Sum of fields of halving size and strength, about -1..1. */
export function layeredField(seed: number, sizeMm: number, layers: number): Field {
  const fields = Array.from({ length: layers }, (_, i) => fieldOf(mixSeed(seed, i + 1), sizeMm / 2 ** i));
  const total = 2 - 2 ** (1 - layers);
  return (x, y) => {
    let sum = 0;
    let weight = 1 / total;
    for (const field of fields) {
      sum += weight * field(x, y);
      weight /= 2;
    }
    return sum;
  };
}
