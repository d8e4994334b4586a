import { InvokeEndpointAsyncCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { clientOptionsFrom, createClients, requestSettings } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { EventBridgeAnnouncer } from '../../src/aws/eventbridge-announcer.ts';
import { translated } from '../../src/aws/faults.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { createStageHandler, type Redelivery, type StageHandler } from '../../src/aws/stage-handler.ts';
import { delayByVisibility } from '../../src/aws/visibility.ts';
import { parseEnv } from '../../src/contracts/env.ts';
import { type AnalyzeMessage, analyzeMessageSchema, isTerminal } from '../../src/contracts/messages.ts';
import { TransientFault } from '../../src/contracts/reasons.ts';
import { announceRun } from '../../src/pipeline/finish.ts';
import type { Logger, ObjectStore } from '../../src/pipeline/ports.ts';
import { type FailDeps, failAttempt } from './fail-run.ts';

export interface SubmitDeps extends FailDeps {
  readonly data: ObjectStore;
  readonly log: Logger;
  readonly invocationsPrefix: string;
  readonly endpointName: string;
  /** Takes the address of the request object; an invocation of the same id may be asked for twice. */
  readonly invoke: (endpointName: string, inputKey: string, inferenceId: string) => Promise<void>;
}

/** The run and its attempt, as the endpoint's notifications give it back. */
export const inferenceIdOf = ({ runKey, attempt }: Pick<AnalyzeMessage, 'runKey' | 'attempt'>): string =>
  `${runKey}-${attempt}`;

/**
 * Writes the request object, opens the run's analyze stage and asks the endpoint to take the request; all may be
 * repeated. By the open stage the sweep tells a run that the endpoint lost from one whose message still waits.
 */
export async function submitRun(deps: SubmitDeps, message: AnalyzeMessage): Promise<void> {
  const { runKey, attempt } = message;
  const claim = await deps.runs.claimRun(runKey, attempt, 'analyze', deps.leaseMs, deps.clock.nowMs());
  if (claim.outcome === 'leased') throw new TransientFault('the run is held by a worker', 60);
  if (claim.outcome !== 'claimed') {
    if (claim.outcome === 'settled' && isTerminal(claim.item.status)) await announceRun(deps, claim.item);
    return;
  }
  const id = inferenceIdOf(message);
  const key = `${deps.invocationsPrefix}/${deps.endpointName}/requests/${id}.json`;
  await deps.data.put(key, Buffer.from(JSON.stringify(message)), { contentType: 'application/json' });
  await deps.runs.release(claim.item, deps.clock.nowMs());
  await deps.invoke(deps.endpointName, key, id);
  deps.log.info('analyze.submitted', { traceId: message.traceId, tenant: message.tenant, runKey: message.runKey });
}

export function createSubmitHandler(deps: SubmitDeps, options: Redelivery): StageHandler {
  return createStageHandler({
    log: deps.log,
    ...options,
    work: {
      handle: async (body) => submitRun(deps, analyzeMessageSchema.parse(JSON.parse(body))),
      async giveUp(body) {
        const { runKey, attempt } = analyzeMessageSchema.parse(JSON.parse(body));
        await failAttempt(deps, runKey, attempt);
      },
    },
  });
}

/** One handler a lane: a message goes to the endpoint of the queue it came from. */
function compose(): StageHandler {
  const env = parseEnv('submit', process.env);
  const clients = createClients(clientOptionsFrom(process.env));
  const sageMaker = new SageMakerRuntimeClient(requestSettings());
  const log = createLogger({ service: 'submit' });
  const deps = {
    data: new S3ObjectStore(clients.s3, env.dataBucket),
    runs: new DynamoRuns(clients.documents, env.table),
    announcer: EventBridgeAnnouncer.on(env.eventBus),
    clock: { nowMs: Date.now },
    log,
    leaseMs: env.leaseSeconds * 1000,
    invocationsPrefix: env.invocationsPrefix,
    async invoke(EndpointName: string, inputKey: string, InferenceId: string) {
      const InputLocation = `s3://${env.dataBucket}/${inputKey}`;
      const command = new InvokeEndpointAsyncCommand({
        EndpointName,
        InputLocation,
        InferenceId,
        ContentType: 'application/json',
        RequestTTLSeconds: env.requestTtlSeconds,
      });
      await translated('InvokeEndpointAsync', () => sageMaker.send(command));
    },
  };
  const options = { maxReceiveCount: env.maxReceiveCount, delay: delayByVisibility(clients.sqs) };
  const laneOf = (endpointName: string) => createSubmitHandler({ ...deps, endpointName }, options);
  const uploads = laneOf(env.endpointName);
  const backfill = laneOf(env.backfillEndpointName);
  return (event, context) => {
    const fromBackfill = event.Records[0]?.eventSourceARN === env.backfillQueueArn;
    return (fromBackfill ? backfill : uploads)(event, context);
  };
}

let composed: StageHandler | undefined;

export const handler: StageHandler = (event, context) => {
  composed ??= compose();
  return composed(event, context);
};
