import { Stack } from 'aws-cdk-lib';
import type { IEventBus } from 'aws-cdk-lib/aws-events';
import { type PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Lane } from './lane.ts';
import { allow } from './service-function.ts';
import type { StudiesTable } from './studies-table.ts';

/** The statements that stages are built of, each the least that its adapter calls. */

type EncryptedService = 's3' | 'dynamodb' | 'secretsmanager';

/**
 * A service as the principal of a role, on behalf of this account's resources alone: for those whose guides ask for it.
 * Source: the guides of Step Functions, EventBridge Scheduler, VPC flow logs and ECS tasks, "confused deputy".
 */
export const serviceForThisAccount = (scope: Construct, service: string): ServicePrincipal =>
  new ServicePrincipal(`${service}.amazonaws.com`, {
    conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
  });

/** A key for what these services hold, through them alone: no call to KMS itself decrypts anything. */
export const opens = (key: IKey, ...services: EncryptedService[]): PolicyStatement[] => {
  const via = services.map((service) => `${service}.${Stack.of(key).region}.amazonaws.com`);
  return [allow(['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn], { StringEquals: { 'kms:ViaService': via } })];
};

/** Messages in, and their visibility changed where a stage delays one. */
export const consumes = (lane: Lane): PolicyStatement[] => [
  allow(
    ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
    [lane.queue.queueArn],
  ),
];

export const sends = (lane: Lane): PolicyStatement[] => [allow(['sqs:SendMessage'], [lane.queue.queueArn])];

/** Objects by prefix; listing tells a missing object from a forbidden one. */
export const reads = (bucket: IBucket, prefixes: readonly string[], versions = false): PolicyStatement[] => [
  allow(
    versions ? ['s3:GetObject', 's3:GetObjectVersion'] : ['s3:GetObject'],
    prefixes.map((prefix) => bucket.arnForObjects(prefix)),
  ),
  allow(['s3:ListBucket'], [bucket.bucketArn]),
];

/** Where studies and runs of all tenants lie: `<tenant>/studies/…`. */
export const STUDY_PREFIX = '*/studies/*';

export const readsAndWritesStudies = (bucket: IBucket, key: IKey): PolicyStatement[] => [
  allow(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'], [bucket.arnForObjects(STUDY_PREFIX)]),
  allow(['s3:ListBucket'], [bucket.bucketArn]),
  ...opens(key, 's3'),
];

/** Single-item reads and conditional writes; DynamoDB opens an encrypted table with the caller's right to its key. */
export const keepsRuns = (table: StudiesTable): PolicyStatement[] => [
  allow(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:Query'], [table.tableArn]),
  ...opens(table.key, 'dynamodb'),
];

export const announces = (bus: IEventBus): PolicyStatement[] => [allow(['events:PutEvents'], [bus.eventBusArn])];
