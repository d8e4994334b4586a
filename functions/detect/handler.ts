import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { EventBridgeAnnouncer } from '../../src/aws/eventbridge-announcer.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { SqsQueue } from '../../src/aws/sqs-queue.ts';
import type { StageHandler } from '../../src/aws/stage-handler.ts';
import { delayByVisibility } from '../../src/aws/visibility.ts';
import { parseEnv } from '../../src/contracts/env.ts';
import type { AnalyzeMessage } from '../../src/contracts/messages.ts';
import { createEngine } from '../../src/inference/engine.ts';
import { createPictureEncoder } from '../../src/pictures/encoder.ts';
import { createDetectHandler } from './compose.ts';

let composed: StageHandler | undefined;

function compose(): StageHandler {
  const env = parseEnv('detect', process.env);
  const clients = createClients(clientOptionsFrom(process.env));
  return createDetectHandler({
    deps: {
      data: new S3ObjectStore(clients.s3, env.dataBucket),
      runs: new DynamoRuns(clients.documents, env.table),
      announcer: EventBridgeAnnouncer.on(env.eventBus),
      analyzeQueue: new SqsQueue<AnalyzeMessage>(clients.sqs, env.analyzeQueueUrl),
      engine: createEngine({
        packDirs: [env.packFolder],
        ...(env.threads === 0 ? {} : { intraOpNumThreads: env.threads }),
      }),
      pictures: createPictureEncoder(),
      clock: { nowMs: Date.now },
      log: createLogger({ service: 'detect' }),
      leaseMs: env.leaseSeconds * 1000,
    },
    maxReceiveCount: env.maxReceiveCount,
    delay: delayByVisibility(clients.sqs),
  });
}

/** Composed at the first call and kept. */
export async function handler(event: SQSEvent, context: unknown): Promise<SQSBatchResponse> {
  composed ??= compose();
  return composed(event, context);
}
