import { createHash } from 'node:crypto';
import type { DataSet } from './data-set.ts';
import type { Patient } from './object.ts';
import { TAG } from './tags.ts';
import { text } from './values.ts';

/**
 * Whom a header names, by PatientID, PatientName and PatientBirthDate (PS3.3 C.7.1.1), each hashed at once. Of a name the
 * first group's ASCII letters and digits alone count: series of one study differ in carets, commas and character sets.
 */
export function patientOf(set: DataSet): Patient {
  const [name = ''] = (text(set, TAG.patientName) ?? '').toUpperCase().split('=');
  return {
    id: hashed((text(set, TAG.patientId) ?? '').toUpperCase()),
    name: hashed(name.replace(/[^A-Z0-9]/g, '')),
    birthDate: hashed((text(set, TAG.patientBirthDate) ?? '').replace(/\D/g, '')),
  };
}

const hashed = (value: string): string | null =>
  value === '' ? null : createHash('sha256').update(value).digest('hex');

const FIELDS = ['id', 'name', 'birthDate'] as const;

type Differ = (one: Patient, other: Patient) => boolean;

const known = (one: Patient, other: Patient) => FIELDS.filter((field) => one[field] !== null && other[field] !== null);

/** Whether anything tells two headers apart: files that nothing else joins are then not one patient's. */
export const differAtAll: Differ = (one, other) => known(one, other).some((field) => one[field] !== other[field]);

/**
 * Whether more tells two headers apart than joins them, the ID where it is as much: series of one study UID are one
 * patient's even where a name was corrected, or an ID merged, between them.
 */
export const differMostly: Differ = (one, other) => {
  const fields = known(one, other);
  const apart = fields.filter((field) => one[field] !== other[field]).length;
  return 2 * apart > fields.length || (2 * apart === fields.length && apart > 0 && one.id !== other.id);
};

const namedFields = (patient: Patient): number => FIELDS.filter((field) => patient[field] !== null).length;

export interface ByPatient<Item> {
  /** One list a patient that headers name. */
  readonly patients: Item[][];
  /** Items that name none, or fit several; empty where there is one patient alone. */
  readonly unnamed: Item[];
}

/** Parts objects by patient. A header that names none, or less than others, belongs to the only patient that it fits. */
export function partByPatient<Item extends { readonly object: { readonly patient: Patient } }>(
  items: readonly Item[],
  differ: Differ,
): ByPatient<Item> {
  const groups: Array<{ patient: Patient; items: Item[] }> = [];
  const unnamed: Item[] = [];
  // Headers that name most come first, so that what is told of a patient does not hang on the order of the files.
  for (const item of items.toSorted((a, b) => namedFields(b.object.patient) - namedFields(a.object.patient))) {
    const { patient } = item.object;
    const [fit, ...others] = groups.filter((group) => !differ(group.patient, patient));
    if (others.length > 0 || (fit === undefined && namedFields(patient) === 0)) unnamed.push(item);
    else if (fit === undefined) groups.push({ patient, items: [item] });
    else {
      fit.items.push(item);
      fit.patient = joined(fit.patient, patient);
    }
  }
  return { patients: groups.map((group) => group.items), unnamed };
}

const joined = (one: Patient, other: Patient): Patient => ({
  id: one.id ?? other.id,
  name: one.name ?? other.name,
  birthDate: one.birthDate ?? other.birthDate,
});
