import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type Tier, tenantSchema, tierSchema } from '../contracts/keys.ts';
import { registerEvaluate } from './evaluate/command.ts';
import { cacheFolder, folderName } from './folders.ts';
import { packageRoot, packageVersion } from './package-root.ts';
import { earlyEnd, failure, told, watchProcess } from './process-end.ts';
import { wholeNumber } from './whole-number.ts';

const DEFAULT_PACK = fileURLToPath(new URL('layers/models', packageRoot()));
const DEFAULT_DATA = cacheFolder(process.env['XDG_CACHE_HOME'], homedir());

const tenant = (value: string): string => {
  if (!tenantSchema.safeParse(value).success) throw new InvalidArgumentError('1 to 63 of a-z, 0-9 and -.');
  return value;
};

const packOption = () =>
  new Option('--pack <dir>', 'model pack').default(DEFAULT_PACK, 'the pack of this package').argParser(folderName);
const tierOption = (use = 'single: one net a question; ensemble: all; auto: escalates where unsure') =>
  new Option('--tier <tier>', use).choices(tierSchema.options).default('ensemble');
const dataOption = () =>
  new Option('--data <dir>', 'data folder of the embedded services')
    .default(DEFAULT_DATA, "the user's cache folder")
    .argParser(folderName);
const tenantOption = () =>
  new Option('--tenant <name>', 'tenant that the studies belong to').default('local').argParser(tenant);

interface Shared {
  readonly pack: string;
  readonly tier: Tier;
  readonly data: string;
  readonly tenant: string;
}

/** Each sub-command loads its modules when it is called: help and a wrong call would wait for those of all. */
function program(exit: (code: number) => void): Command {
  const command = new Command('discflow')
    .description('Lumbar disc prolapse (PLID) findings from MR studies. Not for diagnostic use.')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(discflow --help tells more)');
  command
    .command('analyze')
    .description('Run studies through all three stages on embedded services.')
    .argument(
      '<path...>',
      'zip, DICOM, PNG or JPEG files, or folders of them; the DICOM files of one folder, or of a DICOMDIR, are one upload',
    )
    .requiredOption('--out <dir>', 'folder for the results, one sub-folder a study', folderName)
    .addOption(tenantOption())
    .addOption(packOption())
    .addOption(tierOption())
    .addOption(new Option('--concurrency <n>', 'studies in flight').default(4).argParser(wholeNumber(64)))
    .addOption(dataOption())
    .option('--json', 'print one report a line on standard output and nothing else', false)
    .addHelpText(
      'after',
      '\nExit status: 0 every study ended done or needs_review; 2 one was rejected or quarantined, or a file could not be read; 1 one failed or the call was wrong.',
    )
    .action(async (paths: string[], options: Shared & { out: string; concurrency: number; json: boolean }) => {
      const { analyze } = await import('./analyze.ts');
      exit(await analyze(paths, options));
    });
  command
    .command('demo')
    .description('Analyse the sample study of this package and say where report and overlay lie.')
    .option('--out <dir>', 'folder for the results', folderName, 'out/demo')
    .addOption(packOption())
    .addOption(tierOption())
    .action(async (options: Shared & { out: string }) => {
      const { demo } = await import('./demo.ts');
      exit(await demo(options));
    });
  command
    .command('status')
    .description('List the runs of a data folder, those of an analyze that is running too.')
    .addOption(tenantOption())
    .addOption(dataOption())
    .addOption(new Option('--limit <n>', 'newest runs to list, at most 1000').default(20).argParser(wholeNumber(1000)))
    .option('--json', 'print one run a line', false)
    .action(async (options: Shared & { limit: number; json: boolean }) => {
      const { status } = await import('./status.ts');
      exit(await status(options));
    });
  command
    .command('redrive')
    .description('Open the next attempt of runs that failed.')
    .argument('[runKey...]', 'failed runs to repeat; all of the tenant where none is named')
    .addOption(tenantOption())
    .addOption(packOption())
    .addOption(tierOption('of uploads that a killed analyze left behind; a run keeps its own'))
    .addOption(dataOption())
    .action(async (runKeys: string[], options: Shared) => {
      const { redrive } = await import('./redrive.ts');
      exit(await redrive(runKeys, options));
    });
  command
    .command('pack')
    .description('Model packs.')
    .command('verify')
    .description('Check a pack: schema, hashes, single files, shapes of every network.')
    .argument('[dir]', 'folder of the pack', DEFAULT_PACK)
    .action(async (folder: string) => {
      const { verifyPackFolder } = await import('./pack.ts');
      exit(await verifyPackFolder(folder));
    });
  registerEvaluate(command, exit);
  return command;
}

/** As after Ctrl-C. */
const INTERRUPTED = 130;

/** Runs the command line; returns the exit status and throws nothing. */
export async function main(args: readonly string[]): Promise<number> {
  watchProcess();
  let code = 0;
  try {
    await program((value) => {
      code = value;
    }).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    if (failure() === null && error === earlyEnd.reason) return INTERRUPTED;
    process.stderr.write(`discflow: ${told(failure() ?? error)}\n`);
    return 1;
  }
  return code;
}
