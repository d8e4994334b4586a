import { beforeBodies, behindCanal, buildSac, canalOutline } from './canal.ts';
import type { Canvas } from './canvas.ts';
import { between, fieldOf, layeredField, mixSeed, type Random } from './random.ts';
import { MASK, type Scene, shareInside, textured } from './scene.ts';
import {
  add,
  closedCurve,
  ellipse,
  endplateDirection,
  inset,
  mix,
  type Point,
  type Polygon,
  ribbon,
  subtract,
  unit,
} from './shape.ts';
import { drawFront, drawTrunk } from './soft-tissue.ts';
import { bodyOutline, type Disc, discFrame, discOutline, type Vertebra } from './spine.ts';

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
    const up = unit(subtract(above.back, below.back));
    const line = [add(above.back, up, reach), mix(above.back, below.back, 0.5), add(below.back, up, -reach)];
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
