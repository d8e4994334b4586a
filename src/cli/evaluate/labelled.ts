import type { Box } from '../../contracts/detection.ts';
import type { Target } from '../../contracts/pack.ts';
import { LEVELS, type Level } from '../../contracts/reasons.ts';
import { unionBox } from '../../evaluation/boxes.ts';
import { SCORED_DISCS } from '../../evaluation/detection.ts';

/** A labelled disc box, pixels of the picture. */
export interface LabelledDisc {
  readonly box: Box;
  readonly level: Level | null;
  /** One of the five lowest: the others are neither hit, miss nor extra. */
  readonly scored: boolean;
}

export interface DiscLabel {
  readonly level: Level;
  readonly target: Target;
  readonly label: 0 | 1;
}

/** One picture with whatever labels it has. */
export interface LabelledPicture {
  /** Unique in its data set, and public: it stands in predictions.csv. */
  readonly name: string;
  readonly patient: string;
  readonly split: string;
  /** Figures are given for each source apart. */
  readonly source: string;
  /** Maker and field strength, where a source has several scanners: figures are given for each apart too. */
  readonly scanner: string | null;
  readonly path: string;
  readonly region: Box | null;
  /** From the lowest upwards; null where nobody drew boxes, until the discs of a mask stand there (`withDiscsOfMask`). */
  readonly discs: readonly LabelledDisc[] | null;
  readonly labels: readonly DiscLabel[];
  /** How a label finds its reported disc: by the box drawn at its level, or by the reported name. */
  readonly matchBy: 'box' | 'level';
  readonly maskPath: string | null;
}

export interface LabelledData {
  readonly name: string;
  readonly pictures: readonly LabelledPicture[];
  /** What the reader wants said beside the figures. */
  readonly notes: readonly string[];
}

/** Boxes from the lowest upwards, named from L5-S1, the five lowest scored. */
export function discColumn(boxes: readonly Box[]): LabelledDisc[] {
  return [...boxes]
    .sort((a, b) => b.y + b.height / 2 - (a.y + a.height / 2))
    .map((box, index) => ({ box, level: LEVELS[index] ?? null, scored: index < SCORED_DISCS }));
}

/**
 * The lumbar region of boxes from the lowest upwards, as `region_boxes.csv` of the public data has it: the union of the
 * five lowest with one disc spacing above and behind, half of one below and a quarter in front, clipped to the picture.
 */
export function regionOfDiscs(discs: readonly LabelledDisc[], picture: { width: number; height: number }): Box | null {
  const boxes = discs.filter(({ scored }) => scored).map(({ box }) => box);
  if (boxes.length < 2) return null;
  const spacing = meanSpacing(discs);
  const hull = boxes.reduce(unionBox);
  return grown(hull, { left: spacing / 4, top: spacing, right: spacing, bottom: spacing / 2 }, picture);
}

/** A box made larger by a margin on each side, pixels, and clipped to the picture. */
export function grown(
  { x, y, width, height }: Box,
  margin: Readonly<Record<'left' | 'top' | 'right' | 'bottom', number>>,
  picture: { width: number; height: number },
): Box {
  const [left, top] = [Math.max(0, x - margin.left), Math.max(0, y - margin.top)];
  const right = Math.min(picture.width, x + width + margin.right);
  const bottom = Math.min(picture.height, y + height + margin.bottom);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** Mean height from one scored disc's centre to the next one's, pixels; discs from the lowest upwards, two at least. */
export function meanSpacing(discs: readonly LabelledDisc[]): number {
  const centres = discs.filter(({ scored }) => scored).map(({ box }) => box.y + box.height / 2);
  return Math.abs(centres[0]! - centres.at(-1)!) / (centres.length - 1);
}
