const STORAGE = '1.2.840.10008.5.1.4.1.1';

const MR_IMAGE = `${STORAGE}.4`;
const ENHANCED_MR = `${STORAGE}.4.1`;
const LEGACY_ENHANCED_MR = `${STORAGE}.4.4`;

/** Image classes of other modalities, PS3.4 annex B.5: with Modality MR they contradict it. */
const OTHER_MODALITIES = ['1', '2', '3', '6', '12', '13', '20', '66', '128', '130', '481'].map(
  (arc) => `${STORAGE}.${arc}`,
);
const SECONDARY_CAPTURE = `${STORAGE}.7`;
const DIRECTORY = '1.2.840.10008.1.3.10';

const within = (uid: string, root: string): boolean => uid === root || uid.startsWith(`${root}.`);

export type SopClassKind =
  | 'mr'
  | 'enhanced_mr'
  | 'secondary_capture'
  | 'other_modality'
  | 'directory'
  | 'other'
  | 'absent';

/** Whether an object of this class can be a slice: an MR image's class, or none. */
export const mayBeMrImage = (uid: string | null): boolean =>
  ['mr', 'enhanced_mr', 'absent'].includes(sopClassKind(uid));

export function sopClassKind(uid: string | null): SopClassKind {
  if (uid === null) return 'absent';
  if (uid === MR_IMAGE) return 'mr';
  if (uid === ENHANCED_MR || uid === LEGACY_ENHANCED_MR) return 'enhanced_mr';
  if (uid === DIRECTORY) return 'directory';
  if (within(uid, SECONDARY_CAPTURE)) return 'secondary_capture';
  return OTHER_MODALITIES.some((root) => within(uid, root)) ? 'other_modality' : 'other';
}
