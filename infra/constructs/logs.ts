import { RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';

/** An encrypted log group that expires. */
export function logGroup(scope: Construct, id: string, name: string, config: Config, key: IKey): LogGroup {
  return new LogGroup(scope, id, {
    logGroupName: name,
    encryptionKey: key,
    retention: config.retention.logDays,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}
