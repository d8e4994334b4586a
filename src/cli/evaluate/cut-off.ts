import { InputFault } from '../../contracts/reasons.ts';
import { detectSlices } from '../../pipeline/detect-slices.ts';
import type { PixelDecoder } from '../../pipeline/ports.ts';
import { preparePicture } from '../../pipeline/prepare-picture.ts';
import type { LabelledPicture } from './labelled.ts';
import { type RunDeps, readPicture } from './run-pictures.ts';

/** Names given on a picture that was cut off above L5-S1. */
export interface CutOffNames {
  readonly discs: number;
  readonly certain: number;
}

/** Rows below which a cut leaves no slice to look at. */
const MIN_ROWS = 64;

/**
 * The picture without what lies below the middle of the gap between L4-L5's box and L5-S1's, read and detected as an
 * upload: nothing in it tells its levels. Null where nobody drew boxes or nothing of it is left.
 */
export async function nameCutOff(deps: RunDeps, picture: LabelledPicture): Promise<CutOffNames | null> {
  const lowest = picture.discs?.find(({ level }) => level === 'L5-S1');
  const above = picture.discs?.find(({ level }) => level === 'L4-L5');
  if (lowest === undefined || above === undefined) return null;
  const rows = Math.round((above.box.y + above.box.height + lowest.box.y) / 2);
  if (rows < MIN_ROWS) return null;
  const bytes = await readPicture(picture);
  try {
    const { study, slices, verdict } = await preparePicture(
      { tenant: 'local', pseudonyms: deps.pseudonyms, decoder: cutting(deps.decoder, rows) },
      { name: picture.name, size: bytes.length, read: async () => bytes },
    );
    if (verdict !== 'ok') return NOTHING;
    const { detection } = await detectSlices({ study, slices }, deps.pack);
    return {
      discs: detection.discs.length,
      certain: detection.discs.filter(({ levelCertain }) => levelCertain).length,
    };
  } catch (error) {
    if (!(error instanceof InputFault)) throw error;
    return NOTHING;
  }
}

const NOTHING: CutOffNames = { discs: 0, certain: 0 };

/** A decoder that gives a picture's first rows alone. */
function cutting(decoder: PixelDecoder, rows: number): PixelDecoder {
  return {
    readDicom: (bytes) => decoder.readDicom(bytes),
    readOrigin: (bytes) => decoder.readOrigin(bytes),
    decodeFrame: (bytes, frame) => decoder.decodeFrame(bytes, frame),
    decodePicture: async (bytes) => {
      const whole = await decoder.decodePicture(bytes);
      const height = Math.min(rows, whole.height);
      return { ...whole, height, data: whole.data.slice(0, height * whole.width) };
    },
  };
}
