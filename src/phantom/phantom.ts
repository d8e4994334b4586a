import type { Box } from '../contracts/detection.ts';
import { LEVELS, type Level } from '../contracts/reasons.ts';
import type { Grey8, Grey16 } from '../imaging/image.ts';
import { Canvas } from './canvas.ts';
import { drawScene } from './draw.ts';
import { between, gaussianPair, mixSeed, randomOf } from './random.ts';
import { MASK, type Prolapse } from './scene.ts';
import type { Polygon } from './shape.ts';
import { buildSpine, cutBeside, discOutline, type Grades, type Spine } from './spine.ts';
import { T1, T2 } from './tissue.ts';

/** What to draw; everything but the seed has a default. */
export interface PhantomSpec {
  /** Draws the patient: the same seed is the same anatomy in every slice, weighting and matrix. */
  readonly seed: number;
  readonly rows?: number;
  readonly columns?: number;
  /** [row, column] in millimetres. */
  readonly spacingMm?: readonly [number, number];
  readonly weighting?: 't2' | 't1';
  /** Distance from the mid-sagittal plane, millimetres. */
  readonly offsetMm?: number;
  /** Where the image centre lies from the centre of L3, millimetres: towards the back, towards the feet. */
  readonly centreMm?: readonly [number, number];
  /** Pfirrmann grades, 1 to 5; levels not named are drawn from the seed, 1 to 3. */
  readonly grades?: Grades;
  readonly prolapses?: readonly Prolapse[];
  /** Standard deviation of the noise in either channel, as a share of the fluid's signal. */
  readonly noise?: number;
  /** Strength of the surface coil's fall-off from the back to the front: 0 none, 1 strong. */
  readonly shading?: number;
  /** Presaturation before the spine, as most protocols have it. */
  readonly saturationBand?: boolean;
  /** Stored value of the brightest fluid before the coil's shading. */
  readonly fullScale?: number;
  /** Seed of noise alone; another one for each slice. */
  readonly noiseSeed?: number;
}

/** A lumbar disc as it was drawn: its box in pixels (edges, origin top left) bounds its pixels of the mask. */
export interface PhantomDisc {
  readonly level: Level;
  readonly box: Box;
  readonly prolapse: Prolapse | null;
}

export interface Phantom {
  /** Head up, front left; rows x columns of the spec. */
  readonly image: Grey16;
  /** 0 background, 1 vertebra (with its processes, and the sacrum), 2 disc, 3 canal. */
  readonly mask: Grey8;
  /** Discs that lie in the image as a whole, from L5-S1 upwards. */
  readonly discs: readonly PhantomDisc[];
}

/**
 * Draws a sagittal slice of a lumbar spine as a spin echo would show it. Invented anatomy: no patient's picture enters
 * it. The same spec gives the same pixels.
 */
export function drawPhantom(spec: PhantomSpec): Phantom {
  const { seed, rows = 384, columns = 384, spacingMm = [0.6875, 0.6875], offsetMm = 0, prolapses = [] } = spec;
  const random = randomOf(mixSeed(seed, 1));
  const grades: Grades = { ...Object.fromEntries(prolapses.map((p) => [p.level, 4])), ...spec.grades };
  const middle = buildSpine(random, grades);
  const spine = offsetMm === 0 ? middle : cutBeside(middle, offsetMm);
  const centreMm = spec.centreMm ?? [between(random, -6, 10), between(random, 2, 14)];
  const canvas = new Canvas({ rows, columns, spacingMm, centreMm });
  const tissues = spec.weighting === 't1' ? T1 : T2;
  drawScene(canvas, { spine, tissues, prolapses, offsetMm, seed, random: randomOf(mixSeed(seed, 2)) });
  const { signal, label } = canvas.develop();
  const width = columns;
  const height = rows;
  expose(signal, spine, canvas, spec);
  const mask: Grey8 = { depth: 'u8', width, height, data: label };
  return { image: record(signal, width, height, spec), mask, discs: discsOf(spine, canvas, mask, prolapses) };
}

/** Point spread, coil shading and presaturation, in place. */
function expose(signal: Float32Array, spine: Spine, { plane }: Canvas, spec: PhantomSpec): void {
  const { rows, columns, spacingMm, centreMm } = plane;
  blur(signal, rows, columns, 0.55);
  const shading = spec.shading ?? 0.5;
  const l1 = spine.vertebrae.find((v) => v.name === 'L1')!;
  const s1 = spine.vertebrae.find((v) => v.name === 'S1')!;
  const band = spec.saturationBand ?? true;
  for (let row = 0; row < rows; row += 1) {
    const y = centreMm[1] + (row + 0.5 - rows / 2) * spacingMm[0];
    const t = (y - l1.superior.front[1]) / (s1.superior.front[1] - l1.superior.front[1]);
    const edge = l1.superior.front[0] + (s1.superior.front[0] - l1.superior.front[0]) * t - 11;
    for (let column = 0; column < columns; column += 1) {
      const x = centreMm[0] + (column + 0.5 - columns / 2) * spacingMm[1];
      const fromCoil = Math.max(0, 75 - x) / 100;
      const alongCoil = Math.max(0, Math.abs(y) - 60) / 150;
      const coil = 1.25 * Math.exp(-shading * (1.5 * fromCoil + alongCoil * alongCoil));
      signal[row * columns + column]! *= coil * (band ? presaturation(x - edge, y - s1.inferior.front[1]) : 1);
    }
  }
}

/** Signal left at a place before (`x` < 0) the band's edge and below (`y` > 0) its lower end, millimetres. */
function presaturation(x: number, y: number): number {
  const step = (v: number, widthMm: number): number => 1 / (1 + Math.exp(-v / widthMm));
  return 1 - 0.94 * step(-x, 2.5) * step(-y - 12, 6);
}

/** Gaussian point spread of `sigma` pixels, separable, in place. */
function blur(signal: Float32Array, rows: number, columns: number, sigma: number): void {
  const side = Math.exp(-1 / (2 * sigma * sigma));
  const total = 1 + 2 * side;
  const pass = (lines: number, length: number, lineStep: number, step: number): void => {
    for (let line = 0; line < lines; line += 1) {
      let before = signal[line * lineStep]!;
      for (let i = 0; i < length; i += 1) {
        const at = line * lineStep + i * step;
        const here = signal[at]!;
        const after = i + 1 < length ? signal[at + step]! : here;
        signal[at] = (here + side * (before + after)) / total;
        before = here;
      }
    }
  };
  pass(rows, columns, columns, 1);
  pass(columns, rows, 1, columns);
}

/** Magnitude of a complex signal with Gaussian noise in both channels (Gudbjartsson and Patz 1995), rounded. */
function record(signal: Float32Array, width: number, height: number, spec: PhantomSpec): Grey16 {
  const { noise = 0.012, fullScale = 900, seed } = spec;
  const random = randomOf(mixSeed(spec.noiseSeed ?? seed, 7));
  const data = new Uint16Array(width * height);
  for (let i = 0; i < data.length; i += 1) {
    const [a, b] = gaussianPair(random);
    const real = signal[i]! + noise * a;
    const imaginary = noise * b;
    data[i] = Math.min(65535, Math.round(fullScale * Math.sqrt(real * real + imaginary * imaginary)));
  }
  return { depth: 'u16', width, height, data };
}

function discsOf(spine: Spine, canvas: Canvas, mask: Grey8, prolapses: readonly Prolapse[]): PhantomDisc[] {
  const found: PhantomDisc[] = [];
  for (const disc of spine.discs) {
    const { level } = disc;
    if (level === null) continue;
    const prolapse = prolapses.find((p) => p.level === level) ?? null;
    const reach = 1.5 + (prolapse?.depthMm ?? 0);
    const box = boundsOfLabel(mask, canvas, discOutline(disc, [3, 2]), reach);
    if (box !== null) found.push({ level, box, prolapse });
  }
  return found.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
}

/** Bounds of the disc's pixels within the outline's bounds, grown by `reachMm`; null where they touch the image's edge. */
function boundsOfLabel(mask: Grey8, { plane }: Canvas, outline: Polygon, reachMm: number): Box | null {
  const { spacingMm, centreMm } = plane;
  const toColumn = (x: number): number => (x - centreMm[0]) / spacingMm[1] + mask.width / 2;
  const toRow = (y: number): number => (y - centreMm[1]) / spacingMm[0] + mask.height / 2;
  const xs = outline.map((p) => p[0]);
  const ys = outline.map((p) => p[1]);
  const left = Math.floor(toColumn(Math.min(...xs) - 1));
  const right = Math.ceil(toColumn(Math.max(...xs) + reachMm));
  const top = Math.floor(toRow(Math.min(...ys) - 1));
  const bottom = Math.ceil(toRow(Math.max(...ys) + reachMm));
  if (left < 0 || top < 0 || right > mask.width || bottom > mask.height) return null;
  let [x0, y0, x1, y1] = [right, bottom, left, top];
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1) {
      if (mask.data[row * mask.width + column] !== MASK.disc) continue;
      [x0, y0] = [Math.min(x0, column), Math.min(y0, row)];
      [x1, y1] = [Math.max(x1, column + 1), Math.max(y1, row + 1)];
    }
  }
  return x1 > x0 && y1 > y0 ? { x: x0, y: y0, width: x1 - x0, height: y1 - y0 } : null;
}
