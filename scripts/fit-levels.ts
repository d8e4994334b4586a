// Fits the rule that the lowest disc is L5-S1 on training pictures and writes src/detection/lowest-disc-model.ts:
//   npx tsx scripts/fit-levels.ts [--data ../shared/data] [--pack layers/models] [--fold-packs FOLDER] [--detections FILE]
// FOLDER holds packs f0 to f4 whose detectors were trained with `detect train --fold 0` to `--fold 4`.
// Prints how names and their certainty come out, on five-fold predictions by patient for train and as fitted for val.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { DiscColumn } from '../src/detection/column.ts';
import { centreDistance, discSpacing } from '../src/detection/column.ts';
import { LOWEST_DISC_SIGNS, lowestDiscSigns, lowestIsPlausible, showsMoreBelow } from '../src/detection/lowest-disc.ts';
import { columnOf, columnsToName } from '../src/detection/name-discs.ts';
import { overlap } from '../src/evaluation/boxes.ts';
import { VIEWS, type View, type ViewedPicture, viewPictures } from './level-views.ts';
import { fitLogistic, type Logistic, logitOf, type Observation } from './logistic.ts';

const { values: args } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data' },
    pack: { type: 'string', default: 'layers/models' },
    'fold-packs': { type: 'string' },
    /** Kept detections: read where the file is there, else written. */
    detections: { type: 'string' },
  },
});

/** How much one view of a picture counts; a whole one counts for itself and against what it is mistaken for. */
const WEIGHTS: Readonly<Record<View, number>> = {
  whole: 3,
  'cut-35': 0.4,
  'cut-50': 0.4,
  'cut-65': 0.4,
  'cut-gap': 0.4,
  'cut-above': 0.4,
  flipped: 0.5,
};
/** A whole picture whose L5-S1 box is taken away stands for one in which the detector missed it. */
const MISSED_WEIGHT = 1;
/** A column without its lowest box, where that was L5-S1: it repeats what a missed one says. */
const SHORTENED_WEIGHT = 0.3;
/** SPIDER's T2 slices are a fifth of the pictures, from several scanners; of those with masks a patient has five alike. */
const SOURCE_WEIGHTS: Readonly<Record<string, number>> = {
  yolospine: 1,
  'spider-t2': 3,
  'spider-space': 0.6,
  'spider-t2w': 3,
};
const FOLDS = 5;
/** Labels whose own boxes leave a gap or crowd, in spacings, miss a disc or hold one twice: not learnt from. */
const LABEL_STEP = { gap: 1.55, near: 0.6 };

/** One column that may be named, and whether its lowest disc is L5-S1; null where nobody drew boxes. */
interface Candidate {
  readonly signs: readonly number[];
  readonly right: boolean | null;
  readonly plausible: boolean;
}

/** How far one candidate's logit must lie above the other's. */
interface Margin {
  readonly kept: number;
  readonly sacral: number;
}

interface Case {
  readonly picture: ViewedPicture;
  readonly kind: View | 'missed';
  readonly fold: number;
  /** The picture goes on below the lowest box. */
  readonly open: boolean;
  readonly candidates: readonly Candidate[];
}

const cases = casesOf(await detections());
const models = Array.from({ length: FOLDS }, (_, fold) => fit(cases.filter((entry) => entry.fold !== fold)));
const full = fit(cases);
await writeFile(new URL('../src/detection/lowest-disc-model.ts', import.meta.url), moduleText(full));
printTable();

async function detections(): Promise<ViewedPicture[]> {
  const file = args.detections;
  if (file !== undefined && existsSync(file)) return JSON.parse(await readFile(file, 'utf8')) as ViewedPicture[];
  const viewed = await viewPictures(args.data, args.pack, args['fold-packs']);
  if (file !== undefined) await writeFile(file, JSON.stringify(viewed));
  return viewed;
}

function casesOf(viewed: readonly ViewedPicture[]): Case[] {
  const patients = [...new Set(viewed.map(personOf))];
  const folds = new Map(patients.map((patient, index) => [patient, index % FOLDS]));
  return viewed.flatMap((picture): Case[] => {
    const fold = folds.get(personOf(picture))!;
    const column = columnOf(picture.found);
    const caseOf = (kind: Case['kind'], found: DiscColumn): Case => ({
      picture,
      kind,
      fold,
      open: found.length >= 3 && showsMoreBelow(found, picture.seenRows),
      candidates: candidatesOf(found, picture),
    });
    const whole = caseOf(picture.view, column);
    const truth = picture.labelled?.[0];
    if (picture.view !== 'whole' || truth === undefined) return [whole];
    const missed = column.filter(({ box }) => overlap(box, truth) < 0.4);
    if (missed.length === column.length) return [whole];
    return [whole, caseOf('missed', missed)];
  });
}

/** SPIDER's sources share their patients. */
function personOf({ source, patient }: ViewedPicture): string {
  return `${source.split('-')[0]} ${patient}`;
}

function candidatesOf(column: DiscColumn, { region, seenRows, view, labelled }: ViewedPicture): Candidate[] {
  if (region === null || column.length < 3) return [];
  return columnsToName(column).map((named) => {
    const lowest = named[0]!.box;
    const known = view !== 'whole' || labelled !== null;
    const right = view === 'whole' && labelled !== null && overlap(lowest, labelled[0]!) >= 0.4;
    return {
      signs: lowestDiscSigns(named, region, seenRows),
      right: known ? right : null,
      plausible: lowestIsPlausible(named),
    };
  });
}

function fit(some: readonly Case[]): Logistic {
  const observations = some.flatMap(({ picture, kind, candidates }): Observation[] => {
    if (picture.split !== 'train' || !labelsAgree(picture)) return [];
    const weight = (kind === 'missed' ? MISSED_WEIGHT : WEIGHTS[kind]) * SOURCE_WEIGHTS[picture.source]!;
    return candidates.flatMap(({ signs, right }, index): Observation[] => {
      if (right === null) return [];
      const shortened = index === 1 && !right ? SHORTENED_WEIGHT : 1;
      return [{ values: signs, label: right ? 1 : 0, weight: weight * shortened }];
    });
  });
  return fitLogistic(observations);
}

function labelsAgree({ labelled }: ViewedPicture): boolean {
  if (labelled === null) return true;
  const column = labelled.map((box) => ({ box, confidence: 1 }));
  const spacing = discSpacing(column);
  const steps = column.slice(1).map(({ box }, index) => centreDistance(column[index]!.box, box) / spacing);
  return steps.every((step) => step >= LABEL_STEP.near && step <= LABEL_STEP.gap);
}

function moduleText({ bias, weights, means, spreads }: Logistic): string {
  const number = (value: number) => Number(value.toPrecision(5));
  const signs = LOWEST_DISC_SIGNS.map((sign, index) => {
    const parts = [means[index]!, spreads[index]!, weights[index]!].map(number);
    return `    { sign: '${sign}', mean: ${parts[0]}, spread: ${parts[1]}, weight: ${parts[2]} },\n`;
  });
  return `/** A sign's mean and spread over the pictures that the model was fitted on, and its weight. */
interface SignWeight {
  readonly sign: string;
  readonly mean: number;
  readonly spread: number;
  readonly weight: number;
}

/** Logistic rule that the lowest disc is L5-S1; written by \`npx tsx scripts/fit-levels.ts\`. */
export const LOWEST_DISC_MODEL: { readonly bias: number; readonly signs: readonly SignWeight[] } = {
  bias: ${number(bias)},
  signs: [
${signs.join('')}  ],
};
`;
}

/** Counts of pictures by group, for bounds on the logit and on its margin over the other candidate. */
function printTable(): void {
  for (const logit of [-0.85, -0.405, 0, 0.405]) {
    for (const margin of [
      { kept: 3, sacral: 3 },
      { kept: 1, sacral: 1 },
      { kept: 1, sacral: 2 },
      { kept: 1, sacral: 3 },
      { kept: 1, sacral: 4 },
    ]) {
      console.log(`\nlogit ${logit}, margin ${margin.kept} where the lowest box is kept, ${margin.sacral} where not`);
      for (const source of Object.keys(SOURCE_WEIGHTS)) {
        for (const split of ['train', 'val']) {
          const some = cases.filter(({ picture }) => picture.source === source && picture.split === split);
          if (some.length > 0) console.log(`  ${source} ${split}: ${groupsText(some, logit, margin)}`);
        }
      }
    }
  }
}

function groupsText(some: readonly Case[], logit: number, margin: Margin): string {
  const verdicts = some.map((entry) => ({ ...entry, ...verdictOf(entry, logit, margin) }));
  const text = (title: string, of: typeof verdicts, hits: (verdict: (typeof verdicts)[number]) => boolean) =>
    of.length === 0 ? [] : [`${title} ${of.filter(hits).length}/${of.length}`];
  const whole = verdicts.filter(({ kind }) => kind === 'whole');
  const drawn = whole.filter(({ picture }) => picture.labelled !== null);
  return [
    ...text('right', drawn, ({ right }) => right === true),
    ...text('certain and right', drawn, ({ certain, right }) => certain && right === true),
    ...text('certain and wrong', drawn, ({ certain, right }) => certain && right === false),
    ...text(
      'certain without boxes',
      whole.filter(({ picture }) => picture.labelled === null),
      ({ certain }) => certain,
    ),
    ...[...VIEWS.slice(1), 'missed' as const].flatMap((kind) =>
      text(
        kind,
        verdicts.filter((verdict) => verdict.kind === kind),
        ({ certain }) => certain,
      ),
    ),
  ].join(', ');
}

/** What `chooseColumn` of name-discs.ts would say under other bounds. */
function verdictOf({ picture, fold, open, candidates }: Case, logit: number, margin: Margin) {
  const model = picture.split === 'train' ? models[fold]! : full;
  const [whole, shorter] = candidates.map((candidate) => ({ ...candidate, value: logitOf(model, candidate.signs) }));
  if (whole === undefined) return { certain: false, right: null };
  const sacral = open && shorter !== undefined && shorter.value > whole.value && shorter.value >= logit;
  const [chosen, other] = sacral ? [shorter, whole] : [whole, shorter];
  const clear = other === undefined || chosen.value - other.value >= (sacral ? margin.sacral : margin.kept);
  return { certain: open && clear && chosen.value >= logit && chosen.plausible, right: chosen.right };
}
