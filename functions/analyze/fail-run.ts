import { isTerminal } from '../../src/contracts/messages.ts';
import { internalFault, TransientFault } from '../../src/contracts/reasons.ts';
import { announceRun, failRun } from '../../src/pipeline/finish.ts';
import type { Announcer, Clock, Runs } from '../../src/pipeline/ports.ts';

export interface FailDeps {
  readonly runs: Runs;
  readonly announcer: Announcer;
  readonly clock: Clock;
  readonly leaseMs: number;
}

/**
 * Ends one attempt of a run as `failed` unless it has ended or a later attempt is under way. Throws `TransientFault`
 * while somebody holds it: the sweep ends it if that holder is dead.
 */
export async function failAttempt(deps: FailDeps, runKey: string, attempt: number): Promise<'failed' | 'settled'> {
  const run = await deps.runs.getRun(runKey);
  if (run === null || run.attempt !== attempt) return 'settled';
  if (isTerminal(run.status)) {
    await announceRun(deps, run);
    return 'settled';
  }
  const claim = await deps.runs.claimRun(runKey, attempt, 'analyze', deps.leaseMs, deps.clock.nowMs());
  if (claim.outcome === 'leased') throw new TransientFault('the run is held by a worker', 60);
  if (claim.outcome !== 'claimed') return 'settled';
  await failRun(deps, claim.item, 'analyze', [internalFault(claim.item.traceId)]);
  return 'failed';
}
