import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONTRACTS } from '../../../scripts/contract-catalogue.ts';

const FOLDER = new URL('../../../docs/schemas/examples/', import.meta.url);
const files = readdirSync(FOLDER);
const read = (file: string) => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Record<string, unknown>;

describe.each(CONTRACTS)('the contract $name', ({ name, schema }) => {
  const examples = files.filter((file) => file.startsWith(`${name}.`));

  it('has an example that it accepts unchanged', () => {
    expect(examples).toContain(`${name}.json`);
    for (const file of examples) expect(schema.parse(read(file))).toEqual(read(file));
  });

  it('refuses a field that it does not know, so that no patient data can ride along', () => {
    for (const file of examples) expect(schema.safeParse({ ...read(file), patientName: 'A^B' }).success).toBe(false);
  });

  it('refuses an example that lacks any of its required fields', () => {
    const example = read(`${name}.json`);
    const optional = ['clientReference', 'studyKey', 'reportKey', 'costUsd', 'traceId'];
    for (const field of Object.keys(example).filter((key) => !optional.includes(key))) {
      const { [field]: _, ...rest } = example;
      expect(schema.safeParse(rest).success, field).toBe(false);
    }
  });
});

describe('the examples', () => {
  it('belong to a contract each', () => {
    const names = CONTRACTS.map(({ name }) => name);
    expect(files.filter((file) => !names.includes(file.split('.')[0]!))).toEqual([]);
  });

  it('hold no DICOM UID', () => {
    for (const file of files) expect(JSON.stringify(read(file))).not.toMatch(/"[12]\.\d+\.\d+(\.\d+)+"/);
  });
});
