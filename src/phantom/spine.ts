import type { Level } from '../contracts/reasons.ts';
import { between, type Random } from './random.ts';
import { add, endplateDirection, headwards, mix, type Point, type Polygon, subtract } from './shape.ts';

/** One bony endplate in the mid-sagittal plane: front and back edge, millimetres. */
export interface Endplate {
  readonly front: Point;
  readonly back: Point;
  readonly degrees: number;
}

export interface Vertebra {
  readonly name: string;
  readonly superior: Endplate;
  readonly inferior: Endplate;
}

export interface Disc {
  /** Null for the rudimentary discs of the sacrum. */
  readonly level: Level | null;
  /** Lower endplate of the vertebra above. */
  readonly above: Endplate;
  /** Upper endplate of the vertebra below. */
  readonly below: Endplate;
  readonly heightMm: number;
  /** Pfirrmann grade, 1 (healthy) to 5 (collapsed). */
  readonly grade: number;
}

/** From head to feet. */
export interface Spine {
  readonly vertebrae: readonly Vertebra[];
  readonly discs: readonly Disc[];
}

export type Grades = Readonly<Partial<Record<Level, number>>>;

interface Proportions {
  readonly name: string;
  /** Angle of the upper and lower endplate, degrees; positive where the back edge is higher. */
  readonly degrees: readonly [number, number];
  /** Front-to-back depth at the upper and lower endplate. */
  readonly depthMm: readonly [number, number];
  readonly heightMm: number;
  /** Height of the disc below at its middle. */
  readonly discMm: number;
  readonly discLevel: Level | null;
}

const part = (
  name: string,
  degrees: readonly [number, number],
  depthMm: readonly [number, number],
  heightMm: number,
  discMm: number,
  discLevel: Level | null,
): Proportions => ({ name, degrees, depthMm, heightMm, discMm, discLevel });

/**
 * Ordinary adult proportions, lowest first. The magnitudes follow textbook ranges (bodies 25 to 28 mm high and 30 to
 * 36 mm deep, discs 5 to 11 mm, lordosis about 50 degrees, sacral slope about 40).
 */
const LUMBAR_AND_THORACIC: readonly Proportions[] = [
  part('L5', [17, 24.5], [35, 34], 26, 9.5, 'L5-S1'),
  part('L4', [6, 9], [35, 35.5], 27, 10.5, 'L4-L5'),
  part('L3', [-2, 0], [34.5, 35], 27.5, 10, 'L3-L4'),
  part('L2', [-7, -6], [33.5, 34.5], 27, 9, 'L2-L3'),
  part('L1', [-10, -9.5], [32, 33], 26, 8, 'L1-L2'),
  part('T12', [-11, -11], [30.5, 31.5], 24.5, 6.5, 'T12-L1'),
  part('T11', [-11, -11], [29.5, 30], 23, 5.5, 'T11-T12'),
  part('T10', [-9, -10], [29, 29.5], 22, 5, 'T10-T11'),
  part('T9', [-6, -8], [28.5, 29], 21.5, 4.5, 'T9-T10'),
  part('T8', [-2, -4], [28, 28.5], 21, 4.5, 'T8-T9'),
  part('T7', [2, 0], [27.5, 28], 20.5, 4.5, 'T7-T8'),
  part('T6', [6, 3], [27, 27.5], 20, 4.5, 'T6-T7'),
];

const SACRAL: readonly Proportions[] = [
  part('S1', [37, 43], [33, 23], 27, 3.2, null),
  part('S2', [44, 49], [21.5, 16], 22, 2, null),
  part('S3', [50, 57], [15, 12], 18, 1.5, null),
  part('S4', [59, 68], [11, 9], 15, 1.2, null),
  part('S5', [71, 84], [9, 7], 13, 1, null),
];

const GRADE_HEIGHT = [1, 1, 1, 0.93, 0.78, 0.55];

const endplateAt = (centre: Point, degrees: number, depthMm: number): Endplate => {
  const back = endplateDirection(degrees);
  return { front: add(centre, back, -depthMm / 2), back: add(centre, back, depthMm / 2), degrees };
};
const centreOf = (plate: Endplate): Point => mix(plate.front, plate.back, 0.5);

/** Draws one patient's spine from the random stream; the centre of L3 lies at (0, 0). */
export function buildSpine(random: Random, grades: Grades): Spine {
  const size = between(random, 0.94, 1.07);
  const curve = between(random, 0.82, 1.18);
  const tilt = between(random, -3, 3);
  const angle = (degrees: number): number => degrees * curve + tilt;
  const own = (mm: number): number => mm * size * between(random, 0.97, 1.03);

  const vertebrae: Vertebra[] = [];
  const discs: Disc[] = [];
  const s1 = SACRAL[0]!;
  const sacralPlate = endplateAt([0, 0], angle(s1.degrees[0]), own(s1.depthMm[0]));

  let plate = sacralPlate;
  for (const body of LUMBAR_AND_THORACIC) {
    const [upper, lower] = [angle(body.degrees[0]), angle(body.degrees[1])];
    const grade = (body.discLevel === null ? undefined : grades[body.discLevel]) ?? 1 + Math.floor(random() * 3);
    const heightMm = own(body.discMm) * GRADE_HEIGHT[grade]!;
    const across = headwards(endplateDirection((plate.degrees + lower) / 2));
    const inferior = endplateAt(add(centreOf(plate), across, heightMm), lower, own(body.depthMm[1]));
    const upwards = headwards(endplateDirection((upper + lower) / 2));
    const superior = endplateAt(add(centreOf(inferior), upwards, own(body.heightMm)), upper, own(body.depthMm[0]));
    vertebrae.unshift({ name: body.name, superior, inferior });
    discs.unshift({ level: body.discLevel, above: inferior, below: plate, heightMm, grade });
    plate = superior;
  }

  plate = sacralPlate;
  for (const [i, body] of SACRAL.entries()) {
    const downwards = headwards(endplateDirection((plate.degrees + angle(body.degrees[1])) / 2));
    const inferior = endplateAt(
      add(centreOf(plate), downwards, -own(body.heightMm)),
      angle(body.degrees[1]),
      own(body.depthMm[1]),
    );
    vertebrae.push({ name: body.name, superior: plate, inferior });
    const next = SACRAL[i + 1];
    if (next === undefined) break;
    const heightMm = own(body.discMm);
    const gap = headwards(endplateDirection((inferior.degrees + angle(next.degrees[0])) / 2));
    const below = endplateAt(add(centreOf(inferior), gap, -heightMm), angle(next.degrees[0]), own(next.depthMm[0]));
    discs.push({ level: null, above: inferior, below, heightMm, grade: 4 });
    plate = below;
  }
  return centred({ vertebrae, discs });
}

function centred(spine: Spine): Spine {
  const l3 = spine.vertebrae.find((v) => v.name === 'L3')!;
  const origin = mix(centreOf(l3.superior), centreOf(l3.inferior), 0.5);
  const move = (plate: Endplate): Endplate => ({
    ...plate,
    front: subtract(plate.front, origin),
    back: subtract(plate.back, origin),
  });
  return {
    vertebrae: spine.vertebrae.map((v) => ({ ...v, superior: move(v.superior), inferior: move(v.inferior) })),
    discs: spine.discs.map((d) => ({ ...d, above: move(d.above), below: move(d.below) })),
  };
}

/** The same spine cut beside the middle: bodies are about 48 mm wide and round in front. */
export function cutBeside(spine: Spine, offsetMm: number): Spine {
  const lateral = Math.min(1, Math.abs(offsetMm) / 27);
  const keep = Math.sqrt(1 - lateral * lateral);
  const narrow = (plate: Endplate): Endplate => ({ ...plate, front: mix(plate.back, plate.front, keep) });
  return {
    vertebrae: spine.vertebrae.map((v) => ({ ...v, superior: narrow(v.superior), inferior: narrow(v.inferior) })),
    discs: spine.discs.map((d) => ({ ...d, above: narrow(d.above), below: narrow(d.below) })),
  };
}

/** Points from `a` to `b` along a shallow arc that sinks `sagMm` to the left of the way; corners are cut. */
function arc(a: Point, b: Point, sagMm: number, steps = 9): Point[] {
  const way = subtract(b, a);
  const length = Math.sqrt(way[0] ** 2 + way[1] ** 2);
  const left: Point = [way[1] / length, -way[0] / length];
  return Array.from({ length: steps }, (_, i) => {
    const t = 0.05 + (0.9 * i) / (steps - 1);
    return add(mix(a, b, t), left, sagMm * 4 * t * (1 - t));
  });
}

/** Outline of a vertebral body: waisted in front and behind, endplates a little hollow. */
export function bodyOutline({ superior, inferior }: Vertebra, waistMm = 2): Polygon {
  return [
    ...arc(superior.front, superior.back, -0.9),
    ...arc(superior.back, inferior.back, -waistMm * 0.45),
    ...arc(inferior.back, inferior.front, -1.1),
    ...arc(inferior.front, superior.front, -waistMm),
  ];
}

/** Outline of a disc between its endplates; `bulgeMm` is how far its edges reach beyond the corners. */
export function discOutline({ above, below }: Disc, bulgeMm: readonly [front: number, back: number]): Polygon {
  return [
    ...arc(above.front, above.back, 0.9),
    ...arc(above.back, below.back, bulgeMm[1]),
    ...arc(below.back, below.front, 0.7),
    ...arc(below.front, above.front, bulgeMm[0]),
  ];
}

/** A disc's own frame: centre, direction to the back and to the head, depth, and the middle of its back edge. */
export function discFrame({ above, below }: Disc): {
  centre: Point;
  back: Point;
  up: Point;
  depthMm: number;
  rear: Point;
} {
  const back = endplateDirection((above.degrees + below.degrees) / 2);
  const front = mix(above.front, below.front, 0.5);
  const rear = mix(above.back, below.back, 0.5);
  const way = subtract(rear, front);
  return {
    centre: mix(front, rear, 0.5),
    back,
    up: headwards(back),
    depthMm: Math.sqrt(way[0] ** 2 + way[1] ** 2),
    rear,
  };
}
