import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import type { BatchHandler } from '../../src/aws/sqs-poller.ts';
import type { Logger } from '../../src/pipeline/ports.ts';
import type { Delay } from './worker.ts';

export interface ServerOptions {
  readonly makeHandler: (delay: Delay) => BatchHandler;
  readonly log: Logger;
  /** False while the container cannot work yet. */
  readonly ready: () => boolean;
  readonly maxReceiveCount: number;
  /** Invocations worked on at once; further ones are answered 503 and tried again by SageMaker. */
  readonly concurrency: number;
}

const MAX_BODY_BYTES = 65_536;
const LONGEST_PAUSE_SECONDS = 60;

/**
 * SageMaker's two routes. `GET /ping` answers 200 once the container can work. `POST /invocations` takes one analyze
 * message and answers 200 when its run has ended, 400 where the body is no message, 500 when it was given up (the table
 * says so by then). Source: SageMaker Developer Guide, "Use your own inference code with hosting services".
 */
export function createAnalyzeServer(options: ServerOptions): Server {
  let working = 0;
  return createServer((request, response) => {
    if (request.method === 'GET' && request.url === '/ping') return answer(response, options.ready() ? 200 : 503);
    if (request.method !== 'POST' || request.url !== '/invocations') return answer(response, 404);
    if (!options.ready() || working >= options.concurrency) return answer(response, 503);
    working += 1;
    invoke(options, request)
      .catch((error: unknown) => {
        options.log.error('invocation.failed', { errorName: error instanceof Error ? error.name : 'unknown' });
        return 500;
      })
      .then((status) => answer(response, status))
      .finally(() => {
        working -= 1;
      });
  });
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(status === 200 ? '{"ok":true}' : '{"ok":false}');
}

async function invoke({ makeHandler, maxReceiveCount }: ServerOptions, request: IncomingMessage): Promise<number> {
  const body = await readBody(request);
  if (body === null || !isObject(body)) return 400;
  for (let attempt = 1; attempt <= maxReceiveCount; attempt++) {
    let pauseSeconds = 1;
    const handler = makeHandler(async (_, seconds) => {
      pauseSeconds = Math.min(LONGEST_PAUSE_SECONDS, seconds);
    });
    const result = await handler(eventOf(body, attempt), {} as Parameters<BatchHandler>[1]);
    if ((result?.batchItemFailures.length ?? 0) === 0) return 200;
    if (attempt < maxReceiveCount) await new Promise((resolve) => setTimeout(resolve, pauseSeconds * 1000));
  }
  return 500;
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** The invocation as the queue would have delivered it. */
function eventOf(body: string, attempt: number): SQSEvent {
  const record: SQSRecord = {
    messageId: randomUUID(),
    receiptHandle: '',
    body,
    attributes: {
      ApproximateReceiveCount: String(attempt),
      SentTimestamp: '0',
      SenderId: '',
      ApproximateFirstReceiveTimestamp: '0',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sagemaker',
    eventSourceARN: '',
    awsRegion: '',
  };
  return { Records: [record] };
}
