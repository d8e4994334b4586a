import type { Grey8 } from './image.ts';

/** Rows are looked at in strips of this part of the height, and strips in so many stretches: means leave noise behind. */
const STRIP = 1 / 64;
const STRETCHES = 32;
/** A stretch shows something where it differs from the strip's ground by more than this (0 to 255, after the window). */
const CONTRAST = 8;
/** A strip shows something where more than this share of its stretches does: from 0.094 at the foot of 651 real pictures. */
const SHARE = 0.08;

/**
 * Rows of a slice down to the last that shows something: what exports, viewers and scanners put below it, black, grey,
 * white or noise, is not part of what was seen. 0 where nothing shows. All 651 pictures of training and validation are
 * seen whole.
 */
export function seenRows(image: Grey8): number {
  const { height } = image;
  const strip = Math.max(1, Math.round(STRIP * height));
  for (let end = height; end >= strip; end--) {
    if (!showsSomething(stretchMeans(image, end - strip, end))) continue;
    // A strip shows something as soon as its first row does.
    return end === height ? height : end - strip + 1;
  }
  return 0;
}

function showsSomething(means: Float64Array): boolean {
  const ground = means.toSorted()[means.length >> 1]!;
  let different = 0;
  for (const mean of means) if (Math.abs(mean - ground) > CONTRAST) different++;
  return different > SHARE * means.length;
}

/** Means of the rows `from` to before `to`, a stretch of columns each. */
function stretchMeans({ width, data }: Grey8, from: number, to: number): Float64Array {
  const stretches = Math.min(STRETCHES, width);
  const left = (stretch: number) => Math.floor((stretch * width) / stretches);
  return Float64Array.from({ length: stretches }, (_, stretch) => {
    const [x0, x1] = [left(stretch), left(stretch + 1)];
    let sum = 0;
    for (let row = from; row < to; row++) for (let x = x0; x < x1; x++) sum += data[row * width + x]!;
    return sum / ((to - from) * (x1 - x0));
  });
}
