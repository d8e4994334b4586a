import type { DescriptionHint } from './object.ts';

/** Words of series descriptions and protocol names in use by the vendors, as whole tokens. */
const WORDS: ReadonlyArray<readonly [DescriptionHint, RegExp]> = [
  [
    'localizer',
    /(^|[^a-z])(loc|localizer|localiser|localizador|scout|survey|topo|topogram|3[ -]?plane|pilot)([^a-z]|$)/,
  ],
  ['stir', /(^|[^a-z])(stir|tirm|spair|ir[ _-]?fse)([^a-z]|$)/],
  ['flair', /(^|[^a-z])(flair|dark[ _-]?fluid)([^a-z]|$)/],
  ['diffusion', /(^|[^a-z])(dwi|dti|adc|diff|diffusion|trace)([^a-z]|$)/],
  ['t2_star', /(t2[ _-]?(\*|star)|t2[ _-]?ffe|(^|[^a-z])(medic|merge|swi|gre|me2d|mffe|m-ffe)([^a-z]|$))/],
  ['t2', /(^|[^a-z0-9])t2(?![ _-]?(\*|star|[ _-]?ffe))/],
  ['t1', /(^|[^a-z0-9])t1([^0-9]|$)/],
  ['pd', /(^|[^a-z])(pd|dp|proton)([^a-z]|$)/],
  ['fat_suppressed', /(^|[^a-z])(fs|fatsat|fat[ _-]?sat|chess|spir|spair)([^a-z]|$)/],
];

/** A set that is taken apart into fat and water by name, or an image of it as GE begins its descriptions. */
const DIXON = /(^|[^a-z])(m?dixon|flex|ideal)([^a-z]|$)/;
const DIXON_IMAGE = /^ ?(water|fat|in ?phase|out ?phase) ?:/;

/** Words of an image of such a set; Siemens ends its descriptions with a letter. Fat saturation is none. */
const DIXON_WORDS: ReadonlyArray<readonly [DescriptionHint, RegExp]> = [
  ['water_image', /(^|[^a-z])water([^a-z]|$)|[ _-]w$/],
  ['fat_image', /(^|[^a-z])fat(?![ _-]?s(at|up))([^a-z]|$)|[ _-]f$/],
  ['opposed_phase', /(^|[^a-z])(opp|opposed|(out|opp|opposed)[ _-]?(of[ _-]?)?phase)([^a-z]|$)/],
];

/** Which image of a Dixon set a series description names; empty where it names several. The text is not kept. */
export function dixonHints(seriesDescription: string): DescriptionHint[] {
  const lower = seriesDescription.slice(0, 256).toLowerCase();
  if (!DIXON.test(lower) && !DIXON_IMAGE.test(lower)) return [];
  const hints = DIXON_WORDS.filter(([, pattern]) => pattern.test(lower)).map(([hint]) => hint);
  return hints.length === 1 ? hints : [];
}

/** The coded hints in a text; the text is not kept. */
export function descriptionHints(description: string): DescriptionHint[] {
  const lower = description.slice(0, 256).toLowerCase();
  return WORDS.filter(([, pattern]) => pattern.test(lower)).map(([hint]) => hint);
}
