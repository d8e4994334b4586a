import Table from 'cli-table3';
import { createClients } from '../aws/clients.ts';
import { DynamoRuns } from '../aws/dynamo-runs.ts';
import type { RunItem } from '../contracts/items.ts';
import { startEmbedded } from '../embedded/index.ts';
import { checkHeld } from './held-data.ts';

/** Of the pack's hash, as `discflow pack verify` prints it: enough to tell packs apart. */
const PACK_DIGITS = 8;

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
  packSha256,
  tier,
  status: state,
  attempt,
  reasons,
  createdAt,
  updatedAt,
  stages,
}: RunItem) {
  return { runKey, studyKey, packSha256, tier, status: state, attempt, reasons, createdAt, updatedAt, stages };
}

function statusTable(items: readonly RunItem[], pid: number | null): string {
  const running = pid === null ? 'No discflow works on this folder.' : `Process ${pid} works on this folder.`;
  if (items.length === 0) return `${running} It holds no runs of this tenant.`;
  const table = new Table({
    head: ['run', 'pack', 'tier', 'status', 'attempt', 'updated', 'reasons'],
    style: { head: [], border: [], compact: true },
  });
  for (const { runKey, packSha256, tier, status: state, attempt, updatedAt, reasons } of items) {
    const codes = reasons.map(({ code }) => code).join(', ');
    table.push([runKey, packSha256.slice(0, PACK_DIGITS), tier, state, attempt, updatedAt, codes]);
  }
  return `${running}\n${table.toString()}`;
}
