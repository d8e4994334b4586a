import { stageInHand } from '../../src/aws/transitions.ts';
import type { RunItem, UploadItem } from '../../src/contracts/items.ts';
import { isTerminal } from '../../src/contracts/messages.ts';
import { internalFault } from '../../src/contracts/reasons.ts';
import { announceRun, announceUpload, failRun, failUpload } from '../../src/pipeline/finish.ts';
import type { Announcer, Clock, Logger, Runs } from '../../src/pipeline/ports.ts';

export interface SweepDeps {
  readonly runs: Runs;
  readonly announcer: Announcer;
  readonly clock: Clock;
  readonly log: Logger;
  /** A holder whose lease ended this long ago is taken for dead. */
  readonly stuckAfterMs: number;
  /** A run that was handed to an asynchronous endpoint, and of which nobody told for so long, is lost. */
  readonly requestLostAfterMs?: number | undefined;
  readonly limit: number;
}

export interface SweepReport {
  /** Runs and uploads whose holder died. */
  readonly failed: number;
  /** Ended ones that nobody had announced. */
  readonly announced: number;
}

/** Some could not be swept, each told in the log: they stay open or untold until a later sweep. */
export class SweepIncompleteError extends Error {
  override readonly name = 'SweepIncompleteError';
}

/** A queue keeps a message for 14 days: what nobody took for longer has lost its message. */
const LOST_AFTER_MS = 15 * 86_400_000;

type Outcome = keyof SweepReport | 'errors';

/**
 * Ends what nobody ended: runs and uploads whose holder died (killed, out of memory) become `failed`, what ended
 * unannounced is announced. What waits in a queue is left alone, however long, until its message must be gone.
 * @throws SweepIncompleteError, after all others, where one could not be swept: a sweep that can write no end, or reach
 * no bus, must be heard.
 */
export async function sweep(deps: SweepDeps): Promise<SweepReport> {
  const now = deps.clock.nowMs();
  const lostBefore = { messageMs: now - LOST_AFTER_MS, requestMs: now - (deps.requestLostAfterMs ?? LOST_AFTER_MS) };
  const stuck = await deps.runs.listStuck(now - deps.stuckAfterMs, deps.limit, lostBefore);
  const { errors, ...report } = await sweepAll(deps, stuck);
  deps.log.info('sweep.done', { count: stuck.length });
  if (report.failed > 0) deps.log.warn('sweep.failed_runs', { count: report.failed });
  if (errors > 0) throw new SweepIncompleteError(`${errors} of ${stuck.length} could not be swept`);
  return report;
}

async function sweepAll(deps: SweepDeps, stuck: readonly (RunItem | UploadItem)[]): Promise<Record<Outcome, number>> {
  const outcomes = { failed: 0, announced: 0, errors: 0 };
  for (const item of stuck) outcomes[await sweepOne(deps, item)] += 1;
  return outcomes;
}

async function sweepOne(deps: SweepDeps, item: RunItem | UploadItem): Promise<Outcome> {
  try {
    return item.kind === 'run' ? await sweepRun(deps, item) : await sweepUpload(deps, item);
  } catch (error) {
    deps.log.error('sweep.error', {
      tenant: item.tenant,
      traceId: item.traceId,
      errorName: error instanceof Error ? error.name : 'unknown',
    });
    return 'errors';
  }
}

async function sweepRun(deps: SweepDeps, item: RunItem): Promise<Outcome> {
  if (isTerminal(item.status)) {
    await announceRun(deps, item);
    return 'announced';
  }
  await failRun(deps, item, stageInHand(item), [internalFault(item.traceId)]);
  return 'failed';
}

async function sweepUpload(deps: SweepDeps, item: UploadItem): Promise<Outcome> {
  if (item.status !== 'received') {
    await announceUpload(deps, item);
    return 'announced';
  }
  await failUpload(deps, item, [internalFault(item.traceId)]);
  return 'failed';
}
