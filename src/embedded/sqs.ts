import type { AddressInfo } from 'node:net';
import { buildApp } from 'fauxqs';
import { namesAccessKey } from './credentials.ts';
import type { Credentials } from './s3/signature.ts';

export const QUEUE_NAMES = ['ingest', 'detect', 'analyze', 'announcements'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

export interface QueueSettings {
  /** How long a received message stays hidden unless the reader says otherwise. */
  readonly visibilitySeconds: number;
  /** Receives before a message moves to its dead-letter queue. */
  readonly maxReceiveCount: number;
}

export interface QueuePair {
  readonly url: string;
  readonly deadLetterUrl: string;
}

export interface SqsServer {
  readonly port: number;
  readonly queues: Readonly<Record<QueueName, QueuePair>>;
  /** Puts a message into a queue without the way over HTTP. */
  send(queueUrl: string, body: string): Promise<void>;
  close(): Promise<void>;
}

export interface SqsServerOptions {
  readonly region: string;
  readonly credentials: Credentials;
  readonly settings: Readonly<Record<QueueName, QueueSettings>>;
}

/** Longest wait of one receive: a reader who asks for more gets an empty answer earlier, which SQS allows. */
const WAIT_SECONDS = 5;

/** Starts fauxqs for SQS alone on loopback; queues live in memory and end with the process. */
export async function startSqs(options: SqsServerOptions): Promise<SqsServer> {
  const { region, credentials, settings } = options;
  const app = buildApp({ logger: false, defaultRegion: region });
  app.addHook('onRequest', async (request, reply) => {
    const sqs = request.method === 'POST' && request.headers['x-amz-target']?.toString().startsWith('AmazonSQS.');
    if (!sqs) return reply.code(404).send({ message: 'SQS alone is served here.' });
    if (!namesAccessKey(request.headers, credentials)) {
      return reply
        .code(403)
        .send({ __type: 'com.amazonaws.sqs#InvalidClientTokenId', message: 'The access key is not known here.' });
    }
  });
  app.addHook('preHandler', async (request) => {
    const body = request.body as { WaitTimeSeconds?: number } | null;
    if ((body?.WaitTimeSeconds ?? 0) > WAIT_SECONDS) Object.assign(body ?? {}, { WaitTimeSeconds: WAIT_SECONDS });
  });
  // A reader that was killed while it waited must not take messages with it. They come back when every wait that had
  // begun by then has ended, so that the waits of its other threads do not count as receives.
  app.addHook('preSerialization', async (request, _reply, payload: unknown) => {
    if (!request.socket.destroyed || request.headers['x-amz-target'] !== 'AmazonSQS.ReceiveMessage') return payload;
    const { QueueUrl } = request.body as { QueueUrl?: string };
    const { Messages = [] } = payload as { Messages?: Array<{ ReceiptHandle: string }> };
    for (const { ReceiptHandle } of Messages) {
      await call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: WAIT_SECONDS });
    }
    return {};
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const call = async (action: string, body: object): Promise<Record<string, unknown>> => {
    const response = await app.inject({
      method: 'POST',
      url: '/',
      headers: {
        host: `127.0.0.1:${port}`,
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
        authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/20260101/${region}/sqs/aws4_request`,
      },
      payload: JSON.stringify(body),
    });
    if (response.statusCode !== 200) throw new Error(`SQS ${action} answered ${response.statusCode}`);
    return response.json<Record<string, unknown>>();
  };
  const createQueue = async (name: string, attributes: Record<string, string>): Promise<string> =>
    String((await call('CreateQueue', { QueueName: name, Attributes: attributes })).QueueUrl);
  const createPair = async (name: QueueName): Promise<QueuePair> => {
    const { visibilitySeconds, maxReceiveCount } = settings[name];
    const deadLetterUrl = await createQueue(`${name}-dead-letters`, {});
    const { Attributes } = await call('GetQueueAttributes', { QueueUrl: deadLetterUrl, AttributeNames: ['QueueArn'] });
    const deadLetterTargetArn = (Attributes as Record<string, string>).QueueArn;
    const url = await createQueue(name, {
      VisibilityTimeout: String(visibilitySeconds),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
    });
    return { url, deadLetterUrl };
  };
  const pairs = await Promise.all(QUEUE_NAMES.map(async (name) => [name, await createPair(name)] as const)).catch(
    async (error: unknown) => {
      await app.close();
      throw error;
    },
  );
  return {
    port,
    queues: Object.fromEntries(pairs) as Record<QueueName, QueuePair>,
    async send(queueUrl, body) {
      await call('SendMessage', { QueueUrl: queueUrl, MessageBody: body });
    },
    close: () => app.close(),
  };
}
