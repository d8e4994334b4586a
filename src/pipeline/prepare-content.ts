import { createHash } from 'node:crypto';
import type { Reason } from '../contracts/reasons.ts';
import type { Slice, Study } from '../contracts/study.ts';
import type { Grey16 } from '../imaging/image.ts';

/** What a content hash covers: everything of a study that a result may depend on, and nothing of how it came. */
export interface Content {
  readonly sequence: Study['sequence'];
  readonly slices: ReadonlyArray<{ readonly slice: Omit<Slice, 'index' | 'file'>; readonly pixels: Grey16 }>;
  readonly flags: readonly Reason[];
  /** Reason codes of a study that was refused or held back. */
  readonly verdict: readonly string[];
  /** What tells refused studies apart, which hand on no slices. */
  readonly instances: readonly string[];
}

/**
 * The bytes whose HMAC is the content hash: pixels as decoded, geometry and the instance that a report refers to, slice by
 * slice, in an order that does not depend on the upload's. Millimetres and cosines are rounded before they are hashed.
 */
export function contentBytes({ sequence, slices, flags, verdict, instances }: Content): Buffer {
  const digests = slices.map(({ slice, pixels }) => sliceDigest(slice, pixels)).sort();
  const summary = {
    schema: 'discflow.content/1',
    sequence,
    slices: digests,
    flags: flags.map(({ code }) => code).sort(),
    verdict: [...verdict].sort(),
    instances: [...instances].sort(),
  };
  return createHash('sha256').update(JSON.stringify(summary)).digest();
}

function sliceDigest(slice: Omit<Slice, 'index' | 'file'>, { width, height, data }: Grey16): string {
  const { orientation, pixelSpacingMm, offsetMm, sliceIndex, sliceCount, invert, sopInstanceRef, frame } = slice;
  const geometry = {
    width,
    height,
    orientation,
    spacing: pixelSpacingMm?.map((value) => value.toFixed(4)) ?? null,
    offset: offsetMm?.toFixed(2) ?? null,
    sliceIndex,
    sliceCount,
    invert,
    instance: sopInstanceRef,
    frame,
  };
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return createHash('sha256').update(JSON.stringify(geometry)).update(bytes).digest('hex');
}
