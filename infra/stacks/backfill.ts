import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { environmentOf } from '../../src/contracts/env.ts';
import { FUNCTIONS, functionCode } from '../bundling/code.ts';
import type { Config } from '../config.ts';
import { BackfillMachine } from '../constructs/backfill-machine.ts';
import { opens, sends } from '../constructs/permissions.ts';
import { allow, ServiceFunction } from '../constructs/service-function.ts';
import { COST_PER_STUDY_USD } from '../prices.ts';
import type { Shared } from '../shared.ts';

/** Years of studies, at a rate and a budget of their own, through a lane that no upload waits behind. */
export class BackfillStack extends Stack {
  readonly functions: ServiceFunction[];
  readonly machine: BackfillMachine;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; shared: Shared }) {
    super(scope, id, props);
    const { config, shared } = props;
    const { buckets, keys } = shared;
    const sources = [buckets.backfill.bucketArn, ...config.backfillSources];
    const admit = this.#admit(config, shared, sources);
    this.functions = [admit];
    this.machine = new BackfillMachine(this, 'Machine', {
      config,
      keys,
      admit,
      sources,
      resultsBucketName: buckets.backfill.bucketName,
      resultsBucketArn: buckets.backfill.bucketArn,
    });
  }

  #admit(config: Config, shared: Shared, sources: string[]): ServiceFunction {
    const { platform, buckets, studies, queues, keys } = shared;
    const { ingest, detect, analyze } = queues.backfill;
    return new ServiceFunction(this, 'Admit', {
      platform,
      name: 'backfill',
      code: functionCode('functions/backfill', FUNCTIONS.backfill),
      environment: environmentOf('backfill', {
        stage: config.stage,
        uploadsBucket: buckets.backfill.bucketName,
        table: studies.tableName,
        tenants: config.tenants.join(','),
        backfillQueueUrl: ingest.queue.queueUrl,
        detectQueueUrl: detect.queue.queueUrl,
        analyzeQueueUrl: analyze.queue.queueUrl,
        costPerStudyUsd: String(COST_PER_STUDY_USD[config.analyze.backend]),
      }),
      memoryMiB: 512,
      timeoutSeconds: 300,
      concurrency: config.sizes.backfillConcurrency,
      deadLetters: ingest.deadLetters,
      placement: shared.placement,
      statements: [
        ...sends(ingest),
        allow(
          ['sqs:GetQueueAttributes'],
          [ingest, detect, analyze].map(({ queue }) => queue.queueArn),
        ),
        allow(
          ['s3:GetObject'],
          sources.map((source) => `${source}/*`),
        ),
        allow(['s3:PutObject', 's3:AbortMultipartUpload'], [buckets.backfill.arnForObjects('in/*')]),
        ...opens(keys.data, 's3', 'dynamodb'),
        allow(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], [studies.tableArn], {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['BACKFILL#*'] },
        }),
        allow(['dynamodb:Query'], [studies.indexArn('tenantTime')]),
      ],
    });
  }
}
