import { CopyObjectCommand } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { type AwsClients, clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { translated } from '../../src/aws/faults.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { type Env, parseEnv } from '../../src/contracts/env.ts';
import { STUDIES_TABLE } from '../../src/contracts/table.ts';
import { type BackfillDeps, eventSchema, handleBackfill } from './backfill.ts';
import { Jobs } from './job.ts';

const rowSchema = z.object({ uploadId: z.string(), status: z.string(), createdAt: z.string() });

/** S3 may say nothing while it copies an object of 5 GB. */
const COPY_MS = 120_000;

let composed: BackfillDeps | undefined;

function compose(): BackfillDeps {
  const env = parseEnv('backfill', process.env);
  return composeBackfill(env, createClients({ ...clientOptionsFrom(process.env), silenceMs: COPY_MS }));
}

export function composeBackfill(env: Env<'backfill'>, { s3, sqs, documents }: AwsClients): BackfillDeps {
  const { uploadsBucket, backfillQueueUrl: QueueUrl, table: TableName } = env;
  const lane = [QueueUrl, env.detectQueueUrl, env.analyzeQueueUrl];
  return {
    jobs: new Jobs(documents, TableName),
    tenants: env.tenants,
    clock: { nowMs: Date.now },
    log: createLogger({ service: 'backfill' }),
    costPerStudyUsd: env.costPerStudyUsd,
    stagingBucket: uploadsBucket,
    async copy({ bucket, key }, Key) {
      // The archive's metadata and tags stay behind: they may name a patient, and reading tags is a right of its own.
      const bare = { MetadataDirective: 'REPLACE', TaggingDirective: 'REPLACE' } as const;
      const CopySource = `${bucket}/${encodeURIComponent(key)}`;
      const command = new CopyObjectCommand({ Bucket: uploadsBucket, Key, CopySource, ...bare });
      await translated('CopyObject', () => s3.send(command));
    },
    async notify(MessageBody) {
      await translated('SendMessage', () => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody })));
    },
    async backlog() {
      const AttributeNames = ['ApproximateNumberOfMessages' as const];
      const waiting = lane.map(async (QueueUrl) => {
        const { Attributes } = await translated('GetQueueAttributes', () =>
          sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames })),
        );
        return Number(Attributes?.ApproximateNumberOfMessages ?? 0);
      });
      return (await Promise.all(waiting)).reduce((sum, messages) => sum + messages, 0);
    },
    async endedUploads(tenant, since, cursor) {
      const { name, partitionKey, sortKey } = STUDIES_TABLE.indexes.tenantTime;
      const answer = await translated('Query', () =>
        documents.send(
          new QueryCommand({
            TableName,
            IndexName: name,
            KeyConditionExpression: '#partition = :tenant AND #sort >= :since',
            FilterExpression: 'kind = :upload',
            ProjectionExpression: 'uploadId, #status, #sort',
            ExpressionAttributeNames: { '#partition': partitionKey, '#sort': sortKey, '#status': 'status' },
            ExpressionAttributeValues: { ':tenant': tenant, ':since': since, ':upload': 'upload' },
            ...(cursor === null ? {} : { ExclusiveStartKey: JSON.parse(cursor) as Record<string, unknown> }),
          }),
        ),
      );
      const { LastEvaluatedKey } = answer;
      return {
        uploads: (answer.Items ?? []).map((item) => rowSchema.parse(item)),
        cursor: LastEvaluatedKey === undefined ? null : JSON.stringify(LastEvaluatedKey),
      };
    },
  };
}

/** Called by the state machine, and by hand to pause, resume, cancel or show a job. */
export async function handler(event: unknown): Promise<unknown> {
  composed ??= compose();
  return handleBackfill(composed, eventSchema.parse(event));
}
