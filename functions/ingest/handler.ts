import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { clientOptionsFrom, createClients, requestSettings } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { EventBridgeAnnouncer } from '../../src/aws/eventbridge-announcer.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { HmacPseudonyms } from '../../src/aws/pseudonyms.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { SecretsTenantKeys } from '../../src/aws/secrets-tenant-keys.ts';
import { SqsQueue } from '../../src/aws/sqs-queue.ts';
import type { StageHandler } from '../../src/aws/stage-handler.ts';
import { delayByVisibility } from '../../src/aws/visibility.ts';
import { parseEnv } from '../../src/contracts/env.ts';
import type { DetectMessage } from '../../src/contracts/messages.ts';
import { ModelUnavailable } from '../../src/contracts/reasons.ts';
import { packHash } from '../../src/inference/pack-source.ts';
import { createPixelDecoder } from '../../src/pictures/decoder.ts';
import { createPictureEncoder } from '../../src/pictures/encoder.ts';
import { DEFAULT_LIMITS } from '../../src/pipeline/prepare-files.ts';
import { createIngestHandler } from './compose.ts';

let composed: Promise<StageHandler> | undefined;

async function compose(): Promise<StageHandler> {
  const env = parseEnv('ingest', process.env);
  const clients = createClients(clientOptionsFrom(process.env));
  const packSha256 = await packHash(env.packFolder);
  if (packSha256 === null) throw new ModelUnavailable('the layer holds no pack');
  return createIngestHandler({
    deps: {
      uploads: new S3ObjectStore(clients.s3, env.uploadsBucket),
      data: new S3ObjectStore(clients.s3, env.dataBucket),
      runs: new DynamoRuns(clients.documents, env.table),
      announcer: EventBridgeAnnouncer.on(env.eventBus),
      detectQueue: new SqsQueue<DetectMessage>(clients.sqs, env.detectQueueUrl),
      decoder: createPixelDecoder(),
      pictures: createPictureEncoder(),
      pseudonyms: new HmacPseudonyms(
        new SecretsTenantKeys(new SecretsManagerClient(requestSettings()), env.tenantKeysSecretPrefix),
      ),
      limits: { ...DEFAULT_LIMITS, maxUploadBytes: env.uploadMaxBytes },
      clock: { nowMs: Date.now },
      log: createLogger({ service: 'ingest' }),
      packSha256,
      tier: env.tier,
      leaseMs: env.leaseSeconds * 1000,
    },
    uploadsBucket: env.uploadsBucket,
    tenants: env.tenants,
    // Lambda sets it anew for each invocation.
    invocationTrace: () => process.env._X_AMZN_TRACE_ID,
    maxReceiveCount: env.maxReceiveCount,
    delay: delayByVisibility(clients.sqs),
  });
}

/** Composed at the first call and kept; a failed composition is tried again at the next. */
export async function handler(event: SQSEvent, context: unknown): Promise<SQSBatchResponse> {
  composed ??= compose();
  composed.catch(() => {
    composed = undefined;
  });
  return (await composed)(event, context);
}
