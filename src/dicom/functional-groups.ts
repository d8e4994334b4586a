import { codedRegionOf } from './body-region.ts';
import type { DataSet } from './data-set.ts';
import type { BodyRegion } from './object.ts';
import { TAG, type TagNumber } from './tags.ts';
import { code, codes, number, numbers, text } from './values.ts';

/**
 * Functional groups of a multi-frame object, PS3.3 C.7.6.16: what a frame's own item does not say, the shared one says.
 */
export interface FunctionalGroups {
  readonly shared: DataSet | null;
  readonly perFrame: readonly DataSet[];
}

export function functionalGroups(set: DataSet): FunctionalGroups {
  return {
    shared: set.elements.get(TAG.sharedFunctionalGroups)?.items?.[0] ?? null,
    perFrame: set.elements.get(TAG.perFrameFunctionalGroups)?.items ?? [],
  };
}

/** The first item of a macro's sequence for one frame, or null where neither the frame nor the shared group has it. */
export function macro(groups: FunctionalGroups, frame: number, sequence: TagNumber): DataSet | null {
  const own = groups.perFrame[frame]?.elements.get(sequence)?.items?.[0];
  return own ?? groups.shared?.elements.get(sequence)?.items?.[0] ?? null;
}

/** What the groups of the first frame say of the acquisition; null or empty where they are silent. PS3.3 C.8.13. */
export interface GroupedAcquisition {
  readonly repetitionTimeMs: number | null;
  readonly flipAngleDegrees: number | null;
  readonly echoTrainLength: number | null;
  readonly inversionTimeMs: number | null;
  readonly inversion: boolean;
  readonly fatSuppressed: boolean;
  readonly imageType: readonly string[];
  readonly region: BodyRegion | null;
  readonly rescaleSlope: number | null;
}

export function groupedAcquisition(groups: FunctionalGroups): GroupedAcquisition {
  const timing = macro(groups, 0, TAG.timingSequence);
  const modifier = macro(groups, 0, TAG.modifierSequence);
  const frameType = macro(groups, 0, TAG.frameTypeSequence);
  const transform = macro(groups, 0, TAG.pixelTransformSequence);
  const suppression = modifier === null ? null : code(modifier, TAG.spectralSuppression);
  return {
    repetitionTimeMs: timing === null ? null : number(timing, TAG.repetitionTime),
    flipAngleDegrees: timing === null ? null : number(timing, TAG.flipAngle),
    echoTrainLength:
      timing === null ? null : (number(timing, TAG.rfEchoTrainLength) ?? number(timing, TAG.echoTrainLength)),
    inversionTimeMs: modifier === null ? null : (numbers(modifier, TAG.inversionTimes).find(Number.isFinite) ?? null),
    inversion: modifier !== null && code(modifier, TAG.inversionRecovery) === 'YES',
    fatSuppressed: suppression === 'FAT' || suppression === 'FAT_AND_WATER',
    imageType: frameType === null ? [] : codes(frameType, TAG.frameType),
    region: anatomicRegion(groups),
    rescaleSlope: transform === null ? null : number(transform, TAG.rescaleSlope),
  };
}

export function frameEchoTimeMs(groups: FunctionalGroups, frame: number): number | null {
  const echo = macro(groups, frame, TAG.echoSequence);
  return echo === null ? null : number(echo, TAG.effectiveEchoTime);
}

function anatomicRegion(groups: FunctionalGroups): BodyRegion | null {
  const anatomy = macro(groups, 0, TAG.frameAnatomySequence);
  const region = anatomy?.elements.get(TAG.anatomicRegionSequence)?.items?.[0];
  return region === undefined ? null : codedRegionOf(text(region, TAG.codeValue));
}
