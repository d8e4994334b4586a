import { InputFault } from '../contracts/reasons.ts';
import { prepareDicomStudy } from './prepare-dicom.ts';
import type { UploadFile, UploadLimits } from './prepare-files.ts';
import { preparePicture, refusedPicture } from './prepare-picture.ts';
import { inputFault, type ReadPicture, readFiles } from './prepare-read.ts';
import { FileTally } from './prepare-tally.ts';
import type { Members, PrepareContext, PreparedStudy, PreparedUpload, UploadedStudy } from './prepared.ts';
import { groupStudies } from './study-groups.ts';

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
  const { objects, pictures, lost } = await readFiles(input.files, decoder, limits, tally);
  const groups = groupStudies(objects, lost, input.uploadHash);
  if (groups.length + pictures.length > limits.maxStudies) throw new InputFault('too_large', 'studies');
  const studies: UploadedStudy[] = [];
  let sliceBytes = 0;
  const hold = (study: UploadedStudy) => {
    sliceBytes += study.slices.reduce((sum, { data }) => sum + data.byteLength, 0);
    if (sliceBytes > limits.maxSliceBytes) throw new InputFault('too_large', 'the slices of all studies');
    studies.push(study);
  };
  for (const group of groups) {
    const members = membersOf(group.objects.length > 0 ? group.objects : group.lost);
    hold({ ...(await prepareDicomStudy(context, group, tally)), members });
  }
  // One picture alone is the upload: its fault is the upload's.
  const alone = pictures.length === 1 ? tally : null;
  for (const picture of pictures) {
    const study = await readPicture(context, picture, `${input.uploadHash}:${picture.entry}`, alone);
    if (study !== null) hold({ ...study, members: membersOf([picture]) });
  }
  return {
    studies: studies.sort((a, b) => a.members.first - b.members.first),
    reasons: studies.length === 0 ? tally.endReasons() : tally.reasons(),
  };
}

/** Null where the picture's fault went to a tally; else it is a study of its own, refused. */
async function readPicture(
  context: PrepareContext,
  { file, fault }: ReadPicture,
  identity: string,
  tally: FileTally | null,
): Promise<PreparedStudy | null> {
  try {
    if (fault !== null) throw fault;
    return await preparePicture(context, file);
  } catch (error) {
    if (tally === null) return refusedPicture(context, identity, inputFault(error));
    tally.addFault(error);
    return null;
  }
}

const membersOf = (files: ReadonlyArray<{ readonly entry: number }>): Members => ({
  first: Math.min(...files.map(({ entry }) => entry)),
  files: files.length,
});
