import { Stack } from 'aws-cdk-lib';
import { CfnTrail } from 'aws-cdk-lib/aws-cloudtrail';
import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { names } from '../names.ts';
import type { Buckets } from './buckets.ts';
import type { Keys } from './keys.ts';
import { logGroup } from './logs.ts';
import { allow } from './service-function.ts';

/** Who read or wrote which study: CloudTrail data events of uploads, backfills and results, in the access-log bucket and in Logs. */
export class ObjectTrail extends Construct {
  constructor(
    scope: Construct,
    id: string,
    { config, keys, buckets }: { config: Config; keys: Keys; buckets: Buckets },
  ) {
    super(scope, id);
    const { account, region, partition } = Stack.of(this);
    const trailName = `${names(config).prefix}-objects`;
    const trailArn = `arn:${partition}:cloudtrail:${region}:${account}:trail/${trailName}`;
    const cloudTrail = new ServicePrincipal('cloudtrail.amazonaws.com');
    const { accessLogs } = buckets;
    const logs = logGroup(this, 'Logs', names(config).logGroup('object-trail'), config, keys.logs);
    const role = new Role(this, 'Role', { assumedBy: cloudTrail });
    const policy = new ManagedPolicy(this, 'Policy', {
      roles: [role],
      statements: [allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logs.logGroupArn])],
    });
    const source = { StringEquals: { 'aws:SourceArn': trailArn } };
    accessLogs.addToResourcePolicy(
      new PolicyStatement({
        sid: 'TrailAcl',
        principals: [cloudTrail],
        actions: ['s3:GetBucketAcl'],
        resources: [accessLogs.bucketArn],
        conditions: source,
      }),
    );
    const delivered = accessLogs.addToResourcePolicy(
      new PolicyStatement({
        sid: 'TrailWrite',
        principals: [cloudTrail],
        actions: ['s3:PutObject'],
        resources: [accessLogs.arnForObjects(`trail/AWSLogs/${account}/*`)],
        conditions: source,
      }),
    );
    keys.logs.addToResourcePolicy(
      new PolicyStatement({
        sid: 'Trail',
        principals: [cloudTrail],
        actions: ['kms:GenerateDataKey', 'kms:DescribeKey'],
        resources: ['*'],
        conditions: source,
      }),
    );
    const trail = new CfnTrail(this, 'Trail', {
      trailName,
      isLogging: true,
      enableLogFileValidation: true,
      includeGlobalServiceEvents: false,
      isMultiRegionTrail: false,
      s3BucketName: accessLogs.bucketName,
      s3KeyPrefix: 'trail',
      kmsKeyId: keys.logs.keyArn,
      cloudWatchLogsLogGroupArn: logs.logGroupArn,
      cloudWatchLogsRoleArn: role.roleArn,
      advancedEventSelectors: [
        {
          name: 'Objects of studies',
          fieldSelectors: [
            { field: 'eventCategory', equalTo: ['Data'] },
            { field: 'resources.type', equalTo: ['AWS::S3::Object'] },
            {
              field: 'resources.ARN',
              startsWith: [buckets.uploads, buckets.backfill, buckets.data].map((bucket) => bucket.arnForObjects('')),
            },
          ],
        },
      ],
    });
    trail.node.addDependency(policy);
    if (delivered.policyDependable !== undefined) trail.node.addDependency(delivered.policyDependable);
  }
}
