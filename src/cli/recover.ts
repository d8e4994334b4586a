import { openRecord, stageInHand } from '../aws/transitions.ts';
import type { RunItem, UploadItem } from '../contracts/items.ts';
import { keys } from '../contracts/keys.ts';
import type { DetectMessage, RunReference } from '../contracts/messages.ts';
import { internalFault } from '../contracts/reasons.ts';
import type { Embedded } from '../embedded/index.ts';
import { type FinishDeps, failRun, failUpload } from '../pipeline/finish.ts';
import type { AnalyzeQueue, DetectQueue } from '../pipeline/ports.ts';

interface Stages extends Pick<FinishDeps, 'runs' | 'announcer' | 'clock'> {
  readonly detectQueue: DetectQueue;
  readonly analyzeQueue: AnalyzeQueue;
}

/** As often as this a run or an upload is begun by processes that are killed at it. */
const MOST_DEATHS = 3;

/**
 * Queues end with their process: what an earlier one left unfinished is put into them again. This process alone owns
 * the folder, so a lease that is still running belongs to nobody. A run that ingest was refusing is left to it: its
 * upload has not ended either and comes again. What was begun `MOST_DEATHS` times, and held when the last process was
 * killed, ends as failed: where its memory is what killed them, every start would be killed, whatever it is asked for.
 */
export async function recover(embedded: Pick<Embedded, 'replayUploads'>, stages: Stages): Promise<void> {
  const { runs, clock, detectQueue, analyzeQueue } = stages;
  const wanted = new Set<string>();
  for (const item of await runs.listStuck(Number.MAX_SAFE_INTEGER, 10_000)) {
    if (killsItsProcess(item)) {
      await giveUp(stages, item);
      continue;
    }
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

/** An upload's fence counts its claims; a lease that was not given back had a holder that was killed. */
function killsItsProcess(item: RunItem | UploadItem): boolean {
  if (item.leaseUntil === 0) return false;
  return (item.kind === 'run' ? (openRecord(item)?.attempts ?? 0) : item.fence) >= MOST_DEATHS;
}

async function giveUp(stages: Stages, item: RunItem | UploadItem): Promise<void> {
  const reasons = [internalFault(item.traceId, 'processes were killed while they worked on it')];
  if (item.kind === 'upload') await failUpload(stages, item, reasons);
  else await failRun(stages, item, stageInHand(item), reasons);
}

function referenceOf(item: RunItem): RunReference {
  const { tenant, studyKey, contentHash, runKey, packSha256, tier, attempt, traceId } = item;
  return { tenant, studyKey, contentHash, runKey, packSha256, tier, attempt, traceId };
}

export const detectMessage = (item: RunItem): DetectMessage => ({ ...referenceOf(item), schema: 'discflow.detect/1' });
