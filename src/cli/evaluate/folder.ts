import { readdir } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { TARGETS } from '../../contracts/pack.ts';
import { LEVELS } from '../../contracts/reasons.ts';
import { UsageError } from '../plan.ts';
import type { DiscLabel, LabelledData, LabelledPicture } from './labelled.ts';
import { choiceCell, readTable, readText } from './table.ts';
import { type ClassMeaning, classMeanings, readBoxes, YOLOSPINE_CLASSES } from './yolo-labels.ts';

/** The size of a picture file, upright, pixels. */
export type SizeOf = (path: string) => Promise<{ readonly width: number; readonly height: number }>;

const PICTURES = new Set(['.png', '.jpg', '.jpeg']);
const LISTED = 5;

/** Told where a folder is malformed, and in the command's help. */
export const FOLDER_FORMAT = `A folder of one's own holds
  images/        PNG or JPEG slices, mid-sagittal, head up, anterior left
  splits.csv     image,patient,split           every image; intervals are over patients
and any of
  labels/*.txt   YOLO boxes, named as the images; classes as in YOLOspine, or as labels/classes.txt names them; an empty
                 file says that the picture shows no disc
  masks/         PNG, named as the images: 0 background, 1 vertebra, 2 disc, 3 canal (or SPIDER's 0, 76, 29, 150);
                 its discs count where nobody drew boxes and it shows five, the lowest as L5-S1
  findings.csv   image,level,target,label      level L5-S1 … L1-L2, target herniation or bulgeOrHerniation, label 0 or 1`;

/** A folder in the format above. Throws `UsageError` that names the file, the line and what is wrong. */
export async function readFolder(folder: string, sizeOf: SizeOf): Promise<LabelledData> {
  const images = await filesByStem(join(folder, 'images'), PICTURES);
  if (images === null || images.size === 0) {
    throw new UsageError(`${join(folder, 'images')} holds no PNG or JPEG file.\n\n${FOLDER_FORMAT}`);
  }
  const splits = await readSplits(join(folder, 'splits.csv'), images);
  const findings = await readFindings(folder, images);
  const labels = await filesByStem(join(folder, 'labels'), new Set(['.txt']));
  const masks = await filesByStem(join(folder, 'masks'), new Set(['.png']));
  if (findings === null && labels === null && masks === null) {
    throw new UsageError(`${folder} has no labels: no labels/, masks/ or findings.csv.\n\n${FOLDER_FORMAT}`);
  }
  const classes = labels === null ? YOLOSPINE_CLASSES : await readClasses(folder, labels);
  requireImages(images, labels, masks);
  const source = basename(resolve(folder));
  const pictures: LabelledPicture[] = [];
  for (const [name, path] of images) {
    const { patient, split } = splits.get(name)!;
    const labelPath = labels?.get(name);
    const boxes =
      labelPath === undefined ? null : readBoxes(await readText(labelPath), labelPath, classes, await sizeOf(path));
    // A region without discs: nobody drew those. A file without either says that there are none.
    const discs = boxes === null || (boxes.discs.length === 0 && boxes.region !== null) ? null : boxes.discs;
    pictures.push({
      name,
      patient,
      split,
      source,
      scanner: null,
      path,
      region: boxes?.region ?? null,
      discs,
      labels: findings?.get(name) ?? [],
      matchBy: discs === null ? 'level' : 'box',
      maskPath: masks?.get(name) ?? null,
    });
  }
  return { name: source, pictures, notes: notesOf(pictures) };
}

function notesOf(pictures: readonly LabelledPicture[]): string[] {
  const byLevel = pictures.filter(({ matchBy, labels }) => matchBy === 'level' && labels.length > 0).length;
  return byLevel === 0 ? [] : [`${byLevel} pictures have findings but no boxes: their findings are matched by level.`];
}

/** A label that belongs to no image would be left out without a word. */
function requireImages(
  images: ReadonlyMap<string, string>,
  ...labelled: ReadonlyArray<ReadonlyMap<string, string> | null>
): void {
  for (const [name, path] of labelled.flatMap((files) => [...(files ?? [])])) {
    if (!images.has(name)) throw new UsageError(`${path}: images/ holds no image of that name`);
  }
}

/** Files with one of the extensions by name without extension, sorted; null where the folder is missing. */
async function filesByStem(folder: string, extensions: ReadonlySet<string>): Promise<Map<string, string> | null> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const files = new Map<string, string>();
  for (const name of names.sort()) {
    const extension = extname(name).toLowerCase();
    if (name.startsWith('.') || !extensions.has(extension)) continue;
    const stem = composed(name.slice(0, -extension.length));
    if (files.has(stem))
      throw new UsageError(`${join(folder, name)}: another file there has the same name before its extension`);
    files.set(stem, join(folder, name));
  }
  return files;
}

/** One spelling of letters with marks: file systems and tables differ in whether the mark is a character of its own. */
const composed = (name: string): string => name.normalize('NFC');

const stemOf = (image: string): string => {
  const extension = extname(image);
  return composed(PICTURES.has(extension.toLowerCase()) ? image.slice(0, -extension.length) : image);
};

async function readSplits(path: string, images: ReadonlyMap<string, string>) {
  const splits = new Map<string, { patient: string; split: string }>();
  for (const { line, cells } of await readTable(path, ['image', 'patient', 'split'])) {
    const [image, patient, split] = [stemOf(cells['image']!.trim()), cells['patient']!.trim(), cells['split']!.trim()];
    if (!images.has(image)) throw new UsageError(`${path}, line ${line}: images/ holds no such image`);
    if (patient === '' || split === '')
      throw new UsageError(`${path}, line ${line}: patient and split must not be empty`);
    if (splits.has(image)) throw new UsageError(`${path}, line ${line}: the image stands there twice`);
    splits.set(image, { patient, split });
  }
  requireOneSplit(splits, path);
  const missing = [...images.keys()].filter((name) => !splits.has(name));
  if (missing.length > 0) {
    const shown = missing.slice(0, LISTED).join(', ');
    throw new UsageError(`${path} lacks ${missing.length} of the images, among them ${shown}`);
  }
  return splits;
}

/** A patient in two splits would be trained and tested on. */
function requireOneSplit(splits: ReadonlyMap<string, { patient: string; split: string }>, path: string): void {
  const known = new Map<string, string>();
  for (const { patient, split } of splits.values()) {
    const other = known.get(patient);
    if (other !== undefined && other !== split) {
      throw new UsageError(
        `${path}: a patient stands in both ${other} and ${split}; every patient belongs to one split`,
      );
    }
    known.set(patient, split);
  }
}

async function readFindings(
  folder: string,
  images: ReadonlyMap<string, string>,
): Promise<Map<string, DiscLabel[]> | null> {
  const path = join(folder, 'findings.csv');
  const present = (await readdir(folder)).includes('findings.csv');
  if (!present) return null;
  const findings = new Map<string, DiscLabel[]>();
  for (const row of await readTable(path, ['image', 'level', 'target', 'label'])) {
    const image = stemOf(row.cells['image']!.trim());
    if (!images.has(image)) throw new UsageError(`${path}, line ${row.line}: images/ holds no such image`);
    const label: DiscLabel = {
      level: choiceCell(row, 'level', LEVELS, path),
      target: choiceCell(row, 'target', TARGETS, path),
      label: choiceCell(row, 'label', ['0', '1'], path) === '1' ? 1 : 0,
    };
    const known = findings.get(image) ?? [];
    if (known.some(({ level, target }) => level === label.level && target === label.target)) {
      throw new UsageError(`${path}, line ${row.line}: this disc already has a label for this target`);
    }
    if (known.some((other) => contradicts(other, label) || contradicts(label, other))) {
      throw new UsageError(`${path}, line ${row.line}: a herniation is never neither bulge nor herniation`);
    }
    findings.set(image, [...known, label]);
  }
  return findings;
}

/** Whether the first says that there is a herniation, and the second of the same disc that there is none, nor a bulge. */
function contradicts(first: DiscLabel, second: DiscLabel): boolean {
  const herniated = first.target === 'herniation' && first.label === 1;
  return herniated && second.target === 'bulgeOrHerniation' && second.label === 0 && first.level === second.level;
}

/** Takes classes.txt out of the label files. */
async function readClasses(folder: string, labels: Map<string, string>): Promise<readonly ClassMeaning[]> {
  const inside = labels.get('classes');
  labels.delete('classes');
  const beside = (await readdir(folder)).includes('classes.txt') ? join(folder, 'classes.txt') : undefined;
  const path = inside ?? beside;
  return path === undefined ? YOLOSPINE_CLASSES : classMeanings(await readText(path), path);
}
