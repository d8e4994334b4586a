import { uidOf } from './header.ts';
import type { DicomOrigin } from './object.ts';
import { openUpToFault } from './part10.ts';
import { TAG } from './tags.ts';
import { code } from './values.ts';

/** Where a DICOM file belongs that `readHeader` refuses, as far as its header can be followed; throws no `InputFault`. */
export function readOrigin(bytes: Uint8Array): DicomOrigin {
  const dataSet = openUpToFault(bytes);
  if (dataSet === null) return { studyInstanceUid: null, seriesInstanceUid: null, sopClassUid: null, modality: null };
  return {
    studyInstanceUid: uidOf(dataSet, TAG.studyInstanceUid),
    seriesInstanceUid: uidOf(dataSet, TAG.seriesInstanceUid),
    sopClassUid: uidOf(dataSet, TAG.sopClassUid),
    modality: code(dataSet, TAG.modality),
  };
}
