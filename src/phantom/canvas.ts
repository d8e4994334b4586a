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
    for (const [row, crossings] of crossingsByRow(xs, ys, this.#height)) {
      crossings.sort((a, b) => a - b);
      for (let i = 0; i + 1 < crossings.length; i += 2)
        this.#span(row, crossings[i]!, crossings[i + 1]!, paint, options);
    }
  }

  #span(row: number, from: number, to: number, paint: Paint, { opacity = 1, label }: FillOptions): void {
    const first = Math.max(0, Math.ceil(from - 0.5));
    const last = Math.min(this.#width - 1, Math.ceil(to - 0.5) - 1);
    if (last < first) return;
    const start = row * this.#width;
    if (label !== undefined && opacity >= 0.5) this.#label.fill(label, start + first, start + last + 1);
    if (typeof paint === 'number') {
      this.#cover(start + first, start + last + 1, paint, opacity);
      return;
    }
    const y = this.#yOf(row);
    for (let column = first; column <= last; ) {
      const next = Math.min(last + 1, column - (column % SAMPLES) + SAMPLES);
      this.#cover(start + column, start + next, paint(this.#xOf(column), y), opacity);
      column = next;
    }
  }

  #cover(from: number, to: number, value: number, opacity: number): void {
    const signal = this.#signal;
    for (let at = from; at < to; at += 1) signal[at] = signal[at]! * (1 - opacity) + value * opacity;
  }

  #xOf(column: number): number {
    const { columns, spacingMm, centreMm } = this.plane;
    return centreMm[0] + ((column + 0.5) / SAMPLES - columns / 2) * spacingMm[1];
  }

  #yOf(row: number): number {
    const { rows, spacingMm, centreMm } = this.plane;
    return centreMm[1] + ((row + 0.5) / SAMPLES - rows / 2) * spacingMm[0];
  }

  /** Mean signal and most frequent label of each pixel's samples, row major; ties go to the higher label. */
  develop(): { signal: Float32Array; label: Uint8Array } {
    const { rows, columns } = this.plane;
    const signal = new Float32Array(rows * columns);
    const label = new Uint8Array(rows * columns);
    const votes = new Uint8Array(4);
    for (let pixel = 0; pixel < signal.length; pixel += 1) {
      const row = Math.floor(pixel / columns);
      const corner = row * SAMPLES * this.#width + (pixel - row * columns) * SAMPLES;
      votes.fill(0);
      let sum = 0;
      for (let line = 0; line < SAMPLES; line += 1) {
        for (let at = corner + line * this.#width, end = at + SAMPLES; at < end; at += 1) {
          sum += this.#signal[at]!;
          votes[this.#label[at]!]! += 1;
        }
      }
      signal[pixel] = sum / (SAMPLES * SAMPLES);
      label[pixel] = votes.lastIndexOf(Math.max(votes[0]!, votes[1]!, votes[2]!, votes[3]!));
    }
    return { signal, label };
  }
}

/** Where an outline crosses the middles of rows 0 to `height` - 1, by row, in no order. */
function crossingsByRow(xs: readonly number[], ys: readonly number[], height: number): Map<number, number[]> {
  const byRow = new Map<number, number[]>();
  for (let i = 0, j = ys.length - 1; i < ys.length; j = i, i += 1) {
    const [x, y] = [xs[i]!, ys[i]!];
    const slope = [ys[j]! - y, xs[j]! - x] as const;
    const first = Math.max(0, Math.ceil(Math.min(y, ys[j]!) - 0.5));
    const end = Math.min(height, Math.ceil(Math.max(y, ys[j]!) - 0.5));
    for (let row = first; row < end; row += 1) {
      const crossing = x + ((row + 0.5 - y) / slope[0]) * slope[1];
      const crossings = byRow.get(row);
      if (crossings === undefined) byRow.set(row, [crossing]);
      else crossings.push(crossing);
    }
  }
  return byRow;
}
