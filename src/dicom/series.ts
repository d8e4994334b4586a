import { columnDirection, rowDirection } from './frames.ts';
import { dot } from './geometry.ts';
import type { DicomFrame, DicomObject, DirectionCosines } from './object.ts';
import { stationsOf } from './stations.ts';

/** One frame of one of the study's objects. */
export interface SeriesFrame {
  /** Index of the object in the list that was grouped. */
  readonly source: number;
  /** Frame of that object, from 0. */
  readonly frame: number;
  readonly object: DicomObject;
  readonly geometry: DicomFrame;
}

/**
 * Frames that belong together: one series UID, one size, one kind of image, one orientation, one echo, one preparation of
 * the signal, one station.
 */
export interface Series {
  /** Holds raw UIDs: to be hashed, never stored. */
  readonly key: string;
  readonly frames: readonly [SeriesFrame, ...SeriesFrame[]];
  /** Place among the stations that one series was taken at, from the feet up; 0 where it has one. */
  readonly station: number;
}

/** Cosine of three degrees. */
const SAME_DIRECTION = Math.cos((3 * Math.PI) / 180);
const SAME_ECHO_MS = 2;

/**
 * Parts the objects of one study into series. An object that comes twice is left out. A localizer of three planes, a dual
 * echo, a Dixon set, a T2 and its fat-suppressed repetition, and the stations of a whole spine under one series UID come
 * apart. The result does not depend on the order of the objects but for `source`.
 */
export function groupSeries(objects: readonly DicomObject[]): Series[] {
  const groups = new Map<string, SeriesFrame[][]>();
  for (const { object, source } of distinct(objects)) {
    const key = seriesKey(object);
    const clusters = groups.get(key) ?? [];
    groups.set(key, clusters);
    for (const [frame, geometry] of object.frames.entries()) {
      const cluster = clusters.find(([first]) => first !== undefined && alike(first, { object, geometry }));
      if (cluster === undefined) clusters.push([{ source, frame, object, geometry }]);
      else cluster.push({ source, frame, object, geometry });
    }
  }
  return [...groups].flatMap(([key, clusters]) => clusters.flatMap((frames) => seriesOf(key, frames)));
}

/** The stations of alike frames; the lowest has the key that a series of one station has. */
function seriesOf(key: string, frames: readonly SeriesFrame[]): Series[] {
  return stationsOf(frames).map((part, station) => ({
    key: `${key}|${clusterKey(part[0]!)}${station === 0 ? '' : `|${station}`}`,
    frames: part as [SeriesFrame, ...SeriesFrame[]],
    station,
  }));
}

/**
 * Objects by their SOP instance UIDs, each once. Files of one UID that lie elsewhere or are of another kind are other
 * slices, to which an anonymiser gave one UID.
 */
function distinct(objects: readonly DicomObject[]): Array<{ object: DicomObject; source: number }> {
  const seen = new Set<string>();
  return objects
    .map((object, source) => ({ object, source, key: instanceKey(object) }))
    .sort((a, b) => compare(a.object.sopInstanceUid ?? '', b.object.sopInstanceUid ?? '') || compare(a.key, b.key))
    .filter(({ object, key }) => {
      if (object.sopInstanceUid === null) return true;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
}

/** The same for two copies of one file. */
const instanceKey = (object: DicomObject): string =>
  JSON.stringify([object.sopInstanceUid, seriesKey(object), object.sequence, object.frames]);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function seriesKey(object: DicomObject): string {
  const { seriesInstanceUid, modality, rows, columns, sopClassUid } = object;
  return [seriesInstanceUid, modality, sopClassUid, rows, columns].join('|');
}

function clusterKey({
  object,
  geometry: { orientation, echoTimeMs, imageType, complexComponent },
}: SeriesFrame): string {
  const values = [echoTimeMs, ...(orientation ?? [])].map((value) => (value === null ? '' : value.toFixed(2)));
  const extra = [complexComponent, preparationOf(object)].filter((part) => part !== null && part !== '');
  return [imageType.join('\\'), ...values, ...extra].join('|');
}

type Acquired = Pick<SeriesFrame, 'object' | 'geometry'>;

function alike(a: Acquired, b: Acquired): boolean {
  return (
    sameKind(a.geometry, b.geometry) &&
    sameDirections(a.geometry.orientation, b.geometry.orientation) &&
    sameEcho(a.geometry.echoTimeMs, b.geometry.echoTimeMs) &&
    preparationOf(a.object) === preparationOf(b.object)
  );
}

/** What was done to the signal before the echo, or nothing: an inversion, fat suppression. */
function preparationOf({ sequence: { scanningSequence, inversionTimeMs, fatSuppressed } }: DicomObject): string {
  const inversion = scanningSequence.includes('IR') || (inversionTimeMs ?? 0) > 0;
  return `${inversion ? `IR${Math.round(inversionTimeMs ?? 0)}` : ''}${fatSuppressed ? 'FS' : ''}`;
}

const sameKind = (a: DicomFrame, b: DicomFrame): boolean =>
  a.complexComponent === b.complexComponent &&
  a.imageType.length === b.imageType.length &&
  a.imageType.every((value, index) => value === b.imageType[index]);

const sameEcho = (a: number | null, b: number | null): boolean =>
  a === null || b === null ? a === b : Math.abs(a - b) <= SAME_ECHO_MS;

function sameDirections(a: DirectionCosines | null, b: DirectionCosines | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    dot(rowDirection(a), rowDirection(b)) > SAME_DIRECTION &&
    dot(columnDirection(a), columnDirection(b)) > SAME_DIRECTION
  );
}
