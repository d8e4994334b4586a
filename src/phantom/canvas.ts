import type { Polygon } from './shape.ts';

/** Signal of a tissue at a point in millimetres, 0 (air) to about 1 (brightest fluid). */
export type Paint = number | ((x: number, y: number) => number);

export interface Plane {
  readonly rows: number;
  readonly columns: number;
  /** [row, column] in millimetres. */
  readonly spacingMm: readonly [number, number];
  /** Where the centre of the image lies in the phantom's millimetres. */
  readonly centreMm: readonly [number, number];
}

export interface FillOptions {
  /** 0 (leaves what is there) to 1 (covers it): partial volume. */
  readonly opacity?: number;
  /** Class written into the mask where the fill covers at least half. */
  readonly label?: number;
}

const SAMPLES = 2;

/** A picture painted with polygons in millimetres, two by two samples a pixel. */
export class Canvas {
  readonly plane: Plane;
  readonly #width: number;
  readonly #height: number;
  readonly #signal: Float32Array;
  readonly #label: Uint8Array;

  constructor(plane: Plane) {
    this.plane = plane;
    this.#width = plane.columns * SAMPLES;
    this.#height = plane.rows * SAMPLES;
    this.#signal = new Float32Array(this.#width * this.#height);
    this.#label = new Uint8Array(this.#width * this.#height);
  }

  #toX(xMm: number): number {
    const { columns, spacingMm, centreMm } = this.plane;
    return ((xMm - centreMm[0]) / spacingMm[1] + columns / 2) * SAMPLES;
  }

  #toY(yMm: number): number {
    const { rows, spacingMm, centreMm } = this.plane;
    return ((yMm - centreMm[1]) / spacingMm[0] + rows / 2) * SAMPLES;
  }

  /** Fills an outline by the even-odd rule; a sample counts when its centre lies inside. Paint changes from pixel to pixel. */
  fill(polygon: Polygon, paint: Paint, options: FillOptions = {}): void {
    const xs = polygon.map((p) => this.#toX(p[0]));
    const ys = polygon.map((p) => this.#toY(p[1]));
    const top = Math.max(0, Math.ceil(Math.min(...ys) - 0.5));
    const bottom = Math.min(this.#height - 1, Math.floor(Math.max(...ys) - 0.5));
    for (let row = top; row <= bottom; row += 1) {
      const crossings = crossingsOf(xs, ys, row + 0.5);
      for (let i = 0; i + 1 < crossings.length; i += 2)
        this.#span(row, crossings[i]!, crossings[i + 1]!, paint, options);
    }
  }

  #span(row: number, from: number, to: number, paint: Paint, { opacity = 1, label }: FillOptions): void {
    const first = Math.max(0, Math.ceil(from - 0.5));
    const last = Math.min(this.#width - 1, Math.ceil(to - 0.5) - 1);
    let value = typeof paint === 'number' ? paint : 0;
    for (let column = first; column <= last; column += 1) {
      const at = row * this.#width + column;
      if (typeof paint !== 'number' && (column === first || column % SAMPLES === 0))
        value = paint(...this.#pointOf(row, column));
      this.#signal[at] = this.#signal[at]! * (1 - opacity) + value * opacity;
      if (label !== undefined && opacity >= 0.5) this.#label[at] = label;
    }
  }

  #pointOf(row: number, column: number): [number, number] {
    const { rows, columns, spacingMm, centreMm } = this.plane;
    return [
      centreMm[0] + ((column + 0.5) / SAMPLES - columns / 2) * spacingMm[1],
      centreMm[1] + ((row + 0.5) / SAMPLES - rows / 2) * spacingMm[0],
    ];
  }

  /** Mean signal and most frequent label of each pixel's samples, row major; ties go to the higher label. */
  develop(): { signal: Float32Array; label: Uint8Array } {
    const { rows, columns } = this.plane;
    const signal = new Float32Array(rows * columns);
    const label = new Uint8Array(rows * columns);
    const votes = new Uint8Array(4);
    for (let pixel = 0; pixel < signal.length; pixel += 1) {
      const corner = Math.floor(pixel / columns) * SAMPLES * this.#width + (pixel % columns) * SAMPLES;
      votes.fill(0);
      let sum = 0;
      for (let s = 0; s < SAMPLES * SAMPLES; s += 1) {
        const at = corner + Math.floor(s / SAMPLES) * this.#width + (s % SAMPLES);
        sum += this.#signal[at]!;
        votes[this.#label[at]!]! += 1;
      }
      signal[pixel] = sum / (SAMPLES * SAMPLES);
      label[pixel] = votes.lastIndexOf(Math.max(votes[0]!, votes[1]!, votes[2]!, votes[3]!));
    }
    return { signal, label };
  }
}

function crossingsOf(xs: readonly number[], ys: readonly number[], y: number): number[] {
  const crossings: number[] = [];
  for (let i = 0, j = ys.length - 1; i < ys.length; j = i, i += 1) {
    if (ys[i]! <= y === ys[j]! <= y) continue;
    crossings.push(xs[i]! + ((y - ys[i]!) / (ys[j]! - ys[i]!)) * (xs[j]! - xs[i]!));
  }
  return crossings.sort((a, b) => a - b);
}
