import { z } from 'zod';
import type { RunItem } from '../contracts/items.ts';
import { runKeySchema } from '../contracts/keys.ts';
import { isTerminal, type RunReference } from '../contracts/messages.ts';
import { InputFault, internalFault, ModelUnavailable, reasonOf, type Stage } from '../contracts/reasons.ts';
import { rejectedReport } from '../reporting/rejected.ts';
import { announceRun, type FinishDeps, failRun, finishRun } from './finish.ts';
import { leaseHeld } from './ingest-stage.ts';
import type { Logger } from './ports.ts';

export interface StageDeps extends FinishDeps {
  readonly log: Logger;
  readonly leaseMs: number;
}

/**
 * Runs a stage's work under the run's lease. A redelivery of what is settled only announces what was not announced;
 * faults of the input and of the pack end the run; anything else frees the lease and goes back to the queue.
 */
export async function withClaimedRun(
  deps: StageDeps,
  stage: Stage,
  message: RunReference,
  work: (item: RunItem) => Promise<void>,
): Promise<void> {
  const { runKey, attempt, traceId, tenant } = message;
  const claim = await deps.runs.claimRun(runKey, attempt, stage, deps.leaseMs, deps.clock.nowMs());
  if (claim.outcome === 'leased') throw leaseHeld(claim.untilMs, deps.clock.nowMs());
  if (claim.outcome === 'stale') {
    deps.log.info(`${stage}.stale`, { traceId, tenant, runKey, attempt });
    return;
  }
  if (claim.outcome === 'settled') {
    if (isTerminal(claim.item.status)) await announceRun(deps, claim.item);
    return;
  }
  const { item } = claim;
  try {
    await work(item);
  } catch (error) {
    if (error instanceof InputFault) {
      const report = rejectedReport({ status: 'rejected', reasons: [error.reason], tenant, study: null, runKey });
      await finishRun(deps, item, stage, { report, record: null, ground: null, mask: null });
    } else if (error instanceof ModelUnavailable) {
      deps.log.error('model.unavailable', { traceId, tenant, runKey, stage });
      await failRun(deps, item, stage, [reasonOf('model_unavailable')]);
    } else {
      await deps.runs.release(item, deps.clock.nowMs()).catch(() => undefined);
      throw error;
    }
  }
}

const anyRunMessage = z.looseObject({ runKey: runKeySchema, attempt: z.int().positive() });

/**
 * The last receive of a message that a bug stops: the run that it names is marked `failed` before the message goes to
 * the dead letters. A body that names no run, or an older attempt of it, has nothing to mark, nor has one of an ended run.
 */
export async function failOnLastReceive(deps: StageDeps, stage: Stage, body: string): Promise<void> {
  const { runKey, attempt } = anyRunMessage.parse(JSON.parse(body));
  const claim = await deps.runs.claimRun(runKey, attempt, stage, deps.leaseMs, deps.clock.nowMs());
  if (claim.outcome !== 'claimed') return;
  await failRun(deps, claim.item, stage, [internalFault(claim.item.traceId)]);
}
