import type { SeriesRanking } from '../contracts/study.ts';
import type { DescriptionHint, SequenceValues } from './object.ts';

export type Weighting = SeriesRanking['weighting'];

export interface WeightingOf {
  readonly weighting: Weighting;
  readonly notes: readonly string[];
}

/**
 * The weighting by the values of physics; the description's hints decide only where those are missing. Limits are those
 * of spine protocols at 1.5 and 3 T: T1 TR to 1200 ms, T2 TE from 60 ms (50 with a long TR), STIR TI 80 to 300 ms.
 * `echoTimeMs` is that of the series, whose object may hold several.
 */
export function weightingOf(values: SequenceValues, echoTimeMs: number | null): WeightingOf {
  const contrast = ENHANCED_CONTRASTS.get(values.contrast ?? '');
  // Scanners call a STIR of a long echo T2 too.
  const inversion = values.scanningSequence.includes('IR') ? inverted(values) : null;
  if (inversion !== null && (contrast === 't2' || contrast === 't2_star'))
    return { weighting: inversion, notes: ['acquisition_contrast_differs'] };
  if (contrast !== undefined) return { weighting: contrast, notes: ['by_acquisition_contrast'] };
  const physics = byPhysics(values, echoTimeMs);
  if (physics === null) return byHints(values.descriptionHints);
  const contradicted = values.descriptionHints.some((hint) => WEIGHTING_HINTS.has(hint) && hint !== physics);
  return { weighting: physics, notes: contradicted ? ['description_differs'] : [] };
}

/** Defined terms of AcquisitionContrast (0008,9209): PS3.3 C.8.13.3.1.2. */
const ENHANCED_CONTRASTS: ReadonlyMap<string, Weighting> = new Map([
  ['T2', 't2'],
  ['T2_STAR', 't2_star'],
  ['T1', 't1'],
  ['PROTON_DENSITY', 'pd'],
  ['STIR', 'stir'],
  ['FLUID_ATTENUATED', 'flair'],
  ['DIFFUSION', 'other'],
  ['PERFUSION', 'other'],
  ['FLOW_ENCODED', 'other'],
  ['TOF', 'other'],
  ['TAGGING', 'other'],
  ['TEMPERATURE', 'other'],
]);

const WEIGHTING_HINTS: ReadonlySet<DescriptionHint> = new Set(['t1', 't2', 't2_star', 'pd', 'stir', 'flair']);

function byPhysics(values: SequenceValues, echoTimeMs: number | null): Weighting | null {
  const { scanningSequence, repetitionTimeMs: tr } = values;
  const te = echoTimeMs !== null && echoTimeMs > 0 ? echoTimeMs : null;
  const inversion = inverted(values);
  if (inversion !== null) return inversion;
  if (scanningSequence.includes('EP')) return 'other';
  if (te === null) return null;
  if (isGradientEcho(values)) return gradientEcho(values, te);
  return spinEcho(tr !== null && tr > 0 ? tr : null, te);
}

/** Inversion recovery: a short TI nulls fat, a long one water, one between makes T1. */
function inverted({ scanningSequence, inversionTimeMs, descriptionHints }: SequenceValues): Weighting | null {
  const ti = inversionTimeMs !== null && inversionTimeMs > 0 ? inversionTimeMs : null;
  if (ti === null && !scanningSequence.includes('IR')) return null;
  if (ti === null)
    return descriptionHints.includes('flair') ? 'flair' : descriptionHints.includes('t1') ? 't1' : 'stir';
  if (ti < 80) return scanningSequence.includes('IR') ? 'other' : null;
  if (ti <= 300) return 'stir';
  return ti >= 1500 ? 'flair' : 't1';
}

function isGradientEcho({ scanningSequence, flipAngleDegrees, repetitionTimeMs }: SequenceValues): boolean {
  if (scanningSequence.includes('GR')) return !scanningSequence.includes('SE');
  if (scanningSequence.includes('SE')) return false;
  const small = flipAngleDegrees !== null && flipAngleDegrees <= 45;
  return small && repetitionTimeMs !== null && repetitionTimeMs < 1200;
}

/** T2*: an echo long enough for T2* decay and a flip angle small enough for little T1. Others are T1 or balanced. */
function gradientEcho({ repetitionTimeMs, flipAngleDegrees }: SequenceValues, te: number): Weighting {
  const little = flipAngleDegrees === null || flipAngleDegrees <= 45;
  if (te >= 9 && little && (repetitionTimeMs === null || repetitionTimeMs >= 20)) return 't2_star';
  return te < 9 && (repetitionTimeMs ?? 0) >= 20 ? 't1' : 'other';
}

function spinEcho(tr: number | null, te: number): Weighting {
  if (te >= 60) return tr === null || tr >= 800 ? 't2' : 'other';
  if (te >= 50) return tr !== null && tr >= 2500 ? 't2' : 'pd';
  if (tr === null) return te <= 30 ? 'other' : 'pd';
  if (te <= 30) return tr <= 1300 ? 't1' : 'pd';
  return tr >= 1500 ? 'pd' : 'other';
}

/** The first of these that the description names: what excludes a series comes before what admits it. */
const HINT_ORDER: ReadonlyArray<readonly [DescriptionHint, Weighting]> = [
  ['diffusion', 'other'],
  ['stir', 'stir'],
  ['flair', 'flair'],
  ['t2_star', 't2_star'],
  ['t1', 't1'],
  ['pd', 'pd'],
  ['t2', 't2'],
];

function byHints(hints: readonly DescriptionHint[]): WeightingOf {
  const found = HINT_ORDER.find(([hint]) => hints.includes(hint));
  if (found === undefined) return { weighting: 'unknown', notes: ['no_sequence_values'] };
  return { weighting: found[1], notes: ['by_description'] };
}
