import type { SNSEvent } from 'aws-lambda';
import { z } from 'zod';
import { clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { EventBridgeAnnouncer } from '../../src/aws/eventbridge-announcer.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { parseEnv } from '../../src/contracts/env.ts';
import { runKeySchema } from '../../src/contracts/keys.ts';
import { isTerminal } from '../../src/contracts/messages.ts';
import { announceRun } from '../../src/pipeline/finish.ts';
import type { Logger } from '../../src/pipeline/ports.ts';
import { type FailDeps, failAttempt } from './fail-run.ts';

/** What an asynchronous endpoint publishes. Source: SageMaker Developer Guide, "Check prediction results". */
const notificationSchema = z.object({
  invocationStatus: z.enum(['Completed', 'Failed']),
  inferenceId: z.string(),
});

const INFERENCE_ID = /^([a-z2-7]{26})-(\d{1,9})$/;

export interface NotifiedDeps extends FailDeps {
  readonly log: Logger;
}

/**
 * Turns one report of the endpoint into a terminal state: a failed invocation ends its run, a completed one is
 * announced if the worker was stopped before it could.
 */
export async function notified(deps: NotifiedDeps, text: string): Promise<'failed' | 'settled' | 'open'> {
  const { invocationStatus, inferenceId } = notificationSchema.parse(JSON.parse(text));
  const [, runKey, attempt] = INFERENCE_ID.exec(inferenceId) ?? [];
  if (runKey === undefined) throw new Error('the inference id names no run');
  runKeySchema.parse(runKey);
  if (invocationStatus === 'Failed') {
    deps.log.error('endpoint.failed', { runKey });
    return failAttempt(deps, runKey, Number(attempt));
  }
  const run = await deps.runs.getRun(runKey);
  if (run === null || !isTerminal(run.status)) {
    deps.log.error('endpoint.completed_without_end', { runKey });
    return 'open';
  }
  await announceRun(deps, run);
  return 'settled';
}

let composed: NotifiedDeps | undefined;

function compose(): NotifiedDeps {
  const env = parseEnv('notified', process.env);
  const clients = createClients(clientOptionsFrom(process.env));
  return {
    runs: new DynamoRuns(clients.documents, env.table),
    announcer: EventBridgeAnnouncer.on(env.eventBus),
    clock: { nowMs: Date.now },
    log: createLogger({ service: 'notified' }),
    leaseMs: 60_000,
  };
}

export async function handler(event: SNSEvent): Promise<void> {
  composed ??= compose();
  for (const { Sns } of event.Records) await notified(composed, Sns.Message);
}
