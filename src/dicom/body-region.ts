import type { BodyRegion } from './object.ts';

const LUMBAR = [
  'LSPINE',
  'LSSPINE',
  'LUMBAR',
  'LUMBARSPINE',
  'TLSPINE',
  'LUMBOSACRAL',
  'LWS',
  'LSP',
  'LUMBOSACRALSPINE',
];
const SPINE = ['SPINE', 'WHOLESPINE', 'BACK', 'SSPINE', 'WS', 'VERTEBRALCOLUMN'];
/** Terms of PS3.16 annex L that cannot be a lumbar spine. ABDOMEN and PELVIS are often left over from a protocol: unknown. */
const ELSEWHERE =
  'CSPINE TSPINE CTSPINE CERVICALSPINE THORACICSPINE HWS BWS BRAIN HEAD SKULL NECK ORBIT FACE JAW TMJ EAR IAC PITUITARY SHOULDER CLAVICLE HUMERUS ARM UPPERARM ELBOW FOREARM WRIST HAND FINGER THUMB CHEST LUNG HEART CARDIAC BREAST THORAX LIVER KIDNEY PANCREAS PROSTATE UTERUS BLADDER HIP FEMUR THIGH LEG KNEE CALF LOWERLEG ANKLE FOOT TOE EXTREMITY'.split(
    ' ',
  );

const REGIONS: ReadonlyMap<string, BodyRegion> = new Map([
  ...LUMBAR.map((name) => [name, 'lumbar'] as const),
  ...SPINE.map((name) => [name, 'spine'] as const),
  ...ELSEWHERE.map((name) => [name, 'elsewhere'] as const),
]);

/** SNOMED codes of anatomic regions, old (SRT) and new (SCT): PS3.16 annex L. */
const CODED_REGIONS: ReadonlyMap<string, BodyRegion> = new Map([
  ['T-11503', 'lumbar'],
  ['122496007', 'lumbar'],
  ['T-D2300', 'spine'],
  ['T-11500', 'spine'],
  ['421060004', 'spine'],
  ['T-11501', 'elsewhere'],
  ['122494005', 'elsewhere'],
  ['T-11502', 'elsewhere'],
  ['122495006', 'elsewhere'],
  ['T-A0100', 'elsewhere'],
  ['12738006', 'elsewhere'],
  ['T-D1100', 'elsewhere'],
  ['69536005', 'elsewhere'],
  ['T-D9200', 'elsewhere'],
  ['72696002', 'elsewhere'],
]);

/** The region that BodyPartExamined (0018,0015) names; null for an unknown or free text. */
export const bodyRegionOf = (bodyPart: string | null): BodyRegion | null =>
  bodyPart === null ? null : (REGIONS.get(bodyPart.toUpperCase().replace(/[^A-Z]/g, '')) ?? null);

/** The region of an anatomic region code (0008,2218). */
export const codedRegionOf = (codeValue: string | null): BodyRegion | null =>
  codeValue === null ? null : (CODED_REGIONS.get(codeValue) ?? null);
