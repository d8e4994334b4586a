import type { Grey8 } from '../imaging/image.ts';
import { CLASS, classAt } from '../imaging/mask.ts';
import { type DiscFrame, fromDiscFrame } from './disc-frame.ts';

/** The posterior wall is read over this part of the disc's spacing beyond the endplate. */
const WALL_BAND = 0.3;
/** Gaps in a vertebra up to this are crossed, pixels. */
const GAP = 1.5;
const STEP = 0.25;
/** A wall that lies farther than this part of the disc's length from its posterior end is no wall of a body. */
const MAX_OFFSET = 0.45;

interface FramePoint {
  readonly t: number;
  readonly s: number;
}

/**
 * How far the disc reaches behind the line through the posterior corners of the vertebrae above and below it, pixels;
 * negative where it stays in front. `spacing` is the distance of neighbouring discs, pixels. Null where a corner is not
 * to be found.
 */
export function posteriorProtrusion(mask: Grey8, frame: DiscFrame, spacing: number): number | null {
  const upper = posteriorCorner(mask, frame, spacing, 1);
  const lower = posteriorCorner(mask, frame, spacing, -1);
  if (upper === null || lower === null) return null;
  const [dt, ds] = [upper.t - lower.t, upper.s - lower.s];
  const length = Math.hypot(dt, ds);
  if (length === 0) return null;
  let farthest = Number.NEGATIVE_INFINITY;
  const { t, s } = frame.samples;
  for (let at = 0; at < t.length; at++) {
    if (s[at]! > upper.s || s[at]! < lower.s) continue;
    farthest = Math.max(farthest, ((t[at]! - lower.t) * ds - (s[at]! - lower.s) * dt) / length);
  }
  return Number.isFinite(farthest) ? farthest : null;
}

/** The corner where the posterior wall meets the endplate, `side` 1 above the disc, -1 below; in the disc's frame. */
function posteriorCorner(mask: Grey8, frame: DiscFrame, spacing: number, side: 1 | -1): FramePoint | null {
  const endplate = endplateAt(mask, frame, spacing, side);
  if (endplate === null) return null;
  const walls: FramePoint[] = [];
  for (let depth = 1; depth <= WALL_BAND * spacing; depth++) {
    const s = endplate + side * depth;
    const t = wallAt(mask, frame, s);
    if (t !== null && Math.abs(t - frame.posterior) <= MAX_OFFSET * (frame.posterior - frame.anterior))
      walls.push({ t, s });
  }
  if (walls.length < 3) return null;
  const ordered = [...walls].sort((a, b) => a.t - b.t);
  return ordered[Math.floor(0.85 * (ordered.length - 1))]!;
}

/** Position across at which vertebra begins beyond the disc, three quarters along the mid-line. */
function endplateAt(mask: Grey8, frame: DiscFrame, spacing: number, side: 1 | -1): number | null {
  const t = frame.anterior + 0.7 * (frame.posterior - frame.anterior);
  for (let depth = 0; depth < 0.6 * spacing; depth += STEP) {
    const point = fromDiscFrame(frame, t, side * depth);
    if (classAt(mask, point.x, point.y) === CLASS.vertebra) return side * depth;
  }
  return null;
}

/** Where the vertebra ends towards posterior on one line parallel to the mid-line. */
function wallAt(mask: Grey8, frame: DiscFrame, s: number): number | null {
  let last: number | null = null;
  const start = frame.anterior + 0.5 * (frame.posterior - frame.anterior);
  for (let t = start; t < frame.posterior * 3; t += STEP) {
    const point = fromDiscFrame(frame, t, s);
    if (classAt(mask, point.x, point.y) === CLASS.vertebra) last = t;
    else if (last === null ? t > start + 4 * GAP : t - last > GAP) break;
  }
  return last === null ? null : last + STEP / 2;
}
