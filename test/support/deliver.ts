import { randomUUID } from 'node:crypto';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createAnalyzeHandler } from '../../functions/analyze/compose.ts';
import { createDetectHandler } from '../../functions/detect/compose.ts';
import { createIngestHandler } from '../../functions/ingest/compose.ts';
import type { StageHandler } from '../../src/aws/stage-handler.ts';
import { keys } from '../../src/contracts/keys.ts';
import type { ObjectStore } from '../../src/pipeline/ports.ts';
import { MAX_RECEIVES, type TestSystem } from './system.ts';

export type StageName = 'ingest' | 'detect' | 'analyze';

/** The deployed handlers over a test system's ports, or over the same ports wrapped by the test. */
export function handlersOf(system: TestSystem, deps = system.deps): Record<StageName, StageHandler> {
  const common = { maxReceiveCount: MAX_RECEIVES, delay: async () => undefined };
  return {
    ingest: createIngestHandler({ deps, uploadsBucket: system.embedded.buckets.uploads, ...common }),
    detect: createDetectHandler({ deps, ...common }),
    analyze: createAnalyzeHandler({ deps, ...common }),
  };
}

/** An SQS event as Lambda hands it over. */
export function sqsEvent(bodies: readonly string[], receiveCount = 1): SQSEvent {
  return {
    Records: bodies.map((body, index) => ({
      messageId: `message-${index}`,
      receiptHandle: randomUUID(),
      body,
      attributes: {
        ApproximateReceiveCount: String(receiveCount),
        SentTimestamp: '0',
        SenderId: 'test',
        ApproximateFirstReceiveTimestamp: '0',
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:test',
      awsRegion: 'us-east-1',
    })),
  };
}

export async function deliver(handler: StageHandler, bodies: readonly unknown[], receiveCount = 1): Promise<string[]> {
  const texts = bodies.map((body) => (typeof body === 'string' ? body : JSON.stringify(body)));
  const response: SQSBatchResponse = await handler(sqsEvent(texts, receiveCount), {});
  return response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
}

/** Puts an upload and returns the notification that S3 sends for it. */
export async function putUpload(
  system: Pick<TestSystem, 'embedded'> & { readonly uploads: ObjectStore },
  tenant: string,
  uploadId: string,
  name: string,
  bytes: Uint8Array,
): Promise<object> {
  const key = keys.upload(tenant, uploadId, name);
  await system.uploads.put(key, bytes, { contentType: 'application/octet-stream' });
  return s3Event(system, key, bytes.length);
}

export function s3Event(
  system: Pick<TestSystem, 'embedded'>,
  key: string,
  size: number,
  sequencer = '0055AED6DCD90281E5',
): object {
  const object = {
    key: encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+'),
    size,
    eTag: 'e',
    sequencer,
  };
  const bucket = { name: system.embedded.buckets.uploads };
  return {
    Records: [{ eventVersion: '2.1', eventSource: 'aws:s3', eventName: 'ObjectCreated:Put', s3: { bucket, object } }],
  };
}
