import type { Box } from '../../contracts/detection.ts';
import { overlap, unionBox } from '../../evaluation/boxes.ts';
import { UsageError } from '../plan.ts';
import { discColumn, type LabelledDisc, regionOfDiscs } from './labelled.ts';

/** What a class of a label file is. */
export type ClassMeaning = 'disc' | 'region' | 'other';

/** YOLOspine's classes: what holds where a folder has no classes.txt. */
export const YOLOSPINE_CLASSES: readonly ClassMeaning[] = ['disc', 'disc', 'other', 'other', 'disc', 'disc'];

/** Boxes of one disc overlap more than this; they are merged. */
const SAME_DISC = 0.5;
/** A box that holds the centres of at least so many others is the lumbar region, whatever its class. */
const REGION_HOLDS = 3;

/**
 * Class meanings from the lines of classes.txt: a name with "region" or "lumbar" and no "disc" is the region, one with
 * "disc" or "disk" a disc, any other counts for nothing. Throws `UsageError` where no class is a disc.
 */
export function classMeanings(text: string, path: string): ClassMeaning[] {
  const meanings = text
    .split(/\r?\n/)
    .map((line) => line.trim().toLowerCase())
    .filter((line, index, lines) => line !== '' || index < lines.length - 1)
    .map((name): ClassMeaning => {
      if (/dis[ck]/.test(name)) return 'disc';
      return /region|lumbar/.test(name) ? 'region' : 'other';
    });
  if (!meanings.includes('disc')) throw new UsageError(`${path}: no class name holds the word disc`);
  return meanings;
}

/** Discs and region of one picture. */
export interface PictureBoxes {
  readonly discs: LabelledDisc[];
  readonly region: Box | null;
}

/**
 * Reads a YOLO label file: lines `class cx cy w h`, relative to the picture's size, the centre first. Overlapping discs
 * are merged, discs are named from the lowest, L5-S1. Where no region was drawn it follows from the discs.
 */
export function readBoxes(
  text: string,
  path: string,
  classes: readonly ClassMeaning[],
  picture: { readonly width: number; readonly height: number },
): PictureBoxes {
  const lines = text.split(/\r?\n/).flatMap((line, index) => (line.trim() === '' ? [] : [{ line, number: index + 1 }]));
  const boxes = lines.map(({ line, number }) => readLine(line, `${path}, line ${number}`, classes, picture));
  const drawn = boxes.filter(({ meaning }) => meaning === 'disc').map(({ box }) => box);
  const isRegion = (box: Box) =>
    drawn.filter((other) => other !== box && holdsCentre(box, other)).length >= REGION_HOLDS;
  const discs = discColumn(mergeDiscs(drawn.filter((box) => !isRegion(box))));
  const region = boxes.find(({ meaning }) => meaning === 'region')?.box ?? drawn.find(isRegion);
  return { discs, region: region ?? regionOfDiscs(discs, picture) };
}

function readLine(
  line: string,
  place: string,
  classes: readonly ClassMeaning[],
  picture: { readonly width: number; readonly height: number },
): { meaning: ClassMeaning; box: Box } {
  const cells = line.trim().split(/\s+/).map(Number);
  if (cells.length !== 5 || !cells.every(Number.isFinite)) {
    throw new UsageError(`${place}: must be five numbers, class, centre x, centre y, width and height`);
  }
  const [kind, cx, cy, width, height] = cells as [number, number, number, number, number];
  const meaning = classes[kind];
  if (meaning === undefined) {
    throw new UsageError(
      `${place}: class ${kind} is not known; name the classes in classes.txt beside the label files, one a line`,
    );
  }
  if ([cx, cy, width, height].some((value) => value < 0 || value > 1) || width === 0 || height === 0) {
    throw new UsageError(`${place}: centre and size must be shares of the picture, above 0 and at most 1`);
  }
  const box = {
    x: (cx - width / 2) * picture.width,
    y: (cy - height / 2) * picture.height,
    width: width * picture.width,
    height: height * picture.height,
  };
  return { meaning, box };
}

function holdsCentre(box: Box, other: Box): boolean {
  const x = other.x + other.width / 2;
  const y = other.y + other.height / 2;
  return x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height;
}

function mergeDiscs(boxes: readonly Box[]): Box[] {
  const merged: Box[] = [];
  for (const box of boxes) {
    const same = merged.findIndex((other) => overlap(box, other) > SAME_DISC);
    if (same < 0) merged.push(box);
    else merged[same] = unionBox(merged[same]!, box);
  }
  return merged;
}
