import type { RunItem } from '../contracts/items.ts';
import type { Page } from '../pipeline/ports.ts';
import { checkHeld } from './held-data.ts';
import { type LocalOptions, type LocalSystem, startLocal } from './local.ts';
import { UsageError } from './plan.ts';
import { earlyEnd } from './process-end.ts';

const PAGE = 100;

/**
 * `discflow redrive`: opens the next attempt of failed runs of the tenant and works them off; 1 where one failed again.
 * @throws UsageError, before any work, where the folder holds nothing of discflow, or a named run has not failed: a
 * second attempt of one that was refused or held back would go round what refused it.
 */
export async function redrive(runKeys: readonly string[], options: LocalOptions): Promise<number> {
  await checkHeld(options.data);
  const system = await startLocal(options);
  try {
    return await redriveRuns(system, runKeys, options.tenant);
  } finally {
    await system.close();
  }
}

type Redriven = Pick<LocalSystem, 'redrive' | 'untilRunEnded'> & {
  readonly runs: Pick<LocalSystem['runs'], 'getRun' | 'listByTenant'>;
};

export async function redriveRuns(system: Redriven, runKeys: readonly string[], tenant: string): Promise<number> {
  for (const runKey of runKeys) await checkFailed(system, runKey, tenant);
  const wanted = runKeys.length > 0 ? [...new Set(runKeys)] : await failedRuns(system, tenant);
  let failed = 0;
  for (const runKey of wanted) {
    if (!(await system.redrive(runKey))) throw new UsageError(`${runKey} is worked on already`);
    const { status, attempt, reasons } = await system.untilRunEnded(runKey, earlyEnd);
    if (status === 'failed') failed += 1;
    const why = [...new Set(reasons.map(({ code }) => code))].join(', ');
    process.stdout.write(`${runKey}: ${status} (attempt ${attempt})${why === '' ? '' : `: ${why}`}\n`);
  }
  process.stdout.write(`${wanted.length} runs redriven\n`);
  return failed > 0 ? 1 : 0;
}

async function checkFailed({ runs }: Redriven, runKey: string, tenant: string): Promise<void> {
  const run = await runs.getRun(runKey);
  if (run === null || run.tenant !== tenant) throw new UsageError(`${runKey} is no run of this tenant`);
  if (run.status !== 'failed') throw new UsageError(`${runKey} is ${run.status}: only a failed run is redriven`);
}

async function failedRuns({ runs }: Redriven, tenant: string): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<RunItem> = await runs.listByTenant(tenant, {
      status: 'failed',
      limit: PAGE,
      ...(cursor === null ? {} : { cursor }),
    });
    found.push(...page.items.map(({ runKey }) => runKey));
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}
