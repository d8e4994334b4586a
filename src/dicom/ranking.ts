import { type Reason, type ReasonCode, reasonOf } from '../contracts/reasons.ts';
import type { SeriesRanking } from '../contracts/study.ts';
import { squarePixelSize } from '../imaging/resize.ts';
import { contentOf, type ImageContent } from './image-content.ts';
import { type SlicePlane, slicePlane } from './plane.ts';
import type { Series, SeriesFrame } from './series.ts';
import { sopClassKind } from './sop-class.ts';
import { footMm } from './stations.ts';
import { type Weighting, type WeightingOf, weightingOf } from './weighting.ts';

/** A series as it is recorded, and why it is not eligible. */
export interface RankedSeries {
  readonly series: Series;
  readonly ranking: SeriesRanking;
  readonly refusal: ReasonCode | null;
}

/** A slice has at least so many pixels a side, and its sides differ at most so much. */
const MIN_SIDE = 64;
const MAX_ASPECT = 4;

/** What a weighting is worth; null where a study of it alone is refused. An unknown one passes by its geometry. */
const WEIGHTING_SCORES: Readonly<Record<Weighting, number | null>> = {
  t2: 100,
  t2_star: 60,
  unknown: 30,
  t1: null,
  pd: null,
  stir: null,
  flair: null,
  other: null,
};

/**
 * Ranks a series by physics and geometry: weighting, then what speaks against it. 2D T2 stands before 3D T2, both before
 * T2*, and a series that says nothing of its weighting last; a localizer or a myelogram is taken only where there is
 * nothing else.
 */
export function rankSeries(series: Series, seriesIndex: number, slices: number): RankedSeries {
  const { object, geometry } = series.frames[0];
  const { sequence } = object;
  const plane = geometry.orientation === null ? null : slicePlane(geometry.orientation);
  const weighting = weightingOf(sequence, geometry.echoTimeMs ?? sequence.echoTimeMs);
  const refusal = refusalOf(series, plane, weighting.weighting);
  const penalties = refusal === null ? penaltiesOf(series, plane, slices) : [];
  const base = WEIGHTING_SCORES[weighting.weighting] ?? 0;
  const score = penalties.reduce((sum, [, cost]) => sum - cost, base - tiltCost(plane));
  return {
    series,
    refusal,
    ranking: {
      seriesIndex,
      plane: plane?.plane ?? 'unknown',
      weighting: weighting.weighting,
      fatSuppressed: isFatSuppressed(series) || weighting.weighting === 'stir',
      slices,
      repetitionTimeMs: sequence.repetitionTimeMs,
      echoTimeMs: geometry.echoTimeMs ?? sequence.echoTimeMs,
      inversionTimeMs: sequence.inversionTimeMs,
      obliquityDegrees: plane === null ? null : rounded(plane.obliquityDegrees),
      score: refusal === null ? rounded(score) : null,
      notes: notesOf(series, refusal, weighting, penalties),
    },
  };
}

/** T2 of discs has echoes up to 250 ms, of volumes up to 410; those of myelograms, from 500, leave nothing but fluid. */
const MAX_DISC_ECHO_MS = 450;

/** Sagittal series are tilted with the spine: up to here that costs nothing. */
const FREE_TILT_DEGREES = 10;

const tiltCost = (plane: SlicePlane | null): number =>
  Math.max(0, (plane?.obliquityDegrees ?? 0) - FREE_TILT_DEGREES) / 5;

const rounded = (value: number): number => Math.round(value * 10) / 10;

function notesOf(
  series: Series,
  refusal: ReasonCode | null,
  weighting: WeightingOf,
  penalties: readonly Penalty[],
): string[] {
  const content = refusal === 'derived' ? contentOf(series.frames[0]) : null;
  return [
    ...(refusal === null ? [] : [refusal]),
    ...(content === null ? [] : [content]),
    ...weighting.notes,
    ...penalties.map(([note]) => note),
  ];
}

/** In the order in which a series gets nearer to being read: a study is refused for the step that its best one reached. */
const REFUSAL_STEPS = [
  'modality',
  'sop_class',
  'inconsistent_header',
  'geometry_unknown',
  'no_sagittal_series',
  'not_lumbar',
  'derived',
  'no_t2_series',
  'dimensions',
] as const satisfies readonly ReasonCode[];

function refusalOf(series: Series, plane: SlicePlane | null, weighting: Weighting): ReasonCode | null {
  const { object, geometry } = series.frames[0];
  const { rows, columns } = object;
  const identity = identityRefusal(series);
  if (identity !== null) return identity;
  if (plane === null || geometry.position === null || geometry.spacingMm === null) return 'geometry_unknown';
  if (plane.plane !== 'sagittal') return 'no_sagittal_series';
  if (object.bodyRegion === 'elsewhere') return 'not_lumbar';
  if (isDerived(series.frames[0])) return 'derived';
  if (WEIGHTING_SCORES[weighting] === null) return 'no_t2_series';
  const square = squarePixelSize(columns, rows, geometry.spacingMm);
  return isSliceSize(rows, columns) && isSliceSize(square.height, square.width) ? null : 'dimensions';
}

function identityRefusal(series: Series): ReasonCode | null {
  const { object, geometry } = series.frames[0];
  const kind = sopClassKind(object.sopClassUid);
  // A capture of a slice, placed as one: its class says more than its modality, whichever it names.
  if (kind === 'secondary_capture' && geometry.orientation !== null) return 'sop_class';
  if (object.modality !== 'MR') return 'modality';
  if (kind === 'other_modality') return 'inconsistent_header';
  return kind === 'mr' || kind === 'enhanced_mr' || kind === 'absent' ? null : 'sop_class';
}

/** Neither too small, nor too narrow: pixels. */
export const isSliceSize = (rows: number, columns: number): boolean =>
  Math.min(rows, columns) >= MIN_SIDE && Math.max(rows, columns) <= MAX_ASPECT * Math.min(rows, columns);

/** Reformats, projections, maps and subtractions, and no whole signal; a filtered original (DERIVED\PRIMARY) is none. */
function isDerived(frame: SeriesFrame): boolean {
  const { imageType } = frame.geometry;
  const content = contentOf(frame);
  const secondary = imageType[0] === 'DERIVED' && imageType[1] === 'SECONDARY';
  return secondary || imageType.some((value) => DERIVED_TYPES.has(value)) || UNREADABLE_CONTENTS.has(content);
}

/** What shows no disc as a T2 does: fat alone, shares of fat and water, a component of the complex signal. */
const UNREADABLE_CONTENTS: ReadonlySet<ImageContent | null> = new Set([
  'fat_image',
  'fraction_map',
  'signal_component',
]);

/** Fat suppressed as it was acquired, or taken out of a Dixon set's water image. */
const isFatSuppressed = ({ frames: [frame] }: Series): boolean =>
  frame.object.sequence.fatSuppressed || contentOf(frame) === 'water_image';

const DERIVED_TYPES: ReadonlySet<string> = new Set(
  'MPR,CSA MPR,PROJECTION IMAGE,MIP,MINIP,REFORMATTED,SUBTRACT,SUBTRACTION,ADC,TRACEW,FA,T1 MAP,T2 MAP,T2_STAR MAP,COMPOSED,SCREEN SAVE'.split(
    ',',
  ),
);

type Penalty = readonly [note: string, cost: number];

function penaltiesOf(series: Series, plane: SlicePlane | null, slices: number): Penalty[] {
  const { object, geometry } = series.frames[0];
  const { sequence, rows, columns } = object;
  const { imageType } = geometry;
  const spacing = geometry.spacingMm ?? [1, 1];
  const heightMm = Math.max(rows * spacing[0], columns * spacing[1]);
  const candidates: Array<readonly [boolean, string, number]> = [
    [imageType.includes('LOCALIZER') || sequence.descriptionHints.includes('localizer'), 'localizer', 60],
    [(geometry.echoTimeMs ?? sequence.echoTimeMs ?? 0) > MAX_DISC_ECHO_MS, 'fluid_only', 60],
    [isFatSuppressed(series), 'fat_suppressed', 25],
    [contentOf(series.frames[0]) === 'opposed_phase', 'opposed_phase', 30],
    [sequence.acquisitionType === '3D', 'volume', 15],
    [imageType[0] === 'DERIVED', 'derived_primary', 10],
    [series.station > 0, 'upper_station', 15 * series.station],
    [Math.max(...spacing) > 1.5, 'coarse', 10],
    [heightMm > 450 || heightMm < 150, 'field_of_view', 10],
    [object.bodyRegion === null, 'region_unnamed', 1],
    [slices < 3, 'few_slices', 10],
    [(plane?.obliquityDegrees ?? 0) > 20, 'oblique', 5],
  ];
  return candidates.filter(([applies]) => applies).map(([, note, cost]) => [note, cost] as const);
}

/** A number for each series: what was taken again, mostly for motion, comes later. */
const takenAt = ({ series }: RankedSeries): number => series.frames[0].object.seriesNumber ?? 0;

/**
 * Those that can be read, best first; of equal scores the one with more slices, then the lower one in the patient, then the
 * later one.
 */
export function eligibleSeries(ranked: readonly RankedSeries[]): RankedSeries[] {
  return ranked
    .filter(({ refusal }) => refusal === null)
    .sort(
      (a, b) =>
        (b.ranking.score ?? 0) - (a.ranking.score ?? 0) ||
        b.ranking.slices - a.ranking.slices ||
        footMm(a.series.frames) - footMm(b.series.frames) ||
        takenAt(b) - takenAt(a) ||
        a.ranking.seriesIndex - b.ranking.seriesIndex,
    );
}

/** Why none of the series can be read: the refusal of those that came nearest, and what in their header it lies in. */
export function refusalOfStudy(ranked: readonly RankedSeries[]): Reason {
  const code = REFUSAL_STEPS.findLast((step) => ranked.some(({ refusal }) => refusal === step)) ?? 'no_images';
  const detail = headerFault(code, ranked.find(({ refusal }) => refusal === code)?.series);
  return reasonOf(code, detail === null ? {} : { detail });
}

function headerFault(code: ReasonCode, series: Series | undefined): string | null {
  if (code === 'not_lumbar') return 'the header names another part of the body';
  if (series === undefined) return null;
  if (code === 'derived') return contentOf(series.frames[0])?.replaceAll('_', ' ') ?? null;
  if (code !== 'geometry_unknown') return null;
  const { orientation, position, spacingMm } = series.frames[0].geometry;
  const values = { orientation, position, 'pixel spacing': spacingMm };
  const missing = Object.entries(values).flatMap(([name, value]) => (value === null ? [name] : []));
  return `no ${missing.join(', no ')}`;
}
