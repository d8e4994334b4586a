import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createPictureEncoder } from '../../pictures/encoder.ts';
import { drawOverlay } from '../../reporting/overlay.ts';
import { startProgress } from '../progress.ts';
import { type CutOffNames, nameCutOff } from './cut-off.ts';
import type { LabelledPicture } from './labelled.ts';
import { type PictureResult, type RunDeps, runPicture } from './run-pictures.ts';

/** What the pipeline said about a picture, and about the same picture cut off above L5-S1. */
export interface EvaluatedPicture extends PictureResult {
  /** Null where nobody drew boxes, or where the cut was not asked for. */
  readonly cutOff: CutOffNames | null;
}

export interface RunAllOptions {
  /** Pictures that run at once: several, so that no core waits; one, so that times can be compared. */
  readonly inFlight: number;
  readonly cutOff: boolean;
  /** Folder for overlays; null for none. */
  readonly overlays: string | null;
}

/** Results in the order of the pictures. */
export async function runAll(
  deps: RunDeps,
  pictures: readonly LabelledPicture[],
  { inFlight, cutOff, overlays }: RunAllOptions,
): Promise<EvaluatedPicture[]> {
  if (overlays !== null) await mkdir(overlays, { recursive: true });
  const encoder = createPictureEncoder();
  const progress = startProgress(pictures.length);
  const results: EvaluatedPicture[] = [];
  const queue = pictures.entries();
  let failed = false;
  const work = async () => {
    for (const [place, picture] of queue) {
      if (failed) return;
      const { pixels, ...result } = await runPicture(deps, picture);
      results[place] = { ...result, cutOff: cutOff ? await nameCutOff(deps, result.picture) : null };
      if (overlays !== null && pixels !== null && result.report !== null) {
        const drawn = drawOverlay({ slice: pixels.upright, report: result.report, mask: pixels.mask });
        await writeFile(join(overlays, `${basename(picture.name)}.png`), await encoder.pngRgb(drawn));
      }
      progress.finished(picture.name, result.status);
    }
  };
  const started = Array.from({ length: inFlight }, () =>
    work().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  // The caller closes the engine next: no picture may still run then.
  const ended = await Promise.allSettled(started);
  progress.stop();
  const failure = ended.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return results;
}
