import { randomUUID } from 'node:crypto';
import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { type Stage, TransientFault } from '../contracts/reasons.ts';
import type { Logger } from '../pipeline/ports.ts';

/** What a stage does with one message body; everything it throws sends that message alone back to its queue. */
export interface StageWork {
  handle(body: string, traceId: string): Promise<void>;
  /** Called before the failure of a message's last receive, so that the table knows before the dead-letter queue does. */
  giveUp(body: string): Promise<void>;
}

/** How a queue gives a message again. */
export interface Redelivery {
  /** The queue's redrive policy: the receive count at which a failure moves the message to the dead letters. */
  readonly maxReceiveCount: number;
  /** Sets when a message that met a passing fault comes back; seconds. */
  readonly delay: (record: SQSRecord, seconds: number) => Promise<void>;
  /** How long a message waits at least after its first receive; three times as long after each further one. */
  readonly firstRetrySeconds?: number;
}

export interface StageHandlerOptions extends Redelivery {
  readonly work: StageWork;
  /** Named in the line that tells how long a message took: the latency of the dashboard is counted from it. */
  readonly stage?: Stage;
  readonly log: Logger;
  /** X-Ray's header of the invocation: the trace of messages that bring none, as those of S3 do. */
  readonly invocationTrace?: (() => string | undefined) | undefined;
}

export type StageHandler = (event: SQSEvent, context: unknown) => Promise<SQSBatchResponse>;

/** 15, 45, 135 and 405 s: five receives outlast a fault of ten minutes. */
const FIRST_RETRY_SECONDS = 15;
const RETRY_GROWTH = 3;
const RETRY_SPREAD = 0.25;
const MAX_DELAY_SECONDS = 900;
const TRACE_ROOT = /(?:^|;)(Root=1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)/;

/**
 * A Lambda handler for one SQS queue with partial batch responses: neighbours of a failing message are not repeated.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function createStageHandler(options: StageHandlerOptions): StageHandler {
  const { log } = options;
  const base = async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const failures = await Promise.all(event.Records.map((record) => handleRecord(options, record)));
    return { batchItemFailures: failures.flatMap((id) => (id === null ? [] : [{ itemIdentifier: id }])) };
  };
  return middy<SQSEvent, SQSBatchResponse>(base, { timeoutEarlyInMillis: 0 }).onError(({ error }) => {
    log.error('handler.failed', { errorName: error instanceof Error ? error.name : 'unknown' });
  }) as unknown as StageHandler;
}

async function handleRecord(options: StageHandlerOptions, record: SQSRecord): Promise<string | null> {
  const { work, stage, log, maxReceiveCount } = options;
  const traceId = traceIdOf(record, options.invocationTrace?.());
  const attempt = Number(record.attributes.ApproximateReceiveCount);
  const started = performance.now();
  try {
    await work.handle(record.body, traceId);
    const ms = Math.round(performance.now() - started);
    log.info('message.done', { traceId, attempt, ms, ...(stage === undefined ? {} : { stage }) });
    return null;
  } catch (error) {
    const errorName = error instanceof Error ? error.name : 'unknown';
    const transient = error instanceof TransientFault;
    (transient ? log.warn : log.error).call(log, transient ? 'message.deferred' : 'message.failed', {
      traceId,
      attempt,
      errorName,
    });
    if (attempt >= maxReceiveCount) await giveUp(options, record, traceId);
    else if (transient) await putOff(options, record, traceId, secondsUntilRetry(options, error, attempt));
    return record.messageId;
  }
}

/** X-Ray's trace of the message; the rest of its header is the sender's own text and is carried no further. */
const traceIdOf = ({ attributes }: SQSRecord, invocation: string | undefined): string =>
  rootOf(attributes.AWSTraceHeader) ?? rootOf(invocation) ?? randomUUID();

const rootOf = (header = ''): string | undefined => TRACE_ROOT.exec(header)?.[1];

/** What the fault asks for, but longer from receive to receive, and spread so that messages do not come back together. */
function secondsUntilRetry(options: Redelivery, fault: TransientFault, attempt: number): number {
  const { firstRetrySeconds = FIRST_RETRY_SECONDS } = options;
  const grown = firstRetrySeconds * RETRY_GROWTH ** (attempt - 1);
  const spread = grown * (1 + RETRY_SPREAD * (2 * Math.random() - 1));
  return Math.min(MAX_DELAY_SECONDS, Math.max(fault.retryAfterSeconds, spread));
}

/** Where the delay cannot be set the message comes back when its visibility ends: no reason to repeat its neighbours. */
async function putOff(
  { delay, log }: StageHandlerOptions,
  record: SQSRecord,
  traceId: string,
  seconds: number,
): Promise<void> {
  try {
    await delay(record, seconds);
  } catch (error) {
    log.warn('message.delay_failed', { traceId, errorName: error instanceof Error ? error.name : 'unknown' });
  }
}

async function giveUp({ work, log }: StageHandlerOptions, record: SQSRecord, traceId: string): Promise<void> {
  try {
    await work.giveUp(record.body);
  } catch (error) {
    log.error('message.give_up_failed', { traceId, errorName: error instanceof Error ? error.name : 'unknown' });
  }
}
