import { Stack, type StackProps } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { bucketArn, s3MayNotify } from '../constructs/buckets.ts';
import { eventsMaySend, serviceMaySend } from '../constructs/event-rule.ts';
import type { Keys } from '../constructs/keys.ts';
import { encryptedQueue, Lane } from '../constructs/lane.ts';
import { names } from '../names.ts';
import { analyzeLimits, STAGE_LIMITS, type StageLimits } from '../stages.ts';

export interface StageLanes {
  readonly ingest: Lane;
  readonly detect: Lane;
  readonly analyze: Lane;
}

/** Every hop is a queue with dead letters; a backfill has hops of its own, so that no upload waits behind one. */
export class QueuesStack extends Stack {
  readonly uploads: StageLanes;
  readonly backfill: StageLanes;
  readonly webhooks: Lane;
  /** What webhooks, schedules, the event bus and functions invoked by hand could not deliver. */
  readonly operations: Queue;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; keys: Keys }) {
    super(scope, id, props);
    const { config, keys } = props;
    const lane = (construct: string, name: string, limits: StageLimits, deadLetters?: Queue) =>
      new Lane(this, construct, {
        queueName: names(config).queue(name),
        key: keys.messages,
        ...limits,
        ...(deadLetters === undefined ? {} : { deadLetters }),
      });
    const deadLetters = (construct: string, name: string) =>
      new Queue(this, construct, { ...encryptedQueue(keys.messages), queueName: names(config).queue(name) });
    const ofBackfill = deadLetters('BackfillDeadLetters', 'backfill-dead-letters');
    this.operations = deadLetters('OperationsDeadLetters', 'operations-dead-letters');
    this.uploads = {
      ingest: lane('Ingest', 'ingest', STAGE_LIMITS.ingest),
      detect: lane('Detect', 'detect', STAGE_LIMITS.detect),
      analyze: lane('Analyze', 'analyze', analyzeLimits(config)),
    };
    this.backfill = {
      ingest: lane('BackfillIngest', 'backfill-ingest', STAGE_LIMITS.ingest, ofBackfill),
      detect: lane('BackfillDetect', 'backfill-detect', STAGE_LIMITS.detect, ofBackfill),
      analyze: lane('BackfillAnalyze', 'backfill-analyze', analyzeLimits(config), ofBackfill),
    };
    this.webhooks = lane('Webhooks', 'webhooks', STAGE_LIMITS.webhook, this.operations);
    // Those that no other stack imports with every backend, and with and without webhooks: an export that went while
    // its last importer is still deployed would stop the deployment.
    for (const { queueArn } of [this.uploads.analyze.deadLetters, this.webhooks.queue]) this.exportValue(queueArn);
    for (const target of [
      this.webhooks.queue,
      this.uploads.ingest.queue,
      this.uploads.ingest.deadLetters,
      this.operations,
    ])
      eventsMaySend(target, this.account);
    for (const service of ['sns', 'scheduler'] as const) serviceMaySend(this.operations, service, this.account);
    const source = config.existing.uploadsBucketArn ?? bucketArn(this, names(config).uploadsBucket);
    const { queue } = this.uploads.ingest;
    queue.addToResourcePolicy(s3MayNotify(queue.queueArn, source, this.account));
  }
}
