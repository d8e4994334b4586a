/** A point or vector in millimetres of the slice plane: x towards the back of the patient, y towards the feet. */
export type Point = readonly [number, number];
/** A closed outline; the last point joins the first. */
export type Polygon = readonly Point[];

export const add = (a: Point, b: Point, scale = 1): Point => [a[0] + b[0] * scale, a[1] + b[1] * scale];
export const subtract = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1]];
export const mix = (a: Point, b: Point, t: number): Point => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
export const unit = (a: Point): Point => {
  const length = Math.sqrt(a[0] * a[0] + a[1] * a[1]);
  return [a[0] / length, a[1] / length];
};

/** Direction of an endplate from front to back; a positive angle (degrees) has its back edge higher. */
export function endplateDirection(degrees: number): Point {
  const radians = (degrees * Math.PI) / 180;
  return [Math.cos(radians), -Math.sin(radians)];
}

/** A right angle from an endplate's direction, towards the head. */
export const headwards = (direction: Point): Point => [direction[1], -direction[0]];

/** A smooth open curve through the points (Catmull and Rom 1974), `steps` segments between two of them. */
export function curveThrough(points: readonly Point[], steps = 8): Point[] {
  const at = (i: number): Point => points[Math.min(Math.max(i, 0), points.length - 1)]!;
  const out: Point[] = [];
  for (let i = 0; i + 1 < points.length; i += 1) {
    const [p0, p1, p2, p3] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let s = 0; s < steps; s += 1) {
      const t = s / steps;
      const blend = (axis: 0 | 1): number =>
        0.5 *
        (2 * p1[axis] +
          (p2[axis] - p0[axis]) * t +
          (2 * p0[axis] - 5 * p1[axis] + 4 * p2[axis] - p3[axis]) * t * t +
          (3 * p1[axis] - p0[axis] - 3 * p2[axis] + p3[axis]) * t * t * t);
      out.push([blend(0), blend(1)]);
    }
  }
  out.push(at(points.length - 1));
  return out;
}

/** A smooth closed outline through the points. */
export function closedCurve(points: readonly Point[], steps = 8): Polygon {
  const n = points.length;
  const around = [points[n - 1]!, ...points, points[0]!, points[1]!];
  return curveThrough(around, steps).slice(steps, steps * (n + 1));
}

export function ellipse(centre: Point, along: Point, halfLength: number, halfWidth: number, steps = 28): Polygon {
  const across: Point = [-along[1], along[0]];
  return Array.from({ length: steps }, (_, i) => {
    const angle = (2 * Math.PI * i) / steps;
    return add(add(centre, along, halfLength * Math.cos(angle)), across, halfWidth * Math.sin(angle));
  });
}

/** A band about a curve, `widthMm` wide. */
export function ribbon(curve: readonly Point[], widthMm: number): Polygon {
  const normalAt = (i: number): Point => {
    const along = unit(subtract(curve[Math.min(i + 1, curve.length - 1)]!, curve[Math.max(i - 1, 0)]!));
    return [-along[1], along[0]];
  };
  const left = curve.map((p, i) => add(p, normalAt(i), widthMm / 2));
  const right = curve.map((p, i) => add(p, normalAt(i), -widthMm / 2));
  return [...left, ...right.reverse()];
}

/** The outline pulled towards its centroid by about `byMm` on every side. */
export function inset(polygon: Polygon, byMm: number): Polygon {
  const n = polygon.length;
  const sum = polygon.reduce<Point>((a, p) => add(a, p), [0, 0]);
  const centre: Point = [sum[0] / n, sum[1] / n];
  return polygon.map((p, i) => {
    const along = unit(subtract(polygon[(i + 1) % n]!, polygon[(i + n - 1) % n]!));
    const normal: Point = [-along[1], along[0]];
    const outward = normal[0] * (p[0] - centre[0]) + normal[1] * (p[1] - centre[1]) > 0 ? 1 : -1;
    return add(p, normal, -outward * byMm);
  });
}
