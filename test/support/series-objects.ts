import { readHeader } from '../../src/dicom/header.ts';
import type { DicomObject, DirectionCosines } from '../../src/dicom/object.ts';
import { type RankedSeries, rankSeries } from '../../src/dicom/ranking.ts';
import { groupSeries } from '../../src/dicom/series.ts';
import { orderSlices } from '../../src/dicom/slice-order.ts';
import type { Attributes } from '../../src/dicom/write.ts';
import { studyOnce } from './drawn-once.ts';

/** The header of one drawn T2 slice, with other attributes. */
export function sliceHeader(override: Attributes = {}): DicomObject {
  const spec = {
    seed: 2,
    rows: 64,
    columns: 64,
    spacingMm: [4, 4],
    t2Slices: 1,
    t1Slices: 0,
    localizer: false,
  } as const;
  return readHeader(studyOnce({ ...spec, override }).files[0]!.bytes);
}

const template = sliceHeader();
export const SAGITTAL: DirectionCosines = [0, 1, 0, 0, 0, -1];

/** What differs from a plain sagittal T2 slice. */
export interface Change extends Partial<Omit<DicomObject, 'sequence' | 'frames'>> {
  readonly uid?: string;
  readonly x?: number;
  readonly y?: number;
  readonly z?: number;
  readonly spacingMm?: readonly [number, number] | null;
  readonly orientation?: DirectionCosines | null;
  readonly imageType?: readonly string[];
  readonly complexComponent?: string | null;
  readonly sequence?: Partial<DicomObject['sequence']>;
}

/** One slice of one frame. */
export function object({
  uid = '1.1',
  x = 0,
  y = -140,
  z = 140,
  spacingMm = [0.6, 0.6],
  orientation = SAGITTAL,
  imageType = ['ORIGINAL', 'PRIMARY', 'M', 'NORM'],
  complexComponent = null,
  sequence = {},
  ...more
}: Change): DicomObject {
  const { echoTimeMs } = { ...template.sequence, ...sequence };
  return {
    ...template,
    seriesInstanceUid: '1.9',
    sopInstanceUid: uid,
    rows: 512,
    columns: 512,
    ...more,
    sequence: { ...template.sequence, descriptionHints: [], ...sequence },
    frames: [{ orientation, position: [x, y, z], spacingMm, echoTimeMs, imageType, complexComponent }],
  };
}

/** The series that such slices make, each ranked for itself. */
export const rank = (...changes: Change[]): RankedSeries[] =>
  groupSeries(changes.map(object)).map((series, index) => rankSeries(series, index, orderSlices(series).length));
