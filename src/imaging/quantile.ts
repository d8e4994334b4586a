/** The value at a share of ascending ones, the lower of two where it falls between; 0 of none. */
export function quantileOf(ascending: ArrayLike<number>, share: number): number {
  return ascending[Math.floor(share * (ascending.length - 1))] ?? 0;
}
