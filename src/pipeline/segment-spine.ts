import type { Box } from '../contracts/detection.ts';
import type { Tier } from '../contracts/keys.ts';
import type { PackManifest, SpineSegmenter } from '../contracts/pack.ts';
import { effectiveWeights, round4 } from '../ensemble/ensemble.ts';
import type { PixelRect } from '../imaging/crop.ts';
import type { Grey8 } from '../imaging/image.ts';
import { inputBatch } from '../imaging/tensor.ts';
import { cleanUp } from '../segmentation/clean-up.ts';
import { argmaxClasses, shareOf, sumOfShares } from '../segmentation/segmenter.ts';
import type { PackedCrop } from './crops.ts';
import { cropRuleName } from './detect-slices.ts';
import type { LoadedPack } from './ports.ts';

export interface SpineSegmentation {
  /** Classes over the whole upright slice, cleaned. */
  readonly mask: Grey8;
  /** The part of the slice that was segmented; the rest is background unseen. */
  readonly part: PixelRect;
  readonly members: ReadonlyArray<{ readonly id: string; readonly weight: number }>;
}

/**
 * The weighted mean of the segmenters' class probabilities on the lumbar crop, its most probable classes laid into a
 * mask of the upright slice's size and cleaned. `single` and `auto` run the tier's one segmenter. `crops` are the
 * region's, by rule name; a verified pack's segmenters share one rule. Null where the region left no crop.
 */
export async function segmentSpine(
  upright: { readonly width: number; readonly height: number },
  crops: ReadonlyMap<string, PackedCrop>,
  discs: readonly Box[],
  pack: LoadedPack,
  tier: Tier,
  networksMs: Record<string, number>,
): Promise<SpineSegmentation | null> {
  const members = segmentersOf(pack.manifest, tier);
  const crop = members[0] === undefined ? undefined : crops.get(cropRuleName(members[0].segmenter.crop));
  if (crop === undefined) return null;
  // Each softmax is taken while the next network runs.
  const shares = await Promise.all(
    members.map(async ({ segmenter, weight }) => {
      const batch = inputBatch([crop.image], segmenter.input);
      const { output, ms } = await pack.run(segmenter.id, batch);
      networksMs[segmenter.id] = (networksMs[segmenter.id] ?? 0) + ms;
      return shareOf({ id: segmenter.id, weight, output, placement: batch.placements[0]! });
    }),
  );
  const classes = argmaxClasses(sumOfShares(shares, crop.image));
  const inCrop = discs.map((box) => ({ ...box, x: box.x - crop.x, y: box.y - crop.y }));
  const cleaned = cleanUp({ ...crop.image, data: classes }, inCrop);
  return {
    mask: layInto(upright, crop, cleaned),
    part: { x0: crop.x, y0: crop.y, x1: crop.x + crop.image.width, y1: crop.y + crop.image.height },
    members: members.map(({ segmenter: { id }, weight }) => ({ id, weight: round4(weight) })),
  };
}

function segmentersOf(manifest: PackManifest, tier: Tier): Array<{ segmenter: SpineSegmenter; weight: number }> {
  const segmenters = manifest.members.filter((member) => member.role === 'spine-segmenter');
  const ensemble =
    tier === 'ensemble'
      ? manifest.segmentation
      : ({ method: 'single', weights: { [manifest.tiers.single.segmenter]: 1 } } as const);
  return effectiveWeights(ensemble, new Set(segmenters.map(({ id }) => id))).map(({ id, weight }) => ({
    segmenter: segmenters.find((segmenter) => segmenter.id === id)!,
    weight,
  }));
}

function layInto(upright: { width: number; height: number }, crop: PackedCrop, classes: Grey8): Grey8 {
  const { width, height } = upright;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < classes.height; y++) {
    const row = classes.data.subarray(y * classes.width, (y + 1) * classes.width);
    data.set(row, (crop.y + y) * width + crop.x);
  }
  return { depth: 'u8', width, height, data };
}
