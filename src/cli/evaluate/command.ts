import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import { type Tier, tierSchema } from '../../contracts/keys.ts';
import { folderName } from '../folders.ts';
import { packageRoot } from '../package-root.ts';
import { wholeNumber } from '../whole-number.ts';
import { FOLDER_FORMAT } from './folder.ts';

const DEFAULT_PACK = fileURLToPath(new URL('layers/models', packageRoot()));
const DEFAULT_DATA_ROOT = '../shared/data';

interface CommandOptions {
  readonly data: string;
  readonly dataRoot: string;
  readonly split: string;
  readonly pack: string;
  readonly tier: Tier;
  readonly compareTiers: boolean;
  readonly limit?: number;
  readonly out: string;
  readonly overlays: boolean;
}

const HELP = `
Both stages run, as in analyze. Figures: pictures that the gates refuse or defer, and why; mAP50, mAP50-95, precision
and recall of region and discs; names of levels and their certainty, and how many stay certain when a picture is cut off
above L5-S1; AUC, accuracy, calibration and more of both questions, beside what the disc's level alone gives; IoU and
Dice of the masks; the same by level, by scanner, and of slices that show the canal (5 % of the labelled tissue or
more). Each with n and a 95 % interval over patients.

Written to --out: metrics.json, metrics.md, predictions.csv (a row a labelled disc, with each member's probability),
pictures.csv (a row a picture), and plots as SVG and PNG: ROC, precision and recall, reliability, AUC by level, gates.
Patients stand in the files as numbers.

${FOLDER_FORMAT}

Examples
  discflow evaluate --data yolospine --split test
  discflow evaluate --data spider --split val,test --out out/spider
  discflow evaluate --data ./my-slices --split all`;

/** Mounts `evaluate`; `exit` receives the exit status. */
export function registerEvaluate(program: Command, exit: (code: number) => void): void {
  program
    .command('evaluate')
    .description('Measure a pack on labelled pictures.')
    .requiredOption('--data <name or folder>', 'yolospine, spider, or a folder of your own', folderName)
    .option('--split <names>', 'splits with commas between them, or all', 'test')
    .option('--data-root <dir>', 'folder that holds yolospine/ and spider/', DEFAULT_DATA_ROOT)
    .addOption(
      new Option('--pack <dir>', 'model pack').default(DEFAULT_PACK, 'the pack of this package').argParser(folderName),
    )
    .addOption(new Option('--tier <tier>', 'single, ensemble or auto').choices(tierSchema.options).default('ensemble'))
    .option('--compare-tiers', 'the other tiers too, on the same pictures one at a time, with their times', false)
    .addOption(
      new Option('--limit <n>', 'the first pictures of each source only').argParser(
        wholeNumber(Number.MAX_SAFE_INTEGER),
      ),
    )
    .option('--overlays', 'write the overlay of every picture too', false)
    .option('--out <dir>', 'folder for the results', folderName, 'out/evaluation')
    .addHelpText('after', HELP)
    .action(async (options: CommandOptions) => {
      const { evaluate } = await import('./evaluate.ts');
      exit(await evaluate({ ...options, limit: options.limit }));
    });
}
