import Table from 'cli-table3';
import { createClients } from '../aws/clients.ts';
import { DynamoRuns } from '../aws/dynamo-runs.ts';
import type { RunItem } from '../contracts/items.ts';
import { startEmbedded } from '../embedded/index.ts';
import { checkHeld } from './held-data.ts';

/**
 * `discflow status`: the newest runs of a tenant, read beside whatever process works on the folder.
 * @throws UsageError where the folder holds nothing of discflow.
 */
export async function status(options: { data: string; tenant: string; limit: number; json: boolean }): Promise<number> {
  await checkHeld(options.data);
  const embedded = await startEmbedded({ dataDir: options.data });
  const clients = createClients(embedded);
  try {
    const runs = new DynamoRuns(clients.documents, embedded.table);
    const { items } = await runs.listByTenant(options.tenant, { limit: options.limit });
    if (options.json) for (const item of items) process.stdout.write(`${JSON.stringify(publicFields(item))}\n`);
    else process.stdout.write(`${statusTable(items, embedded.role === 'client' ? embedded.pid : null)}\n`);
    return 0;
  } finally {
    clients.close();
    await embedded.close();
  }
}

function publicFields({
  runKey,
  studyKey,
  status: state,
  attempt,
  tier,
  reasons,
  createdAt,
  updatedAt,
  stages,
}: RunItem) {
  return { runKey, studyKey, status: state, attempt, tier, reasons, createdAt, updatedAt, stages };
}

function statusTable(items: readonly RunItem[], pid: number | null): string {
  const running = pid === null ? 'No discflow works on this folder.' : `Process ${pid} works on this folder.`;
  if (items.length === 0) return `${running} It holds no runs of this tenant.`;
  const table = new Table({
    head: ['run', 'status', 'attempt', 'tier', 'updated', 'reasons'],
    style: { head: [], border: [], compact: true },
  });
  for (const { runKey, status: state, attempt, tier, updatedAt, reasons } of items) {
    table.push([runKey, state, attempt, tier, updatedAt, reasons.map(({ code }) => code).join(', ')]);
  }
  return `${running}\n${table.toString()}`;
}
