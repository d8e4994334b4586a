import type { PixelRect } from '../imaging/crop.ts';
import type { Grey8 } from '../imaging/image.ts';
import { CLASS, classAt } from '../imaging/mask.ts';
import { type DiscFrame, fromDiscFrame, type Vector } from './disc-frame.ts';

/** The canal's local axis is fitted over this many millimetres above and below the disc's level. */
const AXIS_MM = 12;
/** The canal begins within this distance behind the disc's posterior end. */
const REACH_MM = 15;
/** Widths are read over the disc's height and this much more on each side. */
const MARGIN_MM = 1;
/** Each width is the mean over this length along the axis. */
const BAND_MM = 1.5;
const STEP = 0.25;

/** The canal behind a disc: a point on its axis and the axis' direction (down), pixels. */
interface CanalAxis {
  readonly point: Vector;
  readonly down: Vector;
}

/**
 * Narrowest anterior-posterior width of the canal at the disc's level, pixels, perpendicular to the canal's local axis; 0
 * where the disc parts it, as the tightest stenoses do. Null where there is no canal behind the disc or it reaches the edge
 * of the segmented `part`.
 */
export function canalWidth(
  mask: Grey8,
  part: PixelRect,
  frame: DiscFrame,
  discHeight: number,
  spacingMm: number,
): number | null {
  const axis = canalAxis(mask, frame, spacingMm);
  const parted = () => (isParted(mask, frame, discHeight, spacingMm) ? 0 : null);
  if (axis === null) return parted();
  const steps = Math.ceil((discHeight / 2 + MARGIN_MM / spacingMm) / STEP);
  const half = Math.round(BAND_MM / spacingMm / 2 / STEP);
  const widths: number[] = [];
  for (let step = -steps - half; step <= steps + half; step++) {
    const width = widthAt(mask, part, axis, step * STEP);
    if (width === null) return null;
    widths.push(width);
  }
  let narrowest = Number.POSITIVE_INFINITY;
  for (let middle = half; middle < widths.length - half; middle++) {
    const band = widths.slice(middle - half, middle + half + 1);
    narrowest = Math.min(narrowest, band.reduce((sum, width) => sum + width, 0) / band.length);
  }
  return narrowest > 0 && Number.isFinite(narrowest) ? narrowest : parted();
}

/** Whether the canal shows near above and near below a disc's level, and on no row of a band between. */
function isParted(mask: Grey8, frame: DiscFrame, discHeight: number, spacingMm: number): boolean {
  const { x, y } = fromDiscFrame(frame, frame.posterior, 0);
  const reach = discHeight / 2 + MARGIN_MM / spacingMm;
  const rows = canalMiddles(mask, x, y, AXIS_MM / spacingMm).map((middle) => middle.y);
  return rows.slice(1).some((below, index) => {
    const above = rows[index]!;
    return below - above - 1 >= BAND_MM / spacingMm && above < y + reach && below > y - reach;
  });
}

/** Mean values of the slice over the disc and over the canal near its level; null where either is missing. */
export function signalRatio(mask: Grey8, upright: Grey8, frame: DiscFrame, spacingMm: number): number | null {
  const reach = AXIS_MM / spacingMm;
  let [disc, discCount, canal, canalCount] = [0, 0, 0, 0];
  const { t, s } = frame.samples;
  for (let at = 0; at < t.length; at++) {
    const { x, y } = fromDiscFrame(frame, t[at]!, s[at]!);
    disc += upright.data[Math.floor(y) * upright.width + Math.floor(x)]!;
    discCount++;
  }
  const { y: level } = fromDiscFrame(frame, frame.posterior, 0);
  for (let y = Math.max(0, Math.floor(level - reach)); y < Math.min(mask.height, level + reach); y++) {
    for (let x = 0; x < mask.width; x++) {
      if (mask.data[y * mask.width + x] !== CLASS.canal) continue;
      canal += upright.data[y * mask.width + x]!;
      canalCount++;
    }
  }
  return discCount === 0 || canal === 0 ? null : disc / discCount / (canal / canalCount);
}

function canalAxis(mask: Grey8, frame: DiscFrame, spacingMm: number): CanalAxis | null {
  const behind = fromDiscFrame(frame, frame.posterior, 0);
  const reach = REACH_MM / spacingMm;
  let hit: Vector | null = null;
  for (let at = -2 / spacingMm; at < reach && hit === null; at += STEP) {
    const point = fromDiscFrame(frame, frame.posterior + at, 0);
    if (classAt(mask, point.x, point.y) === CLASS.canal) hit = point;
  }
  if (hit === null) return null;
  const rows = canalMiddles(mask, hit.x, behind.y, AXIS_MM / spacingMm);
  if (rows.length < 5) return null;
  const meanY = rows.reduce((sum, { y }) => sum + y, 0) / rows.length;
  const meanX = rows.reduce((sum, { x }) => sum + x, 0) / rows.length;
  const spread = rows.reduce((sum, { y }) => sum + (y - meanY) ** 2, 0);
  const slope = rows.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const norm = Math.hypot(slope, 1);
  const down = { x: slope / norm, y: 1 / norm };
  const along = (hit.x - meanX) * down.x + (hit.y - meanY) * down.y;
  return { point: { x: meanX + along * down.x, y: meanY + along * down.y }, down };
}

/** Middle of the canal's run on each row around a level, followed from row to row. */
function canalMiddles(mask: Grey8, startX: number, level: number, reach: number): Vector[] {
  const middles: Vector[] = [];
  for (let y = Math.max(0, Math.floor(level - reach)); y < Math.min(mask.height, level + reach); y++) {
    let [sum, count] = [0, 0];
    for (let x = Math.max(0, Math.floor(startX - 3 * reach)); x < Math.min(mask.width, startX + 3 * reach); x++) {
      if (mask.data[y * mask.width + x] === CLASS.canal) {
        sum += x + 0.5;
        count++;
      }
    }
    if (count > 0) middles.push({ x: sum / count, y: y + 0.5 });
  }
  return middles;
}

/** Length of canal on the line across the axis at a distance along it; null where it runs into the edge of the segmented part. */
function widthAt(mask: Grey8, part: PixelRect, { point, down }: CanalAxis, at: number): number | null {
  const origin = { x: point.x + down.x * at, y: point.y + down.y * at };
  let width = 0;
  for (const direction of [1, -1]) {
    for (let aside = direction * (STEP / 2); ; aside += direction * STEP) {
      const [x, y] = [origin.x + down.y * aside, origin.y - down.x * aside];
      if (x < part.x0 + 1 || y < part.y0 + 1 || x >= part.x1 - 1 || y >= part.y1 - 1) return null;
      if (classAt(mask, x, y) !== CLASS.canal) break;
      width += STEP;
    }
  }
  return width;
}
