import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ANALYZE_BACKENDS } from '../../infra/config.ts';
import { STUDIES_TABLE } from '../../src/contracts/table.ts';
import { type Built, build, listed, type PlacedResource, type Statement } from './support.ts';

const built = Object.fromEntries(ANALYZE_BACKENDS.map((backend) => [backend, build('prod', backend)])) as Record<
  (typeof ANALYZE_BACKENDS)[number],
  Built
>;
const everywhere = ANALYZE_BACKENDS.map((backend) => [backend, built[backend]] as const);
const json = (value: unknown): string => JSON.stringify(value);
const get = (resource: PlacedResource | undefined, ...path: Array<string | number>): unknown =>
  path.reduce<unknown>(
    (value, key) => (value as Record<string | number, unknown> | undefined)?.[key],
    resource?.Properties,
  );
const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
const anchors = new Set(
  [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  ),
);

describe.each(everywhere)('%s', (backend, app) => {
  test('every queue is encrypted with our key, refuses plain HTTP, and the working ones have dead letters', () => {
    const policies = json(app.of('AWS::SQS::QueuePolicy'));
    for (const queue of app.of('AWS::SQS::Queue')) {
      expect(get(queue, 'KmsMasterKeyId'), queue.id).toBeDefined();
      expect(policies, queue.id).toContain(queue.id);
      if (!String(get(queue, 'QueueName')).endsWith('dead-letters'))
        expect(get(queue, 'RedrivePolicy', 'maxReceiveCount'), queue.id).toBeGreaterThanOrEqual(5);
    }
    expect(policies).toContain('"aws:SecureTransport":"false"');
  });

  test('a queue hides a message for at least six timeouts of the function that reads it, and hands out no more than it may', () => {
    const queues = new Map(app.of('AWS::SQS::Queue').map((queue) => [queue.id, queue]));
    const functions = app.of('AWS::Lambda::Function');
    const mappings = app.of('AWS::Lambda::EventSourceMapping');
    expect(mappings.length).toBeGreaterThanOrEqual(4);
    for (const mapping of mappings) {
      const queueId = [...queues.keys()].find((id) => json(get(mapping, 'EventSourceArn')).includes(id));
      const reader = functions.find(
        ({ id, stack }) => stack === mapping.stack && json(get(mapping, 'FunctionName')).includes(id),
      );
      const hidden = Number(get(queues.get(queueId ?? ''), 'VisibilityTimeout'));
      expect(hidden, mapping.id).toBeGreaterThanOrEqual(6 * Number(get(reader, 'Timeout')));
      expect(get(mapping, 'FunctionResponseTypes'), mapping.id).toEqual(['ReportBatchItemFailures']);
      expect(Number(get(mapping, 'ScalingConfig', 'MaximumConcurrency')), mapping.id).toBeLessThanOrEqual(
        Number(get(reader, 'ReservedConcurrentExecutions')),
      );
    }
  });

  test('backfill has queues of its own at every hop, and only its own functions feed them', () => {
    const names = app.of('AWS::SQS::Queue').map((queue) => String(get(queue, 'QueueName')));
    for (const hop of ['ingest', 'detect', 'analyze']) expect(names).toContain(`discflow-prod-backfill-${hop}`);
    const [ingest, backfill] = ['ingest', 'backfill-ingest'].map((name) =>
      app.of('AWS::Lambda::Function').find((fn) => get(fn, 'FunctionName') === `discflow-prod-${name}`),
    );
    const next = (fn: PlacedResource | undefined) =>
      json(get(fn, 'Environment', 'Variables', 'DISCFLOW_DETECT_QUEUE_URL'));
    expect(next(backfill)).toContain('BackfillDetect');
    expect(next(ingest)).not.toContain('Backfill');
  });

  test('buckets block public access, keep versions, refuse plain HTTP and expire what must expire', () => {
    const buckets = app.of('AWS::S3::Bucket');
    expect(buckets).toHaveLength(4);
    for (const bucket of buckets) {
      expect(get(bucket, 'PublicAccessBlockConfiguration'), bucket.id).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(get(bucket, 'VersioningConfiguration', 'Status'), bucket.id).toBe('Enabled');
      expect(get(bucket, 'LifecycleConfiguration', 'Rules', 0), bucket.id).toBeDefined();
      const algorithm = get(
        bucket,
        'BucketEncryption',
        'ServerSideEncryptionConfiguration',
        0,
        'ServerSideEncryptionByDefault',
        'SSEAlgorithm',
      );
      expect(algorithm, bucket.id).toBe(bucket.id.includes('AccessLogs') ? 'AES256' : 'aws:kms');
      if (!bucket.id.includes('AccessLogs'))
        expect(get(bucket, 'LoggingConfiguration', 'DestinationBucketName'), bucket.id).toBeDefined();
    }
    const policies = app.of('AWS::S3::BucketPolicy');
    expect(policies).toHaveLength(4);
    for (const policy of policies)
      expect(json(policy.Properties), policy.id).toContain('"aws:SecureTransport":"false"');
  });

  test('uploads notify ingest of whole uploads alone: in/ and nothing else', () => {
    const uploads = app.of('AWS::S3::Bucket').find(({ id }) => id.includes('Uploads'));
    const configurations = get(uploads, 'NotificationConfiguration', 'QueueConfigurations') as unknown[];
    expect(configurations).toHaveLength(1);
    expect(json(configurations)).toContain('{"Name":"prefix","Value":"in/"}');
    const allowed = json(app.of('AWS::SQS::QueuePolicy'));
    expect(allowed).toContain('discflow-prod-uploads-000000000000-eu-central-1');
  });

  test('the table is on demand, encrypted with our key, restorable, protected, and has the indexes of the contract', () => {
    const [table] = app.of('AWS::DynamoDB::GlobalTable');
    expect(get(table, 'BillingMode')).toBe('PAY_PER_REQUEST');
    expect(get(table, 'SSESpecification', 'SSEType')).toBe('KMS');
    expect(get(table, 'Replicas', 0, 'PointInTimeRecoverySpecification', 'PointInTimeRecoveryEnabled')).toBe(true);
    expect(get(table, 'Replicas', 0, 'DeletionProtectionEnabled')).toBe(true);
    const indexes = (
      get(table, 'GlobalSecondaryIndexes') as Array<{ IndexName: string; KeySchema: Array<{ AttributeName: string }> }>
    ).map(({ IndexName, KeySchema }) => [IndexName, ...KeySchema.map(({ AttributeName }) => AttributeName)]);
    expect(indexes).toEqual(
      Object.values(STUDIES_TABLE.indexes).map(({ name, partitionKey, sortKey }) => [name, partitionKey, sortKey]),
    );
  });

  test('production keeps buckets, table, keys and secrets when their stack is deleted', () => {
    for (const type of [
      'AWS::S3::Bucket',
      'AWS::DynamoDB::GlobalTable',
      'AWS::KMS::Key',
      'AWS::SecretsManager::Secret',
    ])
      for (const resource of app.of(type))
        expect([resource.id, resource.DeletionPolicy, resource.UpdateReplacePolicy]).toEqual([
          resource.id,
          'Retain',
          'Retain',
        ]);
  });

  test('keys rotate every year', () => {
    const keys = app.of('AWS::KMS::Key');
    expect(keys).toHaveLength(3);
    for (const key of keys) expect(get(key, 'EnableKeyRotation'), key.id).toBe(true);
  });

  test('log groups are encrypted and expire', () => {
    for (const logs of app.of('AWS::Logs::LogGroup')) {
      expect(get(logs, 'KmsKeyId'), logs.id).toBeDefined();
      expect(get(logs, 'RetentionInDays'), logs.id).toBe(365);
    }
  });

  test('functions run on a current Node, traced, with reserved concurrency, and native ones on x86_64', () => {
    for (const fn of app.of('AWS::Lambda::Function')) {
      expect(Number(/^nodejs(\d+)\.x$/.exec(String(get(fn, 'Runtime')))?.[1]), fn.id).toBeGreaterThanOrEqual(22);
      expect(get(fn, 'TracingConfig', 'Mode'), fn.id).toBe('Active');
      expect(get(fn, 'ReservedConcurrentExecutions'), fn.id).toBeGreaterThan(0);
      const native = get(fn, 'Layers') !== undefined;
      expect(get(fn, 'Architectures'), fn.id).toEqual([native ? 'x86_64' : 'arm64']);
    }
  });

  test('every alarm that calls somebody says its impact and links to an article that is there', () => {
    const calling = app
      .of('AWS::CloudWatch::Alarm')
      .filter((alarm) => !String(get(alarm, 'AlarmDescription')).startsWith('Scales'));
    expect(calling.length).toBeGreaterThanOrEqual(15);
    for (const alarm of calling) {
      const description = String(get(alarm, 'AlarmDescription'));
      const [, anchor = ''] = /^Impact: .+ Runbook: \S+#([a-z-]+)$/.exec(description) ?? [];
      expect([...anchors], alarm.id).toContain(anchor);
      expect(listed(get(alarm, 'AlarmActions')), alarm.id).toHaveLength(1);
    }
  });

  test('every stack is tagged', () => {
    for (const key of app.of('AWS::KMS::Key')) expect(json(get(key, 'Tags'))).toContain('"Value":"discflow"');
  });

  test('the API has no route without an authoriser, is throttled and logs without paths', () => {
    const routes = app.of('AWS::ApiGatewayV2::Route');
    expect(routes).toHaveLength(6);
    for (const route of routes) expect(get(route, 'AuthorizationType'), route.id).toBe('AWS_IAM');
    const [stage] = app.of('AWS::ApiGatewayV2::Stage');
    expect(get(stage, 'DefaultRouteSettings', 'ThrottlingRateLimit')).toBeGreaterThan(0);
    expect(get(stage, 'AccessLogSettings', 'Format')).not.toContain('$context.path');
  });

  test('a sweep runs every ten minutes, with dead letters', () => {
    const [schedule] = app.of('AWS::Scheduler::Schedule');
    expect(get(schedule, 'ScheduleExpression')).toBe('rate(10 minutes)');
    expect(get(schedule, 'Target', 'DeadLetterConfig', 'Arn')).toBeDefined();
  });

  test('the backfill is a distributed map over a prefix, an inventory or a list', () => {
    const [machine] = app.of('AWS::StepFunctions::StateMachine');
    const definition = json(get(machine, 'Definition'));
    for (const part of ['"Mode":"DISTRIBUTED"', 's3:listObjectsV2', '"InputType":"MANIFEST"', '"InputType":"JSON"'])
      expect(definition).toContain(part);
  });

  test(backend === 'lambda-cpu' ? 'there is no VPC' : 'no subnet has a route to the internet', () => {
    expect(app.of('AWS::EC2::InternetGateway')).toEqual([]);
    expect(app.of('AWS::EC2::NatGateway')).toEqual([]);
    expect(app.of('AWS::EC2::Route')).toEqual([]);
    expect(app.of('AWS::EC2::VPC')).toHaveLength(backend === 'lambda-cpu' ? 0 : 1);
    for (const subnet of app.of('AWS::EC2::Subnet')) expect(get(subnet, 'MapPublicIpOnLaunch'), subnet.id).toBe(false);
  });

  test('no message of a lane reaches the analyze of another backend', () => {
    expect(app.of('AWS::ECS::Service')).toHaveLength(backend === 'ecs-gpu' ? 1 : 0);
    expect(app.of('AWS::SageMaker::Endpoint')).toHaveLength(backend === 'sagemaker-async' ? 2 : 0);
    const onCpu = app.of('AWS::Lambda::Function').filter((fn) => get(fn, 'FunctionName') === 'discflow-prod-analyze');
    expect(onCpu).toHaveLength(backend === 'lambda-cpu' ? 1 : 0);
  });
});

describe('ecs-gpu', () => {
  const app = built['ecs-gpu'];
  const [task] = app.of('AWS::ECS::TaskDefinition');
  const container = (key: string) => get(task, 'ContainerDefinitions', 0, key);

  test('the task has one GPU, no root, no writable root file system, and time to hand its messages back', () => {
    expect(container('ResourceRequirements')).toEqual([{ Type: 'GPU', Value: '1' }]);
    expect(container('User')).toBe('10001:10001');
    expect(container('ReadonlyRootFilesystem')).toBe(true);
    expect(container('Privileged')).toBe(false);
    expect(Number(container('StopTimeout'))).toBeGreaterThanOrEqual(15);
    expect(json(container('LinuxParameters'))).toContain('"ContainerPath":"/tmp"');
  });

  test('the service starts with no task and scales between none and the maximum', () => {
    const [service] = app.of('AWS::ECS::Service');
    expect(get(service, 'DesiredCount')).toBe(0);
    const [target] = app.of('AWS::ApplicationAutoScaling::ScalableTarget');
    expect([get(target, 'MinCapacity'), get(target, 'MaxCapacity')]).toEqual([0, 8]);
    const policies = app.of('AWS::ApplicationAutoScaling::ScalingPolicy').map(
      (policy) =>
        get(policy, 'StepScalingPolicyConfiguration') as {
          AdjustmentType: string;
          StepAdjustments: Array<{ ScalingAdjustment: number }>;
        },
    );
    expect(
      policies.some(
        ({ AdjustmentType, StepAdjustments }) =>
          AdjustmentType === 'ExactCapacity' && StepAdjustments[0]?.ScalingAdjustment === 0,
      ),
    ).toBe(true);
    expect(
      policies.some(
        ({ AdjustmentType, StepAdjustments }) =>
          AdjustmentType === 'ChangeInCapacity' && (StepAdjustments[0]?.ScalingAdjustment ?? 0) > 0,
      ),
    ).toBe(true);
  });

  test('instances have IMDSv2, no public address and encrypted disks, from none', () => {
    const [template] = app.of('AWS::EC2::LaunchTemplate');
    expect(get(template, 'LaunchTemplateData', 'MetadataOptions', 'HttpTokens')).toBe('required');
    expect(json(get(template, 'LaunchTemplateData', 'NetworkInterfaces'))).not.toContain(
      '"AssociatePublicIpAddress":true',
    );
    expect(get(template, 'LaunchTemplateData', 'BlockDeviceMappings', 0, 'Ebs', 'Encrypted')).toBe(true);
    const [group] = app.of('AWS::AutoScaling::AutoScalingGroup');
    expect(get(group, 'MinSize')).toBe('0');
  });

  test('spot is a choice: dev buys it, with draining on its notices', () => {
    const dev = build('dev', 'ecs-gpu');
    const market = (one: Built) =>
      json(get(one.of('AWS::EC2::LaunchTemplate')[0], 'LaunchTemplateData', 'InstanceMarketOptions'));
    expect(market(dev)).toContain('spot');
    expect(market(app)).toBeUndefined();
    expect(json(dev.of('AWS::EC2::LaunchTemplate')) + json(dev.of('AWS::AutoScaling::LaunchConfiguration'))).toContain(
      'ECS_ENABLE_SPOT_INSTANCE_DRAINING=true',
    );
  });
});

describe('sagemaker-async', () => {
  const app = built['sagemaker-async'];

  test('both endpoints are asynchronous, report success and failure, and wake from zero', () => {
    for (const config of app.of('AWS::SageMaker::EndpointConfig')) {
      const notification = get(config, 'AsyncInferenceConfig', 'OutputConfig', 'NotificationConfig') as Record<
        string,
        unknown
      >;
      expect(notification.SuccessTopic).toBeDefined();
      expect(notification.ErrorTopic).toBeDefined();
    }
    const waking = app
      .of('AWS::CloudWatch::Alarm')
      .filter((alarm) => get(alarm, 'MetricName') === 'HasBacklogWithoutCapacity');
    expect(waking).toHaveLength(2);
    for (const target of app.of('AWS::ApplicationAutoScaling::ScalableTarget'))
      expect(get(target, 'MinCapacity')).toBe(0);
  });

  test('the model runs in isolated subnets', () => {
    const [model] = app.of('AWS::SageMaker::Model');
    expect(listed(get(model, 'VpcConfig', 'Subnets'))).toHaveLength(2);
  });

  test('what the endpoints report reaches a function, with dead letters', () => {
    const subscriptions = app.of('AWS::SNS::Subscription');
    expect(subscriptions).toHaveLength(2);
    for (const subscription of subscriptions)
      expect(get(subscription, 'RedrivePolicy', 'deadLetterTargetArn')).toBeDefined();
  });
});

describe('options', () => {
  test('the malware gate: ingest hears of clean objects alone, and nobody else may read one before', () => {
    const gated = build('prod', 'lambda-cpu', { malwareGate: true });
    const uploads = gated.of('AWS::S3::Bucket').find(({ id }) => id.includes('Uploads'));
    expect(get(uploads, 'NotificationConfiguration', 'QueueConfigurations')).toBeUndefined();
    const rule = gated.of('AWS::Events::Rule').find((one) => json(one.Properties).includes('NO_THREATS_FOUND'));
    expect(rule).toBeDefined();
    const statements = gated
      .of('AWS::S3::BucketPolicy')
      .flatMap((policy) => (policy.Properties.PolicyDocument as { Statement: Statement[] }).Statement);
    expect(json(statements.find(({ Sid }) => Sid === 'ReadOnlyWhatWasScanned'))).toContain(
      '"s3:ExistingObjectTag/GuardDutyMalwareScanStatus":"NO_THREATS_FOUND"',
    );
    expect(gated.of('AWS::GuardDuty::MalwareProtectionPlan')).toHaveLength(1);
  });

  test('data events of uploads and results go to CloudTrail where asked for', () => {
    expect(built['ecs-gpu'].of('AWS::CloudTrail::Trail')).toHaveLength(1);
    expect(build('dev', 'lambda-cpu').of('AWS::CloudTrail::Trail')).toHaveLength(0);
  });

  test('a permissions boundary stands on every role, and the qualifier in the assets', () => {
    const bounded = build('prod', 'lambda-cpu', { permissionsBoundary: 'site-boundary', qualifier: 'site1' });
    for (const role of bounded.of('AWS::IAM::Role'))
      expect(json(get(role, 'PermissionsBoundary')), role.id).toContain('policy/site-boundary');
    expect(json(bounded.of('AWS::Lambda::Function'))).toContain('cdk-site1-assets');
  });

  test('tokens: every route asks for a JWT of the issuer', () => {
    const tokens = build('prod', 'lambda-cpu', {
      auth: { kind: 'jwt', issuer: 'https://login.example.org', audience: ['discflow'] },
    });
    for (const route of tokens.of('AWS::ApiGatewayV2::Route'))
      expect(get(route, 'AuthorizationType'), route.id).toBe('JWT');
    expect(get(tokens.of('AWS::ApiGatewayV2::Authorizer')[0], 'JwtConfiguration', 'Issuer')).toBe(
      'https://login.example.org',
    );
  });

  test('webhooks: announcements of that tenant alone reach the sender, which reads its key alone', () => {
    const hooked = build('prod', 'lambda-cpu', {
      tenants: ['north', 'south'],
      webhooks: [{ tenant: 'north', url: 'https://north.example.org/hook' }],
    });
    const rule = hooked.of('AWS::Events::Rule').find((one) => one.stack === 'Events');
    expect(get(rule, 'EventPattern', 'detail', 'tenant')).toEqual(['north']);
    expect(
      hooked.of('AWS::SecretsManager::Secret').filter((secret) => String(get(secret, 'Name')).endsWith('webhook-key')),
    ).toHaveLength(1);
  });

  test('an existing VPC, keys and buckets are used instead of new ones', () => {
    const arn = (resource: string) => `arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-0000-0000-${resource}`;
    const imported = build('prod', 'ecs-gpu', {
      cloudTrailDataEvents: false,
      existing: {
        vpc: {
          vpcId: 'vpc-0123456789abcdef0',
          availabilityZones: ['eu-central-1a', 'eu-central-1b'],
          isolatedSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
          endpointSecurityGroupId: 'sg-0123456789abcdef0',
        },
        dataKeyArn: arn('0000000000da'),
        messageKeyArn: arn('0000000000ae'),
        logKeyArn: arn('000000000010'),
        uploadsBucketArn: 'arn:aws:s3:::site-uploads',
        dataBucketArn: 'arn:aws:s3:::site-data',
        accessLogsBucketArn: 'arn:aws:s3:::site-logs',
      },
    });
    expect(imported.of('AWS::EC2::VPC')).toEqual([]);
    expect(imported.of('AWS::KMS::Key')).toEqual([]);
    expect(
      imported
        .of('AWS::S3::Bucket')
        .map(({ id }) => id)
        .filter((id) => !id.includes('Backfill')),
    ).toEqual([]);
  });
});
