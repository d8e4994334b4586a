import type { Box } from '../../contracts/detection.ts';
import { SCORED_DISCS } from '../../evaluation/detection.ts';
import type { Grey8 } from '../../imaging/image.ts';
import { CLASS, type Component, componentsOf } from '../../imaging/mask.ts';
import { discColumn, grown, type LabelledPicture, meanSpacing, regionOfDiscs } from './labelled.ts';

/**
 * How far boxes reach beyond the disc of SPIDER's masks on each side, in disc spacings, where a detector draws them that
 * learnt from labelled boxes: the medians over 166 slices of training and validation patients are 0.13 to 0.16.
 */
const LABEL_MARGIN = 0.145;

/** A piece of disc below this part of the median one's area is a speck. */
const SPECK = 0.25;
/** The median is over pieces of at least this part of the largest one's area. */
const PIECE = 0.1;

/**
 * The picture with the discs and the region of its labelled mask, where nobody drew boxes and the mask shows the five
 * lumbar discs; else the picture as it is. `mask` holds classes and has the picture's size.
 */
export function withDiscsOfMask(picture: LabelledPicture, mask: Grey8): LabelledPicture {
  if (picture.discs !== null) return picture;
  const tight = discColumn(discsOfMask(mask));
  if (tight.length < SCORED_DISCS) return picture;
  const side = LABEL_MARGIN * meanSpacing(tight);
  const margin = { left: side, top: side, right: side, bottom: side };
  const discs = tight.map((disc) => ({ ...disc, box: grown(disc.box, margin, mask) }));
  return { ...picture, discs, region: picture.region ?? regionOfDiscs(discs, mask) };
}

/** Tight boxes of the mask's discs without specks, pixels. */
function discsOfMask(mask: Grey8): Box[] {
  const pieces = componentsOf(mask, CLASS.disc);
  const whole = pieces.filter(({ pixels }) => pixels.length >= PIECE * pieces[0]!.pixels.length);
  const median = whole[Math.floor(whole.length / 2)]?.pixels.length ?? 0;
  return pieces.filter(({ pixels }) => pixels.length >= SPECK * median).map((piece) => tightBox(piece, mask.width));
}

function tightBox({ pixels }: Component, width: number): Box {
  let [left, right, top, bottom] = [Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY, 0];
  for (const pixel of pixels) {
    const x = pixel % width;
    const y = (pixel - x) / width;
    [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}
