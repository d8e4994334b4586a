import { Stack, type StackProps } from 'aws-cdk-lib';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { Buckets } from '../constructs/buckets.ts';
import type { Keys } from '../constructs/keys.ts';
import { MalwareGate } from '../constructs/malware-gate.ts';
import { ObjectTrail } from '../constructs/object-trail.ts';
import { readsAndWritesStudies } from '../constructs/permissions.ts';
import type { QueuesStack } from './queues.ts';

/** Buckets, and what watches them. */
export class StorageStack extends Stack {
  readonly buckets: Buckets;
  readonly stageData: ManagedPolicy;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; keys: Keys; queues: QueuesStack }) {
    super(scope, id, props);
    const { config, keys, queues } = props;
    const ingestQueue = queues.uploads.ingest.queue;
    this.buckets = new Buckets(this, 'Buckets', { config, key: keys.data, ingestQueueArn: ingestQueue.queueArn });
    this.node.addDependency(queues);
    this.stageData = new ManagedPolicy(this, 'StageData', {
      description: 'Studies and runs of all tenants, for the stages that make them',
      statements: readsAndWritesStudies(this.buckets.data, keys.data),
    });
    if (config.malwareGate)
      new MalwareGate(this, 'MalwareGate', {
        config,
        uploads: this.buckets.uploads,
        key: keys.data,
        ingest: queues.uploads.ingest,
      });
    if (config.cloudTrailDataEvents) new ObjectTrail(this, 'ObjectTrail', { config, keys, buckets: this.buckets });
  }
}
