import { Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

export interface LaneProps {
  readonly queueName: string;
  readonly key: IKey;
  /** At least six times the consumer's timeout. */
  readonly visibilitySeconds: number;
  readonly maxReceiveCount: number;
  /** Dead letters that several lanes share; each message remembers its source, and a redrive sends it there. */
  readonly deadLetters?: Queue;
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
    const encrypted = encryptedQueue(props.key);
    this.deadLetters =
      props.deadLetters ??
      new Queue(this, 'DeadLetters', { ...encrypted, queueName: `${props.queueName}-dead-letters` });
    this.queue = new Queue(this, 'Queue', {
      ...encrypted,
      queueName: props.queueName,
      visibilityTimeout: Duration.seconds(props.visibilitySeconds),
      receiveMessageWaitTime: Duration.seconds(20),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: props.maxReceiveCount },
    });
  }
}

/** Encrypted, over TLS alone, and kept for two weeks. */
export const encryptedQueue = (key: IKey): QueueProps => ({
  encryption: QueueEncryption.KMS,
  encryptionMasterKey: key,
  dataKeyReuse: Duration.minutes(5),
  enforceSSL: true,
  retentionPeriod: Duration.days(14),
});
