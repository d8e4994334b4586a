export interface LosslessPicture {
  readonly width: number;
  readonly height: number;
  /** Bits a sample. */
  readonly precision: number;
  /** Row major; below 2^precision. */
  readonly samples: Uint16Array;
  /** ISO 10918-1 table H.1: 1 to 7. */
  readonly predictor: number;
  /** Low bits that are cut off. */
  readonly shift?: number;
  /** Rows between restart markers. */
  readonly restartRows?: number;
}

/** One code of five bits a category: 17 codes from zero. */
const CODE_BITS = 5;
const CATEGORIES = Array.from({ length: 17 }, (_, category) => category);
const SIZES = [0, 0, 0, 0, CATEGORIES.length, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

const word = (value: number): number[] => [value >> 8, value & 0xff];
const segment = (marker: number, body: readonly number[]): number[] => [
  0xff,
  marker,
  ...word(body.length + 2),
  ...body,
];

/** A stream of JPEG Lossless, process 14, ISO 10918-1 annex H. */
export function encodeJpegLossless(picture: LosslessPicture): Uint8Array {
  const { width, height, precision, predictor, shift = 0, restartRows = 0 } = picture;
  const out = [
    ...[0xff, 0xd8],
    ...segment(0xc4, [0, ...SIZES, ...CATEGORIES]),
    ...segment(0xc3, [precision, ...word(height), ...word(width), 1, 1, 0x11, 0]),
    ...(restartRows > 0 ? segment(0xdd, word(restartRows * width)) : []),
    ...segment(0xda, [1, 1, 0, predictor, 0, shift]),
  ];
  for (let row = 0; row < height; row += restartRows || height) {
    if (row > 0) out.push(0xff, 0xd0 + ((row / restartRows - 1) & 7));
    out.push(...codedRows(picture, row, Math.min(height, row + (restartRows || height))));
  }
  return Uint8Array.from([...out, 0xff, 0xd9]);
}

function codedRows(picture: LosslessPicture, from: number, to: number): number[] {
  const { width, precision, samples, predictor, shift = 0 } = picture;
  const at = (x: number, y: number) => samples[y * width + x]! >> shift;
  let bits = '';
  for (let y = from; y < to; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const first = x === 0 && y === from ? 2 ** (precision - shift - 1) : null;
      const along = y === from ? at(x - 1, y) : x === 0 ? at(x, y - 1) : null;
      const predicted = first ?? along ?? predict(at(x - 1, y), at(x, y - 1), at(x - 1, y - 1), predictor);
      bits += codeOf((at(x, y) - predicted) & 0xffff);
    }
  }
  const bytes = bits.match(/.{1,8}/g) ?? [];
  return bytes
    .map((each) => Number.parseInt(each.padEnd(8, '1'), 2))
    .flatMap((byte) => (byte === 255 ? [255, 0] : byte));
}

const predict = (left: number, above: number, corner: number, predictor: number): number =>
  [
    left,
    above,
    corner,
    left + above - corner,
    left + ((above - corner) >> 1),
    above + ((left - corner) >> 1),
    (left + above) >> 1,
  ][predictor - 1]!;

function codeOf(difference: number): string {
  const value = difference > 0x8000 ? difference - 0x10000 : difference;
  const category = value === 0 ? 0 : Math.floor(Math.log2(Math.abs(value))) + 1;
  const bits = category === 0 || category === 16 ? '' : binary(value < 0 ? value + 2 ** category - 1 : value, category);
  return binary(category, CODE_BITS) + bits;
}

const binary = (value: number, size: number): string => value.toString(2).padStart(size, '0');
