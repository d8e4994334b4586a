import { openRecord } from '../aws/transitions.ts';
import type { RunItem } from '../contracts/items.ts';
import { keys } from '../contracts/keys.ts';
import type { DetectMessage, RunReference } from '../contracts/messages.ts';
import type { Embedded } from '../embedded/index.ts';
import type { AnalyzeQueue, Clock, DetectQueue, Runs } from '../pipeline/ports.ts';

interface Stages {
  readonly runs: Pick<Runs, 'listStuck' | 'release'>;
  readonly clock: Clock;
  readonly detectQueue: DetectQueue;
  readonly analyzeQueue: AnalyzeQueue;
}

/**
 * Queues end with their process: what an earlier one left unfinished is put into them again. This process alone owns
 * the folder, so a lease that is still running belongs to nobody. A run that ingest was refusing is left to it: its
 * upload has not ended either and comes again.
 */
export async function recover(embedded: Pick<Embedded, 'replayUploads'>, stages: Stages): Promise<void> {
  const { runs, clock, detectQueue, analyzeQueue } = stages;
  const wanted = new Set<string>();
  for (const item of await runs.listStuck(Number.MAX_SAFE_INTEGER, 10_000)) {
    await runs.release(item, clock.nowMs());
    if (item.kind === 'upload') {
      wanted.add(keys.upload(item.tenant, item.uploadId, ''));
      continue;
    }
    if (openRecord(item)?.stage === 'ingest') continue;
    if (item.status === 'detected') await analyzeQueue.send({ ...referenceOf(item), schema: 'discflow.analyze/1' });
    else await detectQueue.send(detectMessage(item));
  }
  await embedded.replayUploads(async (key) => wanted.has(key.slice(0, key.lastIndexOf('/') + 1)));
}

function referenceOf(item: RunItem): RunReference {
  const { tenant, studyKey, contentHash, runKey, packSha256, tier, attempt, traceId } = item;
  return { tenant, studyKey, contentHash, runKey, packSha256, tier, attempt, traceId };
}

export const detectMessage = (item: RunItem): DetectMessage => ({ ...referenceOf(item), schema: 'discflow.detect/1' });
