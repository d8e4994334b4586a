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

/**
 * A value among the attributes that the conversion of a classic object assigned to no macro: those of the frame, then
 * those that all frames share. PS3.3 C.7.6.16.2.25 and C.7.6.16.2.26.
 */
function converted<T>(groups: FunctionalGroups, frame: number, read: (item: DataSet) => T | null): T | null {
  for (const sequence of [TAG.perFrameConvertedSequence, TAG.sharedConvertedSequence] as const) {
    const item = macro(groups, frame, sequence);
    const value = item === null ? null : read(item);
    if (value !== null) return value;
  }
  return null;
}

const convertedNumber = (groups: FunctionalGroups, frame: number, tag: TagNumber): number | null =>
  converted(groups, frame, (item) => number(item, tag));

const convertedCodes = (groups: FunctionalGroups, frame: number, tag: TagNumber): readonly string[] =>
  converted(groups, frame, (item) => (item.elements.has(tag) ? codes(item, tag) : null)) ?? [];

/** What the groups of the first frame say of the acquisition; null or empty where they are silent. PS3.3 C.8.13. */
export interface GroupedAcquisition {
  readonly repetitionTimeMs: number | null;
  readonly flipAngleDegrees: number | null;
  readonly echoTrainLength: number | null;
  readonly inversionTimeMs: number | null;
  readonly inversion: boolean;
  readonly fatSuppressed: boolean;
  readonly scanningSequence: readonly string[];
  readonly sequenceVariant: readonly string[];
  readonly scanOptions: readonly string[];
  readonly acquisitionType: string | null;
  readonly region: BodyRegion | null;
}

export function groupedAcquisition(groups: FunctionalGroups): GroupedAcquisition {
  const modifier = macro(groups, 0, TAG.modifierSequence);
  const suppression = modifier === null ? null : code(modifier, TAG.spectralSuppression);
  const inversionTime = modifier === null ? undefined : numbers(modifier, TAG.inversionTimes).find(Number.isFinite);
  return {
    ...timing(groups),
    inversionTimeMs: inversionTime ?? convertedNumber(groups, 0, TAG.inversionTime),
    inversion: modifier !== null && code(modifier, TAG.inversionRecovery) === 'YES',
    fatSuppressed: suppression === 'FAT' || suppression === 'FAT_AND_WATER',
    scanningSequence: convertedCodes(groups, 0, TAG.scanningSequence),
    sequenceVariant: convertedCodes(groups, 0, TAG.sequenceVariant),
    scanOptions: convertedCodes(groups, 0, TAG.scanOptions),
    acquisitionType: convertedCodes(groups, 0, TAG.acquisitionType)[0] ?? null,
    region: anatomicRegion(groups),
  };
}

function timing(
  groups: FunctionalGroups,
): Pick<GroupedAcquisition, 'repetitionTimeMs' | 'flipAngleDegrees' | 'echoTrainLength'> {
  const item = macro(groups, 0, TAG.timingSequence);
  const value = (tag: TagNumber) => (item === null ? null : number(item, tag));
  const either = (tag: TagNumber) => value(tag) ?? convertedNumber(groups, 0, tag);
  return {
    repetitionTimeMs: either(TAG.repetitionTime),
    flipAngleDegrees: either(TAG.flipAngle),
    echoTrainLength: value(TAG.rfEchoTrainLength) ?? either(TAG.echoTrainLength),
  };
}

export function frameEchoTimeMs(groups: FunctionalGroups, frame: number): number | null {
  const echo = macro(groups, frame, TAG.echoSequence);
  const effective = echo === null ? null : number(echo, TAG.effectiveEchoTime);
  return effective ?? convertedNumber(groups, frame, TAG.echoTime);
}

/** FrameType, or the ImageType that a converted frame had; empty where the groups name none. */
export function frameImageType(groups: FunctionalGroups, frame: number): readonly string[] {
  const kind = macro(groups, frame, TAG.frameTypeSequence);
  const own = kind === null ? [] : codes(kind, TAG.frameType);
  return own.length > 0 ? own : convertedCodes(groups, frame, TAG.imageType);
}

export function frameComplexComponent(groups: FunctionalGroups, frame: number): string | null {
  const kind = macro(groups, frame, TAG.frameTypeSequence);
  return kind === null ? null : code(kind, TAG.complexComponent);
}

function anatomicRegion(groups: FunctionalGroups): BodyRegion | null {
  const anatomy = macro(groups, 0, TAG.frameAnatomySequence);
  const region = anatomy?.elements.get(TAG.anatomicRegionSequence)?.items?.[0];
  return region === undefined ? null : codedRegionOf(text(region, TAG.codeValue));
}
