import { add, curveThrough, endplateDirection, mix, type Point, type Polygon } from './shape.ts';
import type { Spine, Vertebra } from './spine.ts';

/** Distance of the dural sac from the vertebral body and its front-to-back width, millimetres, by vertebra. */
const SAC: Readonly<Record<string, readonly [gapMm: number, widthMm: number]>> = {
  T6: [2, 14],
  T7: [2, 14],
  T8: [2, 14],
  T9: [2, 14],
  T10: [2, 14.5],
  T11: [1.8, 15.5],
  T12: [1.6, 16.5],
  L1: [1.6, 16.5],
  L2: [1.6, 16],
  L3: [1.7, 15],
  L4: [2, 14.2],
  L5: [3.2, 13],
  S1: [5, 9.5],
  S2: [3.5, 4.5],
};
/** Room behind the sac, up to the laminae. */
const BEHIND_MM = 3.2;

/** Where a curve along the spine passes: a point on the back wall of a vertebra and the way to the back there. */
interface Station {
  readonly point: Point;
  readonly back: Point;
  readonly gapMm: number;
  readonly widthMm: number;
  /** Front-to-back width of the whole bony canal. */
  readonly bonyMm: number;
}

function stationsOf(spine: Spine): Station[] {
  const stations: Station[] = [];
  for (const vertebra of spine.vertebrae) {
    const sac = SAC[vertebra.name];
    for (const place of [0.15, 0.85]) {
      const degrees = vertebra.superior.degrees * (1 - place) + vertebra.inferior.degrees * place;
      const point = mix(vertebra.superior.back, vertebra.inferior.back, place);
      const [gapMm, widthMm] = sac ?? [2, 0];
      const last = vertebra.name === 'S2' && place > 0.5;
      const bonyMm = sac === undefined ? 5 : gapMm + widthMm + BEHIND_MM;
      stations.push({ point, back: endplateDirection(degrees), gapMm, widthMm: last ? 0.6 : widthMm, bonyMm });
    }
  }
  return stations;
}

/** The dural sac as a strip: a point is a place along it (0 head, 1 tip) and across it (0 front, 1 back). */
export interface Sac {
  readonly outline: Polygon;
  /** A curve from one place along the sac to another at depths across it that `depthAt` gives. */
  strip(from: number, to: number, depthAt: (along: number) => number): Point[];
  /** Where along the sac a vertebra's middle lies; 0..1. */
  placeOf(name: string): number;
}

/** Builds the sac, `share` (0..1) of its width wide: beside the middle the round sac is cut narrower. */
export function buildSac(spine: Spine, share = 1): Sac {
  const stations = stationsOf(spine).filter((s) => s.widthMm > 0);
  const front = curveThrough(stations.map((s) => add(s.point, s.back, s.gapMm + (s.widthMm * (1 - share)) / 2)));
  const back = curveThrough(stations.map((s) => add(s.point, s.back, s.gapMm + (s.widthMm * (1 + share)) / 2)));
  const last = front.length - 1;
  const at = (along: number, across: number): Point => {
    const place = Math.min(Math.max(along, 0), 1) * last;
    const i = Math.min(Math.floor(place), last - 1);
    const t = place - i;
    return mix(mix(front[i]!, front[i + 1]!, t), mix(back[i]!, back[i + 1]!, t), across);
  };
  const names = spine.vertebrae.map((v) => v.name).filter((name) => name in SAC);
  return {
    outline: [...front, ...[...back].reverse()],
    strip: (from, to, depthAt) =>
      Array.from({ length: 60 }, (_, i) => {
        const along = from + ((to - from) * i) / 59;
        return at(along, depthAt(along));
      }),
    placeOf: (name) => (names.indexOf(name) * 2 + 0.5) / (names.length * 2 - 1),
  };
}

/** The bony canal with the fat around the sac, from the posterior walls to the laminae. */
export function canalOutline(spine: Spine): Polygon {
  const stations = stationsOf(spine);
  const front = curveThrough(stations.map((s) => s.point));
  const back = curveThrough(stations.map((s) => add(s.point, s.back, s.bonyMm)));
  return [...front, ...back.reverse()];
}

/** A curve along the spine at a distance behind the canal's back wall; the distance may change from vertebra to vertebra. */
export function behindCanal(spine: Spine, distanceMm: (vertebra: Vertebra) => number): Point[] {
  const stations = stationsOf(spine);
  return curveThrough(
    stations.map((s, i) => add(s.point, s.back, s.bonyMm + distanceMm(spine.vertebrae[Math.floor(i / 2)]!))),
  );
}

/** A curve along the front of the bodies and discs, `distanceMm` before them. */
export function beforeBodies(spine: Spine, distanceMm: number): Point[] {
  return curveThrough(
    spine.vertebrae.flatMap((v) =>
      [v.superior, v.inferior].map((plate) => add(plate.front, endplateDirection(plate.degrees), -distanceMm)),
    ),
  );
}

/**
 * The back of the trunk by height: where the canal ends behind, smoothed over 60 mm, plus a distance by height.
 * `distanceMm` is asked with 0 at L1's upper edge, 1 at the sacrum's upper edge.
 */
export function trunkCurve(spine: Spine, distanceMm: (height: number) => number): Point[] {
  const wall = stationsOf(spine).map((s) => add(s.point, s.back, s.bonyMm));
  const xAt = (y: number): number => {
    const next = wall.findIndex((p) => p[1] > y);
    if (next === -1) return wall[wall.length - 1]![0] + (y - wall[wall.length - 1]![1]) * 0.35;
    if (next === 0) return wall[0]![0];
    const [a, b] = [wall[next - 1]!, wall[next]!];
    return a[0] + ((b[0] - a[0]) * (y - a[1])) / (b[1] - a[1]);
  };
  const top = spine.vertebrae.find((v) => v.name === 'L1')!.superior.back[1];
  const sacrum = spine.vertebrae.find((v) => v.name === 'S1')!.superior.back[1];
  const curve: Point[] = [];
  for (let y = -260; y <= 260; y += 6) {
    let sum = 0;
    for (let near = -36; near <= 36; near += 6) sum += xAt(y + near);
    curve.push([sum / 13 + distanceMm((y - top) / (sacrum - top)), y]);
  }
  return curve;
}
