import type { DescriptionHint, DicomFrame, DicomObject } from './object.ts';

/** What a frame shows where that is not the whole signal's magnitude. */
export type ImageContent = 'water_image' | 'fat_image' | 'fraction_map' | 'opposed_phase' | 'signal_component';

/** Words of the vendors in ImageType (0008,0008) and FrameType (0008,9007) for the images of a Dixon set and others. */
const WORDS: Readonly<Record<ImageContent, string>> = {
  water_image: 'W,WATER',
  fat_image: 'F,FAT',
  fraction_map: 'FF,FAT_FRACTION,WATER_FRACTION',
  opposed_phase: 'OP,OPP_PHASE,OPPOSED_PHASE,OUT_PHASE,OUT_OF_PHASE',
  signal_component: 'P,PHASE,PHASE_MAP,R,REAL,I,IMAGINARY',
};
const CONTENTS: ReadonlyMap<string, ImageContent> = new Map(
  (Object.keys(WORDS) as ImageContent[]).flatMap((content) =>
    WORDS[content].split(',').map((word) => [word, content] as const),
  ),
);
/** Values of ComplexImageComponent (0008,9208) beside MAGNITUDE and MIXED: PS3.3 C.8.13.3.1.1. */
const COMPONENTS: ReadonlySet<string> = new Set(['PHASE', 'REAL', 'IMAGINARY']);
/** A component with its kind of sequence behind it, as in P_SE and R_FFE. */
const COMPONENT_OF_SEQUENCE = /^[PRI]_[A-Z0-9]+$/;

const DESCRIBED: ReadonlySet<DescriptionHint> = new Set(['water_image', 'fat_image', 'opposed_phase']);
const isContent = (hint: DescriptionHint): hint is DescriptionHint & ImageContent => DESCRIBED.has(hint);

/** By the frame's own word; by the description where that is silent, as older GE and some other scanners leave it. */
export const contentOf = (frame: {
  readonly object: Pick<DicomObject, 'sequence'>;
  readonly geometry: DicomFrame;
}): ImageContent | null =>
  imageContentOf(frame.geometry) ?? frame.object.sequence.descriptionHints.find(isContent) ?? null;

/** By the image type's values behind the first two, which tell originals alone, and the complex component. */
function imageContentOf({ imageType, complexComponent }: DicomFrame): ImageContent | null {
  if (complexComponent !== null && COMPONENTS.has(complexComponent)) return 'signal_component';
  const words = imageType.slice(2).map((value) => value.replace(/[ -]/g, '_'));
  const named = words.find((word) => CONTENTS.has(word));
  if (named !== undefined) return CONTENTS.get(named) ?? null;
  return words.some((word) => COMPONENT_OF_SEQUENCE.test(word)) ? 'signal_component' : null;
}
