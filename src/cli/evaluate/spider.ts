import { join } from 'node:path';
import { LEVELS, type Level } from '../../contracts/reasons.ts';
import { SCORED_DISCS } from '../../evaluation/detection.ts';
import type { DiscLabel, LabelledData, LabelledDisc, LabelledPicture } from './labelled.ts';
import { numberCell, readTable, type TableRow } from './table.ts';
import { boxCells, groupRows } from './yolospine.ts';

/** The column's heading explains itself in brackets, so it is found by its beginning. */
const ORDER_COLUMN = 'order_from_bottom(=SPIDER IVD label if lowest box is L5-S1)';

/**
 * SPIDER: T2 middle slices with disc and region boxes (some) and gradings (all, matched by level), T2 SPACE and ordinary
 * T2 slices with masks. Each is a source of its own.
 */
export async function readSpider(root: string): Promise<LabelledData> {
  const folder = join(root, 'spider');
  const scanners = await readScanners(join(folder, 'series.csv'));
  return {
    name: 'spider',
    pictures: [
      ...(await readMidSlices(folder, scanners)),
      ...(await readMasked(folder, 'space', 'space_masks.csv', scanners)),
      ...(await readMasked(folder, 't2w', 't2w.csv', scanners)),
    ],
    notes: [
      'spider-t2: gradings of the five lowest discs, matched to the reported discs by level; bulgeOrHerniation is a grading of herniation or of bulging.',
      'spider-space, spider-t2w: masks scored inside the lumbar crop that the pipeline found, in the whole picture where it found none. Discs and region are those of the mask, the boxes 0.145 disc spacings wider on each side, where it shows five discs; the lowest is L5-S1.',
    ],
  };
}

/** Scanners by patient: each patient lay in one. */
async function readScanners(path: string): Promise<ReadonlyMap<string, string>> {
  const rows = await readTable(path, ['new_file_name', 'Manufacturer', 'MagneticFieldStrength']);
  return new Map(
    rows.map(({ cells }) => {
      const maker = cells['Manufacturer']!.split(' ')[0]!.toLowerCase();
      const field = Number(cells['MagneticFieldStrength']);
      return [cells['new_file_name']!.split('_')[0]!, `${maker.charAt(0).toUpperCase()}${maker.slice(1)}, ${field} T`];
    }),
  );
}

async function readMidSlices(folder: string, scanners: ReadonlyMap<string, string>): Promise<LabelledPicture[]> {
  const [seriesPath, boxesPath, regionsPath, gradingsPath] = [
    'series.csv',
    'disc_boxes.csv',
    'region_boxes.csv',
    'gradings.csv',
  ].map((name) => join(folder, name)) as [string, string, string, string];
  const series = await readTable(seriesPath, ['new_file_name', 'split']);
  const boxes = groupRows(await readTable(boxesPath, ['name', ORDER_COLUMN, 'x1', 'y1', 'x2', 'y2']), 'name');
  const regionRows = await readTable(regionsPath, ['name', 'x1', 'y1', 'x2', 'y2']);
  const regions = new Map(regionRows.map((row) => [row.cells['name']!, boxCells(row, regionsPath)]));
  const gradings = groupRows(
    await readTable(gradingsPath, ['Patient', 'IVD label', 'Disc herniation', 'Disc bulging']),
    'Patient',
  );
  return series
    .filter(({ cells }) => /^\d+_t2$/.test(cells['new_file_name']!))
    .map(({ cells }): LabelledPicture => {
      const name = cells['new_file_name']!;
      const patient = name.split('_')[0]!;
      const drawn = boxes.get(name);
      return {
        name,
        patient,
        split: cells['split']!,
        source: 'spider-t2',
        scanner: scanners.get(patient) ?? null,
        path: join(folder, 'midslices', `${name}.png`),
        region: regions.get(name) ?? null,
        discs:
          drawn === undefined ? null : drawn.map((row) => drawnDisc(row, boxesPath)).sort((a, b) => b.box.y - a.box.y),
        labels: (gradings.get(patient) ?? []).flatMap((row) => gradedLabels(row, gradingsPath)),
        matchBy: 'level',
        maskPath: null,
      };
    });
}

function drawnDisc(row: TableRow, path: string): LabelledDisc {
  const order = numberCell(row, ORDER_COLUMN, path);
  return { box: boxCells(row, path), level: LEVELS[order - 1] ?? null, scored: order <= SCORED_DISCS };
}

/** Both targets of one graded disc; IVD label 1 is L5-S1, counting up; discs above the five lowest do not count. */
function gradedLabels(row: TableRow, path: string): DiscLabel[] {
  const order = numberCell(row, 'IVD label', path);
  if (order < 1 || order > SCORED_DISCS) return [];
  const level: Level = LEVELS[order - 1]!;
  const herniated = numberCell(row, 'Disc herniation', path) > 0;
  const bulging = numberCell(row, 'Disc bulging', path) > 0;
  return [
    { level, target: 'herniation', label: herniated ? 1 : 0 },
    { level, target: 'bulgeOrHerniation', label: herniated || bulging ? 1 : 0 },
  ];
}

async function readMasked(
  folder: string,
  part: 'space' | 't2w',
  table: string,
  scanners: ReadonlyMap<string, string>,
): Promise<LabelledPicture[]> {
  const rows = await readTable(join(folder, table), ['file', 'patient', 'split']);
  return rows.map(({ cells }) => ({
    name: cells['file']!.replace(/\.png$/, ''),
    patient: cells['patient']!,
    split: cells['split']!,
    source: `spider-${part}`,
    scanner: scanners.get(cells['patient']!) ?? null,
    path: join(folder, part, 'images', cells['file']!),
    region: null,
    discs: null,
    labels: [],
    matchBy: 'level' as const,
    maskPath: join(folder, part, 'masks', cells['file']!),
  }));
}
