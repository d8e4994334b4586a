import { join } from 'node:path';
import type { Box } from '../../contracts/detection.ts';
import { LEVELS, type Level } from '../../contracts/reasons.ts';
import type { DiscLabel, LabelledData, LabelledPicture } from './labelled.ts';
import { herniationAt, parseNote } from './notes.ts';
import { choiceCell, numberCell, readTable, type TableRow } from './table.ts';

const CORNERS = ['x1', 'y1', 'x2', 'y2'] as const;

/** The box of a row with corners x1, y1, x2, y2. */
export function boxCells(row: TableRow, path: string): Box {
  const [x1, y1, x2, y2] = CORNERS.map((column) => numberCell(row, column, path)) as [number, number, number, number];
  return { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
}

/** Rows by the value of a column, in order of first appearance. */
export function groupRows(rows: readonly TableRow[], column: string): Map<string, TableRow[]> {
  const groups = new Map<string, TableRow[]>();
  for (const row of rows) {
    const key = row.cells[column]!;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

/**
 * YOLOspine: merged disc boxes with `bulge_or_herniation`, region boxes, and strict herniation read from the
 * radiologists' notes; a level that its note leaves open has no strict label. Where a note calls a scored disc herniated
 * that its box calls sound, one of the two counts levels in another way: that picture has no strict labels.
 */
export async function readYolospine(root: string): Promise<LabelledData> {
  const folder = join(root, 'yolospine');
  const [discsPath, regionsPath, notesPath] = ['discs.csv', 'region_boxes.csv', 'radiologist_notes.csv'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const discRows = await readTable(discsPath, [
    'stem',
    'patient',
    'split',
    'order',
    'level',
    ...CORNERS,
    'bulge_or_herniation',
    'scored',
  ]);
  const regions = new Map(
    (await readTable(regionsPath, ['stem', ...CORNERS])).map((row) => [row.cells['stem']!, boxCells(row, regionsPath)]),
  );
  const notes = new Map(
    (await readTable(notesPath, ['patient', 'notes'])).map(({ cells }) => [
      cells['patient']!,
      parseNote(cells['notes']!),
    ]),
  );
  const pictures = [...groupRows(discRows, 'stem')].map(([stem, rows]): LabelledPicture => {
    const { patient, split } = rows[0]!.cells as { patient: string; split: string };
    const sorted = rows.toSorted((a, b) => numberCell(a, 'order', discsPath) - numberCell(b, 'order', discsPath));
    const scored = sorted
      .filter(({ cells }) => cells['scored'] === '1')
      .map((row) => ({
        level: choiceCell(row, 'level', LEVELS, discsPath),
        bulge: choiceCell(row, 'bulge_or_herniation', ['0', '1'], discsPath) === '1' ? (1 as const) : (0 as const),
      }));
    const note = notes.get(patient);
    const herniation = (level: Level) => (note === undefined ? null : herniationAt(note, level));
    const contradicted = scored.some(({ level, bulge }) => bulge === 0 && herniation(level) === 1);
    return {
      name: stem,
      patient,
      split,
      source: 'yolospine',
      scanner: null,
      path: join(folder, 'images', `${stem}.png`),
      region: regions.get(stem) ?? null,
      discs: sorted.map((row) => ({
        box: boxCells(row, discsPath),
        level: choiceCell(row, 'level', LEVELS, discsPath),
        scored: row.cells['scored'] === '1',
      })),
      labels: scored.flatMap(({ level, bulge }) => {
        const strict = contradicted ? null : herniation(level);
        const labels: DiscLabel[] = [{ level, target: 'bulgeOrHerniation', label: bulge }];
        return strict === null ? labels : [...labels, { level, target: 'herniation', label: strict }];
      }),
      matchBy: 'box',
      maskPath: null,
    };
  });
  return {
    name: 'yolospine',
    pictures,
    notes: [
      'bulgeOrHerniation: YOLOspine boxes. herniation: read from the radiologists’ notes by level; levels that a note leaves open are left out, and pictures whose note calls a disc herniated that the boxes call sound.',
    ],
  };
}
