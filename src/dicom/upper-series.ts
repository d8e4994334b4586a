import type { RankedSeries } from './ranking.ts';
import { footMm } from './stations.ts';

/**
 * Millimetres between the centres of two series from which the upper one shows another part of the spine. Thoracic series
 * of adults lie 200 and more above the lumbar one, which lies up to 150 above one of the sacrum.
 */
const APART_MM = 170;
/** More than T2 is worth beyond T2*: a lumbar T2* says more of lumbar discs than a thoracic T2. */
const UPPER_COST = 60;

/** How closely a region is named: a series of a pelvis does not make the lumbar one above it an upper one. */
const CLOSENESS = { lumbar: 2, spine: 1, elsewhere: 0 } as const;

/**
 * The series of a study with those that lie far above another readable one held back: the thoracic and cervical parts of
 * a whole spine, which as a rule have more slices than the lumbar part. Coordinates of different frames of reference are
 * compared as if they were one. Localizers, single slices and series of unknown weighting hold nothing back.
 */
export function holdBackUpperSeries(ranked: readonly RankedSeries[]): RankedSeries[] {
  const landmarks = ranked.filter(isLandmark);
  return ranked.map((entry) => {
    const { score, notes } = entry.ranking;
    if (score === null || !landmarks.some((other) => liesFarAbove(entry, other))) return entry;
    const held = { score: Math.round(10 * (score - UPPER_COST)) / 10, notes: [...notes, 'upper_series'] };
    return { ...entry, ranking: { ...entry.ranking, ...held } };
  });
}

const isLandmark = ({ refusal, ranking: { notes, weighting } }: RankedSeries): boolean =>
  refusal === null && weighting !== 'unknown' && !notes.includes('localizer') && !notes.includes('few_slices');

const liesFarAbove = (one: RankedSeries, other: RankedSeries): boolean =>
  closeness(other) >= closeness(one) && footMm(one.series.frames) - footMm(other.series.frames) > APART_MM;

const closeness = ({ series: { frames } }: RankedSeries): number =>
  CLOSENESS[frames[0].object.bodyRegion ?? 'elsewhere'];
