import type { Level } from '../contracts/reasons.ts';
import { layeredField, type Random } from './random.ts';
import type { Spine } from './spine.ts';
import type { Tissues } from './tissue.ts';

/** A disc that reaches into the canal. */
export interface Prolapse {
  readonly level: Level;
  /** A bulge is broad and shallow, a protrusion broader at its base, an extrusion narrower at its neck. */
  readonly kind: 'bulge' | 'protrusion' | 'extrusion';
  /** How far it reaches behind the disc's corners in the middle slice, millimetres. */
  readonly depthMm: number;
}

/** What one slice shows of the patient. */
export interface Scene {
  readonly spine: Spine;
  readonly tissues: Tissues;
  readonly prolapses: readonly Prolapse[];
  /** Distance from the mid-sagittal plane, millimetres. */
  readonly offsetMm: number;
  readonly seed: number;
  readonly random: Random;
}

export const MASK = { background: 0, vertebra: 1, disc: 2, canal: 3 } as const;

/** A signal with a grain of `sizeMm`, varying by `share` of it. */
export const textured = (signal: number, seed: number, sizeMm: number, share: number) => {
  const field = layeredField(seed, sizeMm, 3);
  return (x: number, y: number): number => signal * (1 + share * field(x, y));
};

/** Share (0..1) of a slice of about 4 mm that still shows a structure ending at `edgeMm` from the middle. */
export const shareInside = (offsetMm: number, edgeMm: number): number =>
  Math.min(1, Math.max(0, (edgeMm + 2 - Math.abs(offsetMm)) / 4));
