import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { InvokeEndpointAsyncCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { ChangeMessageVisibilityCommand } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { EventBridgeAnnouncer } from '../../src/aws/eventbridge-announcer.ts';
import { translated } from '../../src/aws/faults.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { createStageHandler, type StageHandler } from '../../src/aws/stage-handler.ts';
import { parseEnv } from '../../src/contracts/env.ts';
import { type AnalyzeMessage, analyzeMessageSchema } from '../../src/contracts/messages.ts';
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

/** Writes the request object, then asks the endpoint to take it; both may be repeated. */
export async function submitRun(deps: SubmitDeps, message: AnalyzeMessage): Promise<void> {
  const id = inferenceIdOf(message);
  const key = `${deps.invocationsPrefix}/${deps.endpointName}/requests/${id}.json`;
  await deps.data.put(key, Buffer.from(JSON.stringify(message)), { contentType: 'application/json' });
  await deps.invoke(deps.endpointName, key, id);
  deps.log.info('analyze.submitted', { traceId: message.traceId, tenant: message.tenant, runKey: message.runKey });
}

export function createSubmitHandler(
  deps: SubmitDeps,
  options: { maxReceiveCount: number; delay: (record: SQSRecord, seconds: number) => Promise<void> },
): StageHandler {
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
  const sageMaker = new SageMakerRuntimeClient({});
  const log = createLogger({ service: 'submit' });
  const deps = {
    data: new S3ObjectStore(clients.s3, env.dataBucket),
    runs: new DynamoRuns(clients.documents, env.table),
    announcer: new EventBridgeAnnouncer(new EventBridgeClient({}), env.eventBus),
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
      });
      await translated('InvokeEndpointAsync', () => sageMaker.send(command));
    },
  };
  const laneOf = (endpointName: string, queueArn: (record: SQSRecord) => string): StageHandler =>
    createSubmitHandler(
      { ...deps, endpointName },
      {
        maxReceiveCount: env.maxReceiveCount,
        async delay(record, VisibilityTimeout) {
          const QueueUrl = queueUrlOf(queueArn(record));
          const { receiptHandle: ReceiptHandle } = record;
          await clients.sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }));
        },
      },
    );
  const arnOf = ({ eventSourceARN }: SQSRecord): string => eventSourceARN;
  const uploads = laneOf(env.endpointName, arnOf);
  const backfill = laneOf(env.backfillEndpointName, arnOf);
  return (event, context) => {
    const fromBackfill = event.Records[0]?.eventSourceARN === env.backfillQueueArn;
    return (fromBackfill ? backfill : uploads)(event, context);
  };
}

/** `arn:aws:sqs:<region>:<account>:<name>` as the queue's address. */
function queueUrlOf(arn: string): string {
  const [, , , region = '', account = '', name = ''] = arn.split(':');
  return `https://sqs.${region}.amazonaws.com/${account}/${name}`;
}

let composed: StageHandler | undefined;

export const handler: StageHandler = (event, context) => {
  composed ??= compose();
  return composed(event, context);
};
