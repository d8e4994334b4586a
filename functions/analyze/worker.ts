import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { type BatchHandler, SqsPoller } from '../../src/aws/sqs-poller.ts';
import type { Logger } from '../../src/pipeline/ports.ts';

export type Delay = (record: SQSRecord, seconds: number) => Promise<void>;

export interface WorkerOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** Read only while nothing of the first queue is in hand. */
  readonly backfillQueueUrl?: string | undefined;
  readonly makeHandler: (delay: Delay) => BatchHandler;
  readonly log: Logger;
  readonly concurrency: number;
  readonly visibilitySeconds: number;
  /** After `stop`: how long work in hand may still end before its messages are made visible again. */
  readonly drainSeconds: number;
  /** Makes work that has not ended by then fail, so that its runs are free for the next worker. */
  readonly abandon?: (() => Promise<unknown>) | undefined;
  /** Longest wait of one receive; short, so that a stop cuts none off that has taken a message. */
  readonly waitSeconds?: number;
  readonly idleBeforeBackfillMs?: number;
}

const LOOK_MS = 500;

/**
 * The loop of a GPU task: takes messages, keeps them hidden while it works, and on `stop` ends what can be ended within
 * `drainSeconds` and makes the rest visible at once for the next worker.
 */
export class AnalyzeWorker {
  readonly #options: WorkerOptions & { waitSeconds: number; idleBeforeBackfillMs: number };
  readonly #uploads: SqsPoller;
  #backfill: SqsPoller | undefined;
  #closing: Promise<void> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #idleSinceMs = Date.now();

  constructor(options: WorkerOptions) {
    this.#options = { waitSeconds: 2, idleBeforeBackfillMs: 5000, ...options };
    this.#uploads = this.#poller(options.queueUrl, options.concurrency);
  }

  start(): void {
    this.#uploads.start();
    if (this.#options.backfillQueueUrl !== undefined) this.#watch = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Ends within `drainSeconds`, a second and one round trip; no message of this worker is hidden afterwards. */
  async stop(): Promise<void> {
    clearInterval(this.#watch);
    const { drainSeconds, waitSeconds, abandon } = this.#options;
    const ends = { graceSeconds: drainSeconds, receiveGraceSeconds: waitSeconds + 1, abandon };
    await Promise.all([this.#uploads.stop(ends), this.#backfill?.stop(ends), this.#closing]);
  }

  /** Backfill is taken up once uploads have been quiet for a while and put down, its work ended, when they come back. */
  #look(): void {
    const { backfillQueueUrl, idleBeforeBackfillMs, waitSeconds } = this.#options;
    const now = Date.now();
    if (this.#uploads.inFlight > 0) {
      this.#idleSinceMs = now;
      if (this.#backfill === undefined || this.#closing !== undefined) return;
      this.#closing = this.#backfill.stop({ graceSeconds: 60, receiveGraceSeconds: waitSeconds + 1 }).finally(() => {
        this.#backfill = undefined;
        this.#closing = undefined;
      });
    } else if (
      this.#backfill === undefined &&
      backfillQueueUrl !== undefined &&
      now - this.#idleSinceMs >= idleBeforeBackfillMs
    ) {
      this.#backfill = this.#poller(backfillQueueUrl, 1);
      this.#backfill.start();
    }
  }

  #poller(queueUrl: string, concurrency: number): SqsPoller {
    const { client, log, visibilitySeconds, waitSeconds, makeHandler } = this.#options;
    const poller: SqsPoller = new SqsPoller({
      client,
      queueUrl,
      log,
      concurrency,
      visibilitySeconds,
      waitSeconds,
      functionName: 'analyze',
      handler: (event, context) => handler(event, context),
    });
    const handler = makeHandler((record, seconds) => poller.delay(record, seconds));
    return poller;
  }
}
