import { Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

export interface LaneProps {
  readonly queueName: string;
  readonly key: IKey;
  /** At least six times the consumer's timeout. */
  readonly visibilitySeconds: number;
  readonly maxReceiveCount: number;
}

/** An encrypted queue with the dead-letter queue that its failures end in. Nothing drains it but a redrive. */
export class Lane extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly maxReceiveCount: number;
  readonly visibilitySeconds: number;

  constructor(scope: Construct, id: string, props: LaneProps) {
    super(scope, id);
    this.maxReceiveCount = props.maxReceiveCount;
    this.visibilitySeconds = props.visibilitySeconds;
    const common = {
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: props.key,
      dataKeyReuse: Duration.minutes(5),
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    };
    this.deadLetters = new Queue(this, 'DeadLetters', { ...common, queueName: `${props.queueName}-dead-letters` });
    this.queue = new Queue(this, 'Queue', {
      ...common,
      queueName: props.queueName,
      visibilityTimeout: Duration.seconds(props.visibilitySeconds),
      receiveMessageWaitTime: Duration.seconds(20),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: props.maxReceiveCount },
    });
  }
}
