import type { Level } from '../contracts/reasons.ts';
import { beforeBodies, behindCanal, buildSac, canalOutline, trunkCurve } from './canal.ts';
import type { Canvas } from './canvas.ts';
import { between, fieldOf, layeredField, mixSeed, type Random } from './random.ts';
import {
  add,
  closedCurve,
  curveThrough,
  ellipse,
  endplateDirection,
  inset,
  mix,
  type Point,
  type Polygon,
  ribbon,
  unit,
} from './shape.ts';
import { bodyOutline, type Disc, discFrame, discOutline, type Spine, type Vertebra } from './spine.ts';
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
const FAR_MM = 400;

/** Paints the scene back to front. */
export function drawScene(canvas: Canvas, scene: Scene): void {
  drawTrunk(canvas, scene);
  drawFront(canvas, scene);
  drawBehind(canvas, scene);
  drawCanal(canvas, scene);
  for (const vertebra of scene.spine.vertebrae) drawBody(canvas, scene, vertebra);
  for (const disc of scene.spine.discs) drawDisc(canvas, scene, disc);
  drawLigaments(canvas, scene);
  for (const disc of scene.spine.discs) drawProlapse(canvas, scene, disc);
}

const textured = (signal: number, seed: number, sizeMm: number, share: number) => {
  const field = layeredField(seed, sizeMm, 3);
  return (x: number, y: number): number => signal * (1 + share * field(x, y));
};

/** Share (0..1) of a slice of about 4 mm that still shows a structure ending at `edgeMm` from the middle. */
const shareInside = (offsetMm: number, edgeMm: number): number =>
  Math.min(1, Math.max(0, (edgeMm + 2 - Math.abs(offsetMm)) / 4));

function drawTrunk(canvas: Canvas, scene: Scene): void {
  const { spine, tissues, seed, random } = scene;
  const thickness = between(random, 7, 18);
  const seat = between(random, 10, 24);
  const ramp = (v: number): number => Math.min(1, Math.max(0, v)) ** 2 * (3 - 2 * Math.min(1, Math.max(0, v)));
  const muscleMm = (h: number): number => 33 - 15 * ramp((h - 0.75) / 0.6);
  const fatMm = (h: number): number => thickness + seat * ramp((h - 0.45) / 0.7);
  const muscle = trunkCurve(spine, muscleMm);
  const skin = trunkCurve(spine, (h) => muscleMm(h) + fatMm(h));
  const before = (curve: Point[]): Polygon => [...curve, [-FAR_MM, 260], [-FAR_MM, -260]];
  const shifted = (curve: Point[], mm: number): Point[] => curve.map((p) => add(p, [1, 0], mm));
  canvas.fill(before(shifted(skin, 1.6)), tissues.skin);
  canvas.fill(before(skin), fatty(tissues, seed));
  canvas.fill(before(shifted(muscle, 1.2)), tissues.ligament);
  canvas.fill(before(muscle), textured(tissues.muscle, mixSeed(seed, 3), 6, 0.7));
  drawAbdomen(canvas, scene);
}

/** Bowel and mesentery up to the abdominal wall, its muscle, the fat before it, air. */
function drawAbdomen(canvas: Canvas, { spine, tissues, seed, random }: Scene): void {
  const wallX = between(random, -105, -82);
  const sway = between(random, 6, 20);
  const fatMm = between(random, 8, 22);
  const wall = curveThrough(
    [-260, -120, -30, 60, 140, 260].map((y, i): Point => [wallX + sway * [0.6, 0.4, 0, -0.3, 0.3, 1][i]!, y]),
  );
  const left = (mm: number): Polygon => [...wall.map((p) => add(p, [1, 0], -mm)), [-FAR_MM, 260], [-FAR_MM, -260]];
  const mottled = layeredField(mixSeed(seed, 31), 22, 3);
  const inside: Polygon = [...wall, ...beforeBodies(spine, 2).reverse()];
  canvas.fill(inside, (x, y) => {
    const share = Math.min(1, Math.max(0, 0.5 + 0.8 * mottled(x, y)));
    return tissues.fat * 0.85 * share + tissues.bowel * (1 - share);
  });
  canvas.fill(left(0), tissues.muscle);
  canvas.fill(left(6), fatty(tissues, mixSeed(seed, 33)));
  canvas.fill(left(6 + fatMm), 0);
}

/** Subcutaneous fat with thin dark septa. */
function fatty(tissues: Tissues, seed: number) {
  const septa = layeredField(mixSeed(seed, 21), 14, 2);
  const grain = layeredField(mixSeed(seed, 22), 5, 2);
  return (x: number, y: number): number => {
    const septum = Math.abs(septa(x * 0.5, y * 1.6)) < 0.035 ? 0.72 : 1;
    return tissues.fat * septum * (1 + 0.05 * grain(x, y));
  };
}

/** Fat before the spine, the great vessels, bowel. */
function drawFront(canvas: Canvas, { spine, tissues, seed, random }: Scene): void {
  const near = beforeBodies(spine, 3);
  const fat = layeredField(mixSeed(seed, 34), 18, 2);
  canvas.fill([...near, ...beforeBodies(spine, 32).reverse()], (x, y) => tissues.fat * (0.75 + 0.2 * fat(x, y)));
  const end = near.findIndex((p) => p[1] > between(random, 40, 60));
  const vessel = near.slice(0, end).map((p) => add(p, [-1, 0], 9));
  canvas.fill(ribbon(vessel, between(random, 9, 14)), textured(tissues.vessel, mixSeed(seed, 32), 8, 0.6));
  for (let loop = 0; loop < 9; loop += 1) {
    const along = near[Math.floor(between(random, 0.1, 0.98) * near.length)]!;
    const centre = add(along, [-1, 0], between(random, 26, 52));
    const direction = unit([between(random, -1, 1), between(random, -1, 1)]);
    const signal = random() < 0.4 ? tissues.vessel : tissues.bowel * between(random, 0.5, 1.6);
    const shape = ellipse(centre, direction, between(random, 6, 14), between(random, 4, 8));
    canvas.fill(shape, textured(signal, mixSeed(seed, 40 + loop), 9, 0.5));
  }
  canvas.fill(ribbon(beforeBodies(spine, 2.2), 3.4), tissues.fat * 0.7, { opacity: 0.7 });
}

/** Laminae, spinous processes and what lies between them; beside the middle muscle and joints. */
function drawBehind(canvas: Canvas, scene: Scene): void {
  const { spine, tissues, seed, offsetMm, random } = scene;
  const near = behindCanal(spine, () => 0);
  const far = behindCanal(spine, (v) => (v.name.startsWith('S') ? 10 : 30)).reverse();
  const streaks = layeredField(mixSeed(seed, 51), 9, 3);
  canvas.fill([...near, ...far], (x, y) => {
    const share = Math.max(0, streaks(x * 0.7 + y * 0.3, y * 1.5) + 0.12);
    return tissues.muscle + (tissues.fat - tissues.muscle) * Math.min(1, share);
  });
  const middle = shareInside(offsetMm, 3.5);
  for (const vertebra of spine.vertebrae) {
    const process = spinousOutline(vertebra, random);
    const joint = jointOutline(vertebra);
    const marrow = textured(tissues.marrow * 0.8, mixSeed(seed, 60), 5, 0.3);
    if (middle > 0) {
      canvas.fill(process, tissues.cortex, { opacity: middle, label: MASK.vertebra });
      canvas.fill(inset(process, 1.1), marrow, { opacity: middle });
    }
    const beside = shareInside(offsetMm, 17) * (1 - shareInside(offsetMm, 6));
    if (beside > 0 && !vertebra.name.startsWith('S')) {
      canvas.fill(joint, tissues.cortex, { opacity: beside, label: MASK.vertebra });
      canvas.fill(inset(joint, 1.4), marrow, { opacity: beside });
    }
  }
}

/** A spinous process: from the lamina behind the lower half of the body, backwards and a little down. */
function spinousOutline({ name, superior, inferior }: Vertebra, random: Random): Polygon {
  const sacral = name.startsWith('S');
  const thoracic = name.startsWith('T');
  const degrees = (superior.degrees + inferior.degrees) / 2;
  const back = endplateDirection(degrees - (thoracic ? 38 : 14) + between(random, -4, 4));
  const down: Point = [-back[1], back[0]];
  const start = add(
    mix(superior.back, inferior.back, sacral ? 0.5 : 0.72),
    endplateDirection(degrees),
    sacral ? 14 : 21,
  );
  const length = sacral ? 7 : between(random, 22, 27);
  const half = sacral ? 6 : thoracic ? 5.5 : between(random, 8, 9.5);
  const at = (along: number, across: number): Point => add(add(start, back, along), down, across);
  return closedCurve([
    at(0, -half * 0.35),
    at(length * 0.35, -half * 0.75),
    at(length * 0.85, -half),
    at(length, 0),
    at(length * 0.9, half),
    at(length * 0.4, half * 0.8),
    at(0, half * 0.55),
  ]);
}

function jointOutline({ superior, inferior }: Vertebra): Polygon {
  const back = endplateDirection((superior.degrees + inferior.degrees) / 2);
  const centre = add(mix(superior.back, inferior.back, 0.7), back, 21);
  return ellipse(centre, unit([-back[1] + 0.35, back[0]]), 13, 6);
}

/** Fat of the canal, the sac with cord and roots; beside the middle pedicles and foramina instead. */
function drawCanal(canvas: Canvas, scene: Scene): void {
  const { spine, tissues, seed, offsetMm } = scene;
  canvas.fill(canalOutline(spine), textured(tissues.fat * 0.8, mixSeed(seed, 71), 5, 0.35));
  const lateral = Math.abs(offsetMm) / 11.5;
  if (lateral >= 1) {
    drawPedicles(canvas, scene);
    return;
  }
  const sac = buildSac(spine, Math.sqrt(1 - lateral * lateral));
  const flow = layeredField(mixSeed(seed, 72), 16, 2);
  canvas.fill(ribbon([...sac.outline, sac.outline[0]!], 0.9), tissues.ligament);
  canvas.fill(sac.outline, (x, y) => tissues.fluid * (0.95 + 0.07 * flow(x, y)), { label: MASK.canal });

  const conus = sac.placeOf('L1') + 0.02;
  const cordShare = shareInside(offsetMm, 4);
  if (cordShare > 0) {
    const half = (along: number): number => 0.25 * Math.min(1, Math.sqrt(Math.max(0, (conus - along) / 0.16)));
    const edge = (side: number): Point[] => sac.strip(0, conus, (a) => 0.6 + 0.06 * (a / conus) + side * half(a));
    canvas.fill([...edge(-1), ...edge(1).reverse()], textured(tissues.cord, mixSeed(seed, 73), 6, 0.06), {
      opacity: cordShare,
    });
  }
  const random = scene.random;
  for (let root = 0; root < 9; root += 1) {
    const start = conus - between(random, 0.02, 0.1);
    const depth = between(random, 0.5, 0.95);
    const sway = fieldOf(mixSeed(seed, 80 + root), 0.12);
    const end = between(random, 0.8, 0.97);
    const path = sac.strip(start, end, (a) => depth + 0.06 * sway(a, 0));
    canvas.fill(ribbon(path, between(random, 0.5, 1.1)), tissues.roots, { opacity: between(random, 0.25, 0.6) });
  }
}

function drawPedicles(canvas: Canvas, { spine, tissues, seed, offsetMm }: Scene): void {
  const share = shareInside(offsetMm, 19);
  if (share <= 0) return;
  for (const { name, superior, inferior } of spine.vertebrae) {
    if (name.startsWith('S')) continue;
    const back = endplateDirection((superior.degrees + inferior.degrees) / 2);
    const pedicle = ellipse(add(mix(superior.back, inferior.back, 0.3), back, 9), back, 15, 7.5);
    canvas.fill(pedicle, tissues.cortex, { opacity: share, label: MASK.vertebra });
    canvas.fill(inset(pedicle, 1.2), textured(tissues.marrow, mixSeed(seed, 90), 5, 0.2), { opacity: share });
    const root = add(mix(superior.back, inferior.back, 0.78), back, 7);
    canvas.fill(ellipse(root, back, 3.4, 2.8), tissues.roots * 0.6, { opacity: share });
  }
}

function drawBody(canvas: Canvas, { tissues, seed, offsetMm, random }: Scene, vertebra: Vertebra): void {
  const { superior, inferior, name } = vertebra;
  if (Math.abs(offsetMm) > 25) return;
  const sacral = name.startsWith('S');
  const outline = bodyOutline(vertebra, sacral ? 1 : between(random, 1.4, 2.4));
  const marrow = tissues.marrow * between(random, 0.93, 1.07);
  const grain = layeredField(mixSeed(seed, 101), 3.2, 2);
  const patch = layeredField(mixSeed(seed, 102), 14, 2);
  canvas.fill(outline, tissues.cortex, { label: MASK.vertebra });
  canvas.fill(inset(outline, 0.95), (x, y) => marrow * (1 + 0.09 * grain(x, y) + 0.12 * patch(x, y)));
  if (sacral || Math.abs(offsetMm) > 6) return;
  const back = endplateDirection((superior.degrees + inferior.degrees) / 2);
  const vein = mix(superior.back, inferior.back, 0.5);
  const mouth = add(vein, back, -1.4);
  const groove: Polygon = [add(mouth, [0, -1], 2), add(vein, back, -between(random, 6, 10)), add(mouth, [0, 1], 2)];
  canvas.fill(groove, tissues.vein, { opacity: 0.75 });
}

function drawDisc(canvas: Canvas, { tissues, seed, offsetMm, random, prolapses }: Scene, disc: Disc): void {
  if (Math.abs(offsetMm) > 25) return;
  const label = disc.level === null ? MASK.vertebra : MASK.disc;
  const prolapse = prolapses.find((p) => p.level === disc.level);
  const bulge = prolapse?.kind === 'bulge' ? prolapse.depthMm : 0.3 + 0.35 * disc.grade * random();
  const outline = discOutline(disc, disc.level === null ? [0, 0] : [0.8 + 0.3 * disc.grade, bulge]);
  canvas.fill(outline, textured(tissues.annulus, mixSeed(seed, 111), 4, 0.5), { label });
  const { centre, back, up, depthMm } = discFrame(disc);
  const nucleus = tissues.nucleus[disc.grade]!;
  if (disc.level === null) {
    canvas.fill(ellipse(centre, back, depthMm * 0.28, disc.heightMm * 0.28), nucleus * 1.2);
    return;
  }
  const share = disc.grade >= 4 ? 0.36 : 0.39;
  const middle = add(centre, back, depthMm * 0.03);
  const rim = ellipse(middle, back, depthMm * (share + 0.05), disc.heightMm * 0.44);
  canvas.fill(rim, tissues.annulus + (nucleus - tissues.annulus) * 0.45);
  const grain = layeredField(mixSeed(seed, 112), 4, 2);
  const core = ellipse(middle, back, depthMm * share, disc.heightMm * 0.35);
  canvas.fill(core, (x, y) => nucleus * (1 + (disc.grade >= 3 ? 0.3 : 0.12) * grain(x, y)));
  if (disc.grade < 4) canvas.fill(ellipse(middle, back, depthMm * 0.3, 0.55), nucleus * 0.6, { opacity: 0.6 });
  if (disc.grade === 5) canvas.fill(ellipse(add(middle, up, 0.3), back, depthMm * 0.2, 0.6), tissues.cortex);
}

/** The longitudinal ligaments: dark lines before and behind bodies and discs. */
function drawLigaments(canvas: Canvas, { spine, tissues, offsetMm }: Scene): void {
  if (Math.abs(offsetMm) > 20) return;
  canvas.fill(ribbon(beforeBodies(spine, 0.4), 1.5), tissues.ligament, { opacity: 0.85 });
  for (const { level, above, below, heightMm } of spine.discs) {
    if (level === null || Math.abs(offsetMm) > 11) continue;
    const reach = heightMm * 0.45;
    const [up, down] = [unit([above.back[0] - below.back[0], above.back[1] - below.back[1]]), 1];
    const line = [add(above.back, up, reach), mix(above.back, below.back, 0.5), add(below.back, up, -reach * down)];
    const shifted = line.map((p) => add(p, endplateDirection(above.degrees), 0.5));
    canvas.fill(ribbon(shifted, 1.1), tissues.ligament, { opacity: 0.8 });
  }
}

function drawProlapse(canvas: Canvas, { tissues, offsetMm, prolapses, seed }: Scene, disc: Disc): void {
  const prolapse = prolapses.find((p) => p.level === disc.level);
  if (prolapse === undefined || prolapse.kind === 'bulge') return;
  const depthMm = prolapse.depthMm * Math.exp(-((offsetMm / 9) ** 2));
  if (depthMm < 0.6) return;
  const outline = prolapseOutline(disc, prolapse.kind, depthMm);
  canvas.fill(outline, tissues.ligament, { label: MASK.disc });
  canvas.fill(inset(outline, 0.8), textured(tissues.herniated, mixSeed(seed, 121), 3, 0.4));
}

function prolapseOutline(disc: Disc, kind: 'protrusion' | 'extrusion', depthMm: number): Polygon {
  const { back, up, rear } = discFrame(disc);
  const at = (along: number, across: number): Point => add(add(rear, back, along), up, across);
  const half = Math.max(2.2, disc.heightMm / 2);
  if (kind === 'protrusion') {
    return closedCurve([
      at(-3, half * 0.9),
      at(0.3, half),
      at(depthMm * 0.75, half * 0.62),
      at(depthMm, -half * 0.1),
      at(depthMm * 0.75, -half * 0.75),
      at(0.3, -half),
      at(-3, -half * 0.9),
    ]);
  }
  return closedCurve([
    at(-3, half * 0.7),
    at(0.4, half * 0.75),
    at(depthMm * 0.6, half * 1.05),
    at(depthMm, -half * 0.2),
    at(depthMm * 0.9, -half * 1.5),
    at(depthMm * 0.45, -half * 1.7),
    at(0.4, -half * 0.75),
    at(-3, -half * 0.7),
  ]);
}
