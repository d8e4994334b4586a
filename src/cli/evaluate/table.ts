import { readFile } from 'node:fs/promises';
import { UsageError } from '../plan.ts';

/** A row of a CSV file: cells by column, and its line for messages. */
export interface TableRow {
  readonly line: number;
  readonly cells: Readonly<Record<string, string>>;
}

/** Reads RFC 4180 text with a header. Throws `UsageError` that names the file, the line and what is wrong. */
export async function readTable(path: string, columns: readonly string[]): Promise<TableRow[]> {
  const text = await readText(path);
  const [header, ...records] = parseRecords(text.replace(/^\uFEFF/, ''), path);
  if (header === undefined) throw new UsageError(`${path} is empty; its first line must name ${columns.join(', ')}`);
  const names = header.fields.map((name) => name.trim());
  const missing = columns.filter((column) => !names.includes(column));
  if (missing.length > 0)
    throw new UsageError(`${path} has no column ${missing.join(', ')}; it has ${names.join(', ')}`);
  return records.map(({ line, fields }) => {
    if (fields.length !== names.length) {
      throw new UsageError(`${path}, line ${line}: ${fields.length} cells where the header has ${names.length}`);
    }
    return { line, cells: Object.fromEntries(names.map((name, index) => [name, fields[index]!])) };
  });
}

/** A file's text. Throws `UsageError` where it is not there. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`${path} cannot be read`, { cause });
  }
}

/** A cell as a number. Throws `UsageError` that names its place. */
export function numberCell(row: TableRow, column: string, path: string): number {
  const text = row.cells[column]!.trim();
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) {
    throw new UsageError(`${path}, line ${row.line}: ${column} is no number`);
  }
  return value;
}

/** A cell that must be one of a few words. */
export function choiceCell<Choice extends string>(
  row: TableRow,
  column: string,
  choices: readonly Choice[],
  path: string,
): Choice {
  const text = row.cells[column]!.trim();
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) {
    throw new UsageError(`${path}, line ${row.line}: ${column} must be one of ${choices.join(', ')}`);
  }
  return choice;
}

interface CsvRecord {
  readonly line: number;
  readonly fields: string[];
}

function parseRecords(text: string, path: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  let fields: string[] = [];
  let startLine = 1;
  const cell = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n|\n|\r|$)/y;
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text);
    if (match === null) throw new UsageError(`${path}, line ${line}: a quote is open or misplaced`);
    const [whole, raw, end] = match as unknown as [string, string, string];
    fields.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    line += whole.split(/\r\n|\n|\r/).length - 1;
    if (end === ',' && cell.lastIndex < text.length) continue;
    if (end === ',') fields.push('');
    if (fields.length > 1 || fields[0] !== '') records.push({ line: startLine, fields });
    fields = [];
    startLine = line;
  }
  return records;
}
