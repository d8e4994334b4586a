import { randomUUID } from 'node:crypto';
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Logger } from '../pipeline/ports.ts';

export type BatchHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse | undefined>;

export interface SqsPollerOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly handler: BatchHandler;
  readonly log: Logger;
  /** Batches worked on at the same time. */
  readonly concurrency?: number;
  /** Messages of one call of the handler, 1 to 10. */
  readonly batchSize?: number;
  /** How long a received message stays hidden; extended while the handler works. */
  readonly visibilitySeconds?: number;
  /** Longest wait for a message; a message that comes is delivered at once. */
  readonly waitSeconds?: number;
  /** When a failed message comes back, unless `delay` said so; absent: after `visibilitySeconds`, as under Lambda. */
  readonly retrySeconds?: number;
  readonly functionName?: string;
}

export interface StopOptions {
  readonly graceSeconds?: number;
  readonly receiveGraceSeconds?: number;
  readonly abandon?: (() => Promise<unknown>) | undefined;
}

interface Flight {
  readonly message: Message;
  readonly id: string;
  /** Seconds until it comes back, if it fails. */
  retryAfter: number | undefined;
}

const DEFAULTS = { concurrency: 1, batchSize: 1, visibilitySeconds: 60, waitSeconds: 20 };
const HEARTBEATS_PER_VISIBILITY = 3;
const MAX_BACKOFF_MS = 5000;
const ABANDON_MS = 1000;
const MAX_VISIBILITY_SECONDS = 43_200;
/** The longest a timer can wait. */
const NO_DEADLINE_MS = 2 ** 31 - 1;

/**
 * Drives a Lambda-shaped handler from a queue: receives, keeps messages hidden while the handler works, deletes what
 * succeeded and leaves what the handler names in `batchItemFailures`.
 */
export class SqsPoller {
  readonly #options: SqsPollerOptions & typeof DEFAULTS;
  readonly #flights = new Map<string, Flight>();
  readonly #receives = new Set<Promise<unknown>>();
  readonly #works = new Set<Promise<unknown>>();
  readonly #receiving = new AbortController();
  readonly #stopping = new AbortController();
  #started = false;

  constructor(options: SqsPollerOptions) {
    this.#options = { ...DEFAULTS, ...options };
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    for (let lane = 0; lane < this.#options.concurrency; lane++) void this.#loop();
  }

  /** Messages that a handler works on now. */
  get inFlight(): number {
    return this.#flights.size;
  }

  /** Sets when a message that is being worked on comes back, should it fail; for the handler to call. */
  async delay(record: Pick<SQSRecord, 'messageId'>, seconds: number): Promise<void> {
    const flight = this.#flights.get(record.messageId);
    if (flight !== undefined) flight.retryAfter = Math.min(MAX_VISIBILITY_SECONDS, Math.max(0, Math.ceil(seconds)));
  }

  /**
   * Receives no more, waits `graceSeconds` for the handlers at work, and makes visible again what has not ended by then.
   * A receive that is under way is cut off after `receiveGraceSeconds`; one that is cut off may hide a message for its
   * whole visibility time, so a worker leaves it longer than `waitSeconds`, and a process that owns the queues takes 0.
   * `abandon` makes the handlers that have not ended fail, so that they free what they hold before others can take it:
   * they are waited for `ABANDON_MS` at most, `abandon` itself is not.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    const { graceSeconds = 30, receiveGraceSeconds = 0, abandon } = options;
    this.#stopping.abort();
    const cut = setTimeout(() => this.#receiving.abort(), receiveGraceSeconds * 1000);
    const received = Promise.allSettled(this.#receives).finally(() => clearTimeout(cut));
    const ended = new AbortController();
    const worked = Promise.allSettled(this.#works).finally(() => ended.abort());
    await Promise.race([worked, pause(graceSeconds * 1000, ended.signal)]);
    const unfinished = [...this.#flights.values()];
    this.#flights.clear();
    if (unfinished.length > 0 && abandon !== undefined) {
      abandon().catch((error: unknown) =>
        this.#options.log.warn('poller.abandon_failed', { errorName: nameOf(error) }),
      );
      await Promise.race([worked, pause(ABANDON_MS)]);
    }
    await this.#handBack(unfinished);
    await received;
  }

  async #loop(): Promise<void> {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        const flights = await tracked(this.#receives, this.#take());
        failures = 0;
        if (flights.length > 0) await tracked(this.#works, this.#work(flights));
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        failures += 1;
        this.#options.log.warn('poller.failed', { errorName: nameOf(error), count: failures });
        await pause(Math.min(MAX_BACKOFF_MS, 50 * 2 ** failures), this.#stopping.signal);
      }
    }
  }

  /** Messages to work on; those that come after the stop are given back at once. */
  async #take(): Promise<Flight[]> {
    const flights = (await this.#receive()).map(flightOf);
    if (!this.#stopping.signal.aborted) return flights;
    await this.#handBack(flights);
    return [];
  }

  async #handBack(flights: readonly Flight[]): Promise<void> {
    try {
      await this.#setVisibility(flights, () => 0);
    } catch (error) {
      this.#options.log.warn('poller.hand_back_failed', { errorName: nameOf(error), count: flights.length });
    }
  }

  async #receive(): Promise<Message[]> {
    const { client, queueUrl, batchSize, visibilitySeconds, waitSeconds } = this.#options;
    const answer = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: batchSize,
        VisibilityTimeout: visibilitySeconds,
        WaitTimeSeconds: waitSeconds,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      }),
      { abortSignal: this.#receiving.signal },
    );
    return answer.Messages ?? [];
  }

  async #work(flights: Flight[]): Promise<void> {
    for (const flight of flights) this.#flights.set(flight.id, flight);
    const { visibilitySeconds } = this.#options;
    const beat = setInterval(
      () => void this.#heartbeat(flights),
      (visibilitySeconds * 1000) / HEARTBEATS_PER_VISIBILITY,
    );
    let failed: ReadonlySet<string>;
    try {
      failed = await this.#handle(flights);
    } finally {
      clearInterval(beat);
    }
    const mine = flights.filter((flight) => this.#flights.get(flight.id) === flight);
    for (const flight of mine) this.#flights.delete(flight.id);
    await this.#delete(mine.filter(({ id }) => !failed.has(id)));
    const back = mine.filter(({ id }) => failed.has(id));
    await this.#setVisibility(back, ({ retryAfter }) => retryAfter ?? this.#options.retrySeconds);
  }

  /** The ids of the messages that failed. */
  async #handle(flights: readonly Flight[]): Promise<ReadonlySet<string>> {
    const { handler, queueUrl, log, functionName = 'discflow' } = this.#options;
    const event: SQSEvent = { Records: flights.map(({ message }) => recordOf(message, queueUrl)) };
    try {
      const response = await handler(event, contextOf(functionName));
      return new Set(response?.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier) ?? []);
    } catch (error) {
      log.error('poller.handler_failed', { errorName: nameOf(error), count: flights.length });
      return new Set(flights.map(({ id }) => id));
    }
  }

  async #heartbeat(flights: readonly Flight[]): Promise<void> {
    const alive = flights.filter(
      (flight) => this.#flights.get(flight.id) === flight && flight.retryAfter === undefined,
    );
    try {
      await this.#setVisibility(alive, () => this.#options.visibilitySeconds);
    } catch (error) {
      this.#options.log.warn('poller.heartbeat_failed', { errorName: nameOf(error), count: alive.length });
    }
  }

  async #delete(flights: readonly Flight[]): Promise<void> {
    if (flights.length === 0) return;
    const { client, queueUrl, log } = this.#options;
    const Entries = flights.map(({ message }, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle }));
    const answer = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    const count = answer.Failed?.length ?? 0;
    if (count > 0) log.warn('poller.delete_failed', { count });
  }

  async #setVisibility(flights: readonly Flight[], seconds: (flight: Flight) => number | undefined): Promise<void> {
    const Entries = flights.flatMap((flight, index) => {
      const VisibilityTimeout = seconds(flight);
      if (VisibilityTimeout === undefined) return [];
      return [{ Id: String(index), ReceiptHandle: flight.message.ReceiptHandle, VisibilityTimeout }];
    });
    const { client, queueUrl, log } = this.#options;
    for (let from = 0; from < Entries.length; from += 10) {
      const answer = await client.send(
        new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: Entries.slice(from, from + 10) }),
      );
      const count = answer.Failed?.length ?? 0;
      if (count > 0) log.warn('poller.visibility_failed', { count });
    }
  }
}

const flightOf = (message: Message): Flight => ({ message, id: message.MessageId ?? '', retryAfter: undefined });

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'unknown');

function recordOf(message: Message, queueUrl: string): SQSRecord {
  const attributes = message.Attributes ?? {};
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: {
      ApproximateReceiveCount: attributes.ApproximateReceiveCount ?? '1',
      SentTimestamp: attributes.SentTimestamp ?? '0',
      SenderId: attributes.SenderId ?? '',
      ApproximateFirstReceiveTimestamp: attributes.ApproximateFirstReceiveTimestamp ?? '0',
      ...(attributes.AWSTraceHeader === undefined ? {} : { AWSTraceHeader: attributes.AWSTraceHeader }),
    },
    messageAttributes: {},
    md5OfBody: message.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN: queueUrl,
    awsRegion: 'local',
  };
}

/** Outside Lambda no deadline ends a call: the heartbeat keeps its messages for as long as it works. */
function contextOf(functionName: string): Context {
  const unused = () => undefined;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: `local:${functionName}`,
    memoryLimitInMB: '0',
    awsRequestId: randomUUID(),
    logGroupName: functionName,
    logStreamName: functionName,
    getRemainingTimeInMillis: () => NO_DEADLINE_MS,
    done: unused,
    fail: unused,
    succeed: unused,
  };
}

async function tracked<T>(set: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  set.add(promise);
  try {
    return await promise;
  } finally {
    set.delete(promise);
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
