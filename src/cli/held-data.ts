import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from './plan.ts';

/**
 * For commands that look at what an earlier one left: a folder that is wrongly spelt is told, not made.
 * @throws UsageError where no `analyze` has used the folder.
 */
export async function checkHeld(data: string): Promise<void> {
  const found = await stat(join(data, 's3')).catch(() => null);
  if (found === null) throw new UsageError(`${data} holds no data of discflow: no analyze has used it`);
}
