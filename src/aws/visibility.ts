import { ChangeMessageVisibilityCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { translated } from './faults.ts';

/** `arn:aws:sqs:<region>:<account>:<name>` as the queue's URL. */
function queueUrlOf(arn: string): string {
  const [, , , region, account, name] = arn.split(':');
  return `https://sqs.${region}.amazonaws.com/${account}/${name}`;
}

/** Under Lambda: sets when a message that will be reported as failed is received again. */
export function delayByVisibility(client: SQSClient): (record: SQSRecord, seconds: number) => Promise<void> {
  return async (record, seconds) => {
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: queueUrlOf(record.eventSourceARN),
      ReceiptHandle: record.receiptHandle,
      VisibilityTimeout: Math.ceil(seconds),
    });
    await translated('ChangeMessageVisibility', () => client.send(command));
  };
}
