import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { s3MayNotify } from '../constructs/buckets.ts';
import { eventsMaySend } from '../constructs/event-rule.ts';
import type { Keys } from '../constructs/keys.ts';
import { Lane } from '../constructs/lane.ts';
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

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; keys: Keys }) {
    super(scope, id, props);
    const { config, keys } = props;
    const lane = (construct: string, name: string, limits: StageLimits) =>
      new Lane(this, construct, { queueName: names(config).queue(name), key: keys.messages, ...limits });
    this.uploads = {
      ingest: lane('Ingest', 'ingest', STAGE_LIMITS.ingest),
      detect: lane('Detect', 'detect', STAGE_LIMITS.detect),
      analyze: lane('Analyze', 'analyze', analyzeLimits(config)),
    };
    this.backfill = {
      ingest: lane('BackfillIngest', 'backfill-ingest', STAGE_LIMITS.ingest),
      detect: lane('BackfillDetect', 'backfill-detect', STAGE_LIMITS.detect),
      analyze: lane('BackfillAnalyze', 'backfill-analyze', analyzeLimits(config)),
    };
    this.webhooks = lane('Webhooks', 'webhooks', STAGE_LIMITS.webhook);
    for (const { queue, deadLetters } of [this.webhooks, this.uploads.ingest])
      for (const target of [queue, deadLetters]) eventsMaySend(target, this.account);
    const bucketArn =
      config.existing.uploadsBucketArn ??
      this.formatArn({ service: 's3', region: '', account: '', resource: names(config).uploadsBucket });
    const { queue } = this.uploads.ingest;
    queue.addToResourcePolicy(s3MayNotify(queue.queueArn, bucketArn, this.account));
  }
}
