import { GetObjectCommand, type S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { translated } from '../../src/aws/faults.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import type { NewUploadRequest } from '../../src/contracts/api.ts';
import type { RunItem, UploadItem } from '../../src/contracts/items.ts';
import { runItemSchema } from '../../src/contracts/items.ts';
import { keys } from '../../src/contracts/keys.ts';
import { CLIENT_REFERENCE_METADATA, type RunStatus } from '../../src/contracts/messages.ts';
import { STUDIES_TABLE } from '../../src/contracts/table.ts';
import type { Page } from '../../src/pipeline/ports.ts';

export interface UploadTicket {
  readonly url: string;
  readonly fields: Record<string, string>;
}

/** What the API may do for one tenant. Every method is bound to it; none takes a tenant. */
export interface TenantStore {
  presignUpload(request: NewUploadRequest, expirySeconds: number): Promise<UploadTicket>;
  uploads(uploadId: string): Promise<UploadItem[]>;
  runs(query: { status?: RunStatus; limit?: number; cursor?: string }): Promise<Page<RunItem>>;
  run(runKey: string): Promise<RunItem | null>;
  result(run: RunItem, name: string): Promise<Buffer | null>;
  /** Whether a run has a result file: one that was refused has fewer. */
  hasResult(run: RunItem, name: string): Promise<boolean>;
  presignResult(run: RunItem, name: string, expirySeconds: number): Promise<string>;
}

export interface TenantClients {
  readonly s3: S3Client;
  readonly documents: DynamoDBDocumentClient;
}

export interface StoreNames {
  readonly uploadsBucket: string;
  readonly dataBucket: string;
  readonly table: string;
}

const MAX_RESULT_BYTES = 5_000_000;

/** The store of one tenant, over clients that carry that tenant's credentials. */
export function tenantStore(tenant: string, { s3, documents }: TenantClients, names: StoreNames): TenantStore {
  const runs = new DynamoRuns(documents, names.table);
  const data = new S3ObjectStore(s3, names.dataBucket);
  const resultKey = ({ studyKey, runKey }: RunItem, name: string): string => keys.run(tenant, studyKey, runKey, name);
  return {
    async presignUpload({ uploadId, name, sizeBytes, sha256Base64, clientReference }, expirySeconds) {
      const Key = keys.upload(tenant, uploadId, name);
      const fields = {
        'x-amz-checksum-algorithm': 'SHA256',
        'x-amz-checksum-sha256': sha256Base64,
        ...(clientReference === undefined ? {} : { [`x-amz-meta-${CLIENT_REFERENCE_METADATA}`]: clientReference }),
      };
      const post = await createPresignedPost(s3, {
        Bucket: names.uploadsBucket,
        Key,
        Expires: expirySeconds,
        Fields: fields,
        // Each field becomes a condition of its own.
        Conditions: [['content-length-range', sizeBytes, sizeBytes]],
      });
      return { url: post.url, fields: post.fields };
    },
    uploads: (uploadId) => runs.getUpload(tenant, uploadId),
    runs: (query) => runs.listByTenant(tenant, query),
    async run(runKey) {
      const { name, partitionKey, sortKey } = STUDIES_TABLE.indexes.tenantRun;
      const { Items = [] } = await translated('Query', () =>
        documents.send(
          new QueryCommand({
            TableName: names.table,
            IndexName: name,
            KeyConditionExpression: '#partition = :tenant AND #sort = :run',
            ExpressionAttributeNames: { '#partition': partitionKey, '#sort': sortKey },
            ExpressionAttributeValues: { ':tenant': tenant, ':run': runKey },
          }),
        ),
      );
      const [row] = Items;
      return row === undefined ? null : runItemSchema.strip().parse(row);
    },
    result: (run, name) => data.get(resultKey(run, name), { maxBytes: MAX_RESULT_BYTES }),
    async hasResult(run, name) {
      try {
        return (await data.head(resultKey(run, name))) !== null;
      } catch (error) {
        if (isForbidden(error)) return false;
        throw error;
      }
    },
    presignResult: (run, name, expiresIn) =>
      getSignedUrl(s3, new GetObjectCommand({ Bucket: names.dataBucket, Key: resultKey(run, name) }), { expiresIn }),
  };
}

/** What S3 says of an object that is not there to a role that may read the prefix, but not list it. */
const isForbidden = (error: unknown): boolean =>
  error instanceof S3ServiceException && error.$metadata.httpStatusCode === 403;
