import { describe, expect, test } from 'vitest';
import { ANALYZE_BACKENDS } from '../../infra/config.ts';
import { deploy } from '../../infra/deployment.ts';
import { STUDIES_TABLE } from '../../src/contracts/table.ts';
import { appOf, build, get, json, type PlacedResource } from './support.ts';

const everywhere = ANALYZE_BACKENDS.map((backend) => [backend, build('prod', backend)] as const);
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

  test('ingest is deployed after the stages that need the pack that it names', () => {
    const { app: made, config } = appOf({ stage: 'prod', analyze: backend });
    const { ingest, detect, analyze } = deploy(made, config);
    expect(ingest.dependencies).toEqual(expect.arrayContaining([detect, analyze]));
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

  test('what takes tags says whose and of which stage it is', () => {
    const tagged = app.resources.filter(({ Properties }) => Array.isArray(Properties.Tags));
    expect(tagged.length).toBeGreaterThan(30);
    for (const resource of tagged) {
      expect(resource.Properties.Tags, resource.id).toContainEqual(
        expect.objectContaining({ Key: 'application', Value: 'discflow' }),
      );
      expect(resource.Properties.Tags, resource.id).toContainEqual(
        expect.objectContaining({ Key: 'stage', Value: 'prod' }),
      );
    }
  });

  test('topics are encrypted with our key and refuse plain HTTP', () => {
    const policies = json(app.of('AWS::SNS::TopicPolicy'));
    for (const topic of app.of('AWS::SNS::Topic')) {
      expect(get(topic, 'KmsMasterKeyId'), topic.id).toBeDefined();
      expect(policies, topic.id).toContain(topic.id);
    }
    expect(policies).toContain('"aws:SecureTransport":"false"');
  });

  test('bare TLS 1.0 and 1.1 are refused, and raw uploads expire', () => {
    for (const policy of app.of('AWS::S3::BucketPolicy'))
      expect(json(policy.Properties), policy.id).toContain('"s3:TlsVersion":1.2');
    const uploads = app.of('AWS::S3::Bucket').find(({ id }) => id.includes('Uploads'));
    expect(get(uploads, 'LifecycleConfiguration', 'Rules', 0, 'ExpirationInDays')).toBe(30);
  });

  test('each tenant has a pseudonym key of its own in Secrets Manager, under our key', () => {
    const secrets = app.of('AWS::SecretsManager::Secret');
    expect(secrets.map((secret) => get(secret, 'Name')).sort()).toEqual([
      'discflow/prod/tenants/demo/pseudonym-key',
      'discflow/prod/tenants/unassigned/pseudonym-key',
    ]);
    for (const secret of secrets) expect(get(secret, 'KmsKeyId'), secret.id).toBeDefined();
  });

  test('stages take their models from a layer and reserve what they may run at once', () => {
    const named = (name: string) =>
      app.of('AWS::Lambda::Function').find((fn) => get(fn, 'FunctionName') === `discflow-prod-${name}`);
    for (const name of ['ingest', 'detect']) {
      expect(json(get(named(name), 'Layers')), name).toContain('Models');
      expect(get(named(name), 'ReservedConcurrentExecutions'), name).toBe(20);
    }
  });

  test('the API has no route without an authoriser, is throttled and logs without paths', () => {
    const routes = app.of('AWS::ApiGatewayV2::Route');
    expect(routes).toHaveLength(6);
    for (const route of routes) expect(get(route, 'AuthorizationType'), route.id).toBe('AWS_IAM');
    const [stage] = app.of('AWS::ApiGatewayV2::Stage');
    expect(get(stage, 'DefaultRouteSettings', 'ThrottlingRateLimit')).toBeGreaterThan(0);
    expect(get(stage, 'AccessLogSettings', 'Format')).not.toContain('$context.path');
  });

  test('the API accepts no upload that either ingest would not read, nor one that its memory cannot hold', () => {
    const functions = ['api', 'ingest', 'backfill-ingest'].map((name) =>
      app.of('AWS::Lambda::Function').find((fn) => get(fn, 'FunctionName') === `discflow-prod-${name}`),
    );
    const limits = functions.map((fn) => get(fn, 'Environment', 'Variables', 'DISCFLOW_UPLOAD_MAX_BYTES'));
    expect(limits).toEqual(limits.map(() => String(768 * 1024 * 1024)));
    for (const ingest of functions.slice(1)) expect(get(ingest, 'MemorySize')).toBe(2048);
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
    expect(get(machine, 'Definition', 'States', 'Let them end', 'SecondsPath')).toBe('$.waitSeconds');
    for (const task of [
      get(machine, 'Definition', 'States', 'Count'),
      get(machine, 'Definition', 'States', 'Over prefix', 'ItemProcessor', 'States', 'Admit'),
    ])
      for (const passing of ['"TransientFault"', '"Sandbox.Timedout"', '"States.Timeout"'])
        expect(json(task)).toContain(passing);
    expect(get(machine, 'TracingConfiguration', 'Enabled')).toBe(true);
    expect(get(machine, 'LoggingConfiguration', 'IncludeExecutionData')).toBe(false);
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
