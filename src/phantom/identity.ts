import { mixSeed } from './random.ts';

/** The invented patient of every phantom: tests look for these words where no identity may stand. */
export const PHANTOM_IDENTITY = {
  name: 'Zwiebelturm^Phantasia',
  id: 'HOSP-PHANTOM-4711',
  accession: 'ACC-PHANTOM-0815',
  institution: 'Drawn General Hospital',
  referrer: 'Quellenreiter^Invented',
  studyDescription: 'MR LWS Zwiebelturm nativ',
} as const;

/** A UID under 2.25 (DICOM PS3.5 annex B.2) from a seed and a number: the same ones give the same UID. */
export function phantomUid(seed: number, salt: number): string {
  let value = 0n;
  for (let word = 0; word < 4; word += 1) value = (value << 32n) | BigInt(mixSeed(mixSeed(seed, salt), word + 1) >>> 0);
  return `2.25.${value}`;
}
