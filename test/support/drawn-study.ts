import type { Box } from '../../src/contracts/detection.ts';
import type { PackManifest } from '../../src/contracts/pack.ts';
import type { Study } from '../../src/contracts/study.ts';
import { seededRandom } from '../../src/evaluation/random.ts';
import { cropRect } from '../../src/imaging/crop.ts';
import type { Grey16 } from '../../src/imaging/image.ts';
import { planPlacement, toFrame } from '../../src/imaging/letterbox.ts';
import type { Tensor } from '../../src/pipeline/ports.ts';
import { yoloAnswer } from './fake-pack.ts';

export const SIZE = { width: 240, height: 420 } as const;
export const REGION: Box = { x: 60, y: 70, width: 140, height: 310 };
const PSEUDONYM = `v1-${'a'.repeat(26)}`;

/** Boxes of a whole lumbar column in the slice, lowest first. */
export const DISCS: readonly Box[] = [
  [130, 340, 54, 44],
  [121, 294, 54, 26],
  [122, 248, 54, 25],
  [129, 203, 54, 24],
  [139, 159, 54, 23],
  [149, 117, 54, 22],
].map(([x = 0, y = 0, width = 0, height = 0]) => ({ x: x - width / 2, y: y - height / 2, width, height }));

/** A slice with some texture, so that windows and crops hold something. */
export function slicePixels(seed = 0): Grey16 {
  const { width, height } = SIZE;
  const random = seededRandom(seed);
  const data = Uint16Array.from({ length: width * height }, () => 200 + Math.floor(1500 * random()));
  return { depth: 'u16', width, height, data };
}

export function drawnStudy(kind: Study['kind'], slices = 1, pixelSpacingMm: [number, number] | null = null): Study {
  return {
    schema: 'discflow.study/1',
    tenant: 'clinic',
    studyKey: PSEUDONYM,
    contentHash: PSEUDONYM,
    kind,
    seriesRanking: [],
    selectedSeries: kind === 'dicom' ? 1 : null,
    sequence: kind === 'dicom' ? 't2' : 'unknown',
    slices: Array.from({ length: slices }, (_, index) => ({
      index,
      file: `slices/${index}.raw`,
      rows: SIZE.height,
      columns: SIZE.width,
      orientation: { transpose: false, flipX: false, flipY: false },
      pixelSpacingMm,
      offsetMm: kind === 'dicom' ? index * 4 : null,
      sliceIndex: 7 + index,
      sliceCount: 15,
      frame: null,
      sopInstanceRef: kind === 'dicom' ? PSEUDONYM : null,
      invert: false,
    })),
    flags: [],
  };
}

/** What a lumbar detector answers for a region of the slice. */
export function regionAnswer(manifest: PackManifest, score: number, ...others: readonly Box[]): Tensor {
  const { input } = manifest.members.find(({ role }) => role === 'lumbar-detector')!;
  return yoloAnswer(
    [REGION, ...others].map((box, index) =>
      inFrame(box, { x0: 0, y0: 0 }, SIZE, input, index === 0 ? score : score / 2),
    ),
  );
}

/** What a disc detector answers for boxes of the slice. */
export function discAnswer(manifest: PackManifest, boxes: readonly Box[], score: number, region = REGION): Tensor {
  const detector = manifest.members.find((member) => member.role === 'disc-detector')!;
  const view = cropRect(region, detector.crop, SIZE)!;
  const size = { width: view.x1 - view.x0, height: view.y1 - view.y0 };
  return yoloAnswer(boxes.map((box) => inFrame(box, view, size, detector.input, score)));
}

function inFrame(
  box: Box,
  origin: { x0: number; y0: number },
  size: { width: number; height: number },
  frame: { width: number; height: number },
  score: number,
): [number, number, number, number, number] {
  const placement = planPlacement(size, frame, 'letterbox');
  const start = toFrame(placement, box.x - origin.x0, box.y - origin.y0);
  const end = toFrame(placement, box.x + box.width - origin.x0, box.y + box.height - origin.y0);
  return [(start.x + end.x) / 2, (start.y + end.y) / 2, end.x - start.x, end.y - start.y, score];
}
