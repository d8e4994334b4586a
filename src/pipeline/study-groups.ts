import { type Reason, reasonOf } from '../contracts/reasons.ts';
import { differAtAll, differMostly, partByPatient } from '../dicom/patient.ts';
import { type LostFile, lostOf } from './losses.ts';
import type { ReadObject } from './prepare-read.ts';

/** The files of one study in an upload. */
export interface StudyFiles {
  /** The study's instance UID, or what stands for it; it is hashed. */
  readonly identity: string;
  readonly objects: readonly ReadObject[];
  /** Those that could not be read and may be this study's. */
  readonly lost: readonly LostFile[];
  /** Why the files are no study of one patient, or none at all. */
  readonly refusal: Reason | null;
}

/**
 * The studies of an upload. Files of one study UID are one study, refused where they name two patients; files without a
 * UID are one a patient. A study all of whose files are lost is refused beside those that are read.
 */
export function groupStudies(
  objects: readonly ReadObject[],
  lost: readonly LostFile[],
  uploadHash: string,
): StudyFiles[] {
  const byUid = partBy(objects, ({ object }) => object.studyInstanceUid);
  const groups: StudyFiles[] = [];
  for (const [uid, members] of byUid) {
    if (uid === null) groups.push(...withoutUid(members, lostOf(lost, null), uploadHash));
    else groups.push({ identity: uid, objects: members, lost: lostOf(lost, uid), refusal: twoPatients(members) });
  }
  if (groups.length === 0) return [];
  for (const [uid, files] of partBy(lost, (file) => file.studyInstanceUid)) {
    if (uid === null || byUid.has(uid)) continue;
    groups.push({ identity: uid, objects: [], lost: files, refusal: reasonOf('no_images') });
  }
  return groups;
}

function partBy<Item>(items: readonly Item[], uidOf: (item: Item) => string | null): Map<string | null, Item[]> {
  const groups = new Map<string | null, Item[]>();
  for (const item of items) {
    const group = groups.get(uidOf(item));
    if (group === undefined) groups.set(uidOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

function twoPatients(objects: readonly ReadObject[]): Reason | null {
  const { patients } = partByPatient(objects, differMostly);
  return patients.length > 1 ? reasonOf('inconsistent_header', { detail: 'one study, several patients' }) : null;
}

/** What tells no patient among several is a study of its own: it is nobody's for certain. */
function withoutUid(objects: readonly ReadObject[], lost: readonly LostFile[], uploadHash: string): StudyFiles[] {
  const identity = `upload:${uploadHash}`;
  const { patients, unnamed } = partByPatient(objects, differAtAll);
  if (patients.length < 2) return [{ identity, objects, lost, refusal: null }];
  return [...patients, unnamed]
    .filter((members) => members.length > 0)
    .map((members) => members.toSorted((a, b) => a.entry - b.entry))
    .map((members) => ({ identity: `${identity}:${members[0]!.entry}`, objects: members, lost, refusal: null }));
}
