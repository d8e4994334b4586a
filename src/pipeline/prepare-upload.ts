import { InputFault } from '../contracts/reasons.ts';
import { prepareDicomStudy } from './prepare-dicom.ts';
import type { UploadFile, UploadLimits } from './prepare-files.ts';
import { preparePicture } from './prepare-picture.ts';
import { type ReadObject, readFiles } from './prepare-read.ts';
import { FileTally } from './prepare-tally.ts';
import type { PrepareContext, PreparedStudy, PreparedUpload } from './prepared.ts';

export interface PrepareInput extends PrepareContext {
  readonly files: AsyncIterable<UploadFile> | Iterable<UploadFile>;
  readonly limits: UploadLimits;
  /** SHA-256 of the uploaded object in hex: names the study of files that carry no study UID. */
  readonly uploadHash: string;
}

/**
 * Turns the files of an upload into studies: headers first, then the pixels of up to five slices a study. Each study
 * comes out with what detect needs, or with why it is refused or held back. Throws `InputFault` where the upload as a
 * whole is refused; any other error is none of the input's.
 */
export async function prepareUpload(input: PrepareInput): Promise<PreparedUpload> {
  const { tenant, pseudonyms, decoder, limits } = input;
  const context = { tenant, pseudonyms, decoder };
  const tally = new FileTally();
  const { objects, pictures } = await readFiles(input.files, decoder, limits, tally);
  const groups = byStudy(objects);
  if (groups.size + pictures.length > limits.maxStudies) throw new InputFault('too_large', 'studies');
  const studies: PreparedStudy[] = [];
  for (const [uid, members] of groups) {
    studies.push(await prepareDicomStudy(context, uid ?? `upload:${input.uploadHash}`, members, tally));
  }
  for (const picture of pictures) {
    try {
      studies.push(await preparePicture(context, picture));
    } catch (error) {
      tally.addFault(error);
    }
  }
  return { studies: inOrder(studies), reasons: studies.length === 0 ? tally.endReasons() : tally.reasons() };
}

function byStudy(objects: readonly ReadObject[]): Map<string | null, ReadObject[]> {
  const groups = new Map<string | null, ReadObject[]>();
  for (const entry of objects) {
    const { studyInstanceUid } = entry.object;
    const group = groups.get(studyInstanceUid);
    if (group === undefined) groups.set(studyInstanceUid, [entry]);
    else group.push(entry);
  }
  return groups;
}

/** By key and content, so that the order of files in an upload does not show. */
const inOrder = (studies: PreparedStudy[]): PreparedStudy[] => {
  const place = ({ study }: PreparedStudy) => `${study.studyKey}/${study.contentHash}`;
  return studies.sort((a, b) => (place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0));
};
