import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

export interface ClientOptions {
  readonly region?: string | undefined;
  /** Absent: the SDK's own chain (a role in the cloud). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Absent: the services of the region. An S3 endpoint of one's own is called path-style. */
  readonly endpoints?: {
    readonly s3?: string | undefined;
    readonly sqs?: string | undefined;
    readonly dynamodb?: string | undefined;
  };
  /** A call that hears nothing for so long is given up and tried again. Absent: never, as where the services are in this process. */
  readonly silenceMs?: number | undefined;
}

export interface AwsClients {
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly documents: DynamoDBDocumentClient;
  close(): void;
}

const MAX_SOCKETS = 128;
const CONNECTION_TIMEOUT_MS = 5000;
const MAX_ATTEMPTS = 4;
/** Longer than the longest wait for a message, 20 s, and short enough for a second try within a stage's time. */
const SILENCE_MS = 30_000;

/**
 * What clients of every AWS service are made with. Without it a call whose connection stands, but brings no answer, waits
 * for ever: a worker would hold its message as long.
 */
export const requestSettings = (silenceMs = SILENCE_MS) => ({
  maxAttempts: MAX_ATTEMPTS,
  requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: silenceMs },
});

/** One set of clients a process, over connections that stay open between calls. */
export function createClients(options: ClientOptions): AwsClients {
  const { endpoints = {}, silenceMs = 0 } = options;
  const { maxAttempts, requestHandler } = requestSettings(silenceMs);
  const httpAgent = new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  const httpsAgent = new HttpsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  const common = {
    ...(options.region === undefined ? {} : { region: options.region }),
    // A copy each: the SDK writes into the object.
    ...(options.credentials === undefined ? {} : { credentials: { ...options.credentials } }),
    maxAttempts,
    requestHandler: { ...requestHandler, httpAgent, httpsAgent },
  };
  const at = (endpoint: string | undefined) => (endpoint === undefined ? {} : { endpoint });
  const s3 = new S3Client({ ...common, ...at(endpoints.s3), forcePathStyle: endpoints.s3 !== undefined });
  const sqs = new SQSClient({ ...common, ...at(endpoints.sqs), useQueueUrlAsEndpoint: endpoints.sqs === undefined });
  const dynamodb = new DynamoDBClient({ ...common, ...at(endpoints.dynamodb) });
  const documents = DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } });
  return {
    s3,
    sqs,
    documents,
    close() {
      for (const client of [s3, sqs, documents, dynamodb]) client.destroy();
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}

/** Options from the variables that every AWS SDK knows: region, keys and an endpoint a service. */
export function clientOptionsFrom(env: Readonly<Record<string, string | undefined>>): ClientOptions {
  const { AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = env;
  const own = AWS_ACCESS_KEY_ID !== undefined && AWS_SECRET_ACCESS_KEY !== undefined && AWS_SESSION_TOKEN === undefined;
  return {
    region: AWS_REGION,
    credentials: own ? { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } : undefined,
    endpoints: {
      s3: env.AWS_ENDPOINT_URL_S3,
      sqs: env.AWS_ENDPOINT_URL_SQS,
      dynamodb: env.AWS_ENDPOINT_URL_DYNAMODB,
    },
    silenceMs: SILENCE_MS,
  };
}
