import { beforeBodies, trunkCurve } from './canal.ts';
import type { Canvas } from './canvas.ts';
import { between, layeredField, mixSeed } from './random.ts';
import { type Scene, textured } from './scene.ts';
import { add, curveThrough, ellipse, type Point, type Polygon, ribbon, unit } from './shape.ts';
import type { Tissues } from './tissue.ts';

const FAR_MM = 400;

/** The trunk from the skin of the back to the belly: fat, muscle, bowel. */
export function drawTrunk(canvas: Canvas, scene: Scene): void {
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
export function drawFront(canvas: Canvas, { spine, tissues, seed, random }: Scene): void {
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
