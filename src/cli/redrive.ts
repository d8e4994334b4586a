import type { RunItem } from '../contracts/items.ts';
import { type LocalOptions, startLocal } from './local.ts';
import { UsageError } from './plan.ts';
import { earlyEnd } from './process-end.ts';

const PAGE = 100;

/** `discflow redrive`: opens the next attempt of failed runs and works them off; 1 where one failed again. */
export async function redrive(runKeys: readonly string[], options: LocalOptions): Promise<number> {
  const system = await startLocal(options);
  try {
    const wanted = runKeys.length > 0 ? runKeys : await failedRuns(system, options.tenant);
    const ended: RunItem[] = [];
    for (const runKey of wanted) {
      if (!(await system.redrive(runKey))) throw new UsageError(`${runKey} is no run of this folder that has failed`);
      ended.push(await system.untilRunEnded(runKey, earlyEnd));
    }
    for (const { runKey, status, attempt } of ended)
      process.stdout.write(`${runKey}: ${status} (attempt ${attempt})\n`);
    process.stdout.write(`${ended.length} runs redriven\n`);
    return ended.some(({ status }) => status === 'failed') ? 1 : 0;
  } finally {
    await system.close();
  }
}

async function failedRuns(system: Awaited<ReturnType<typeof startLocal>>, tenant: string): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof system.runs.listByTenant>> = await system.runs.listByTenant(tenant, {
      status: 'failed',
      limit: PAGE,
      ...(cursor === null ? {} : { cursor }),
    });
    found.push(...page.items.map(({ runKey }) => runKey));
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}
