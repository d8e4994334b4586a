import { describe, expect, test } from 'vitest';
import { parseS3Record, s3RecordsOf } from '../../src/pipeline/s3-record.ts';
import { type Built, build, get, json, roleStatements, type Statement } from './support.ts';

interface ScanPattern {
  readonly detail: { scanResultDetails: { scanResultStatus: Array<string | { 'anything-but': string[] }> } };
}

/** What the rules of the malware gate send for the result of a scan, as EventBridge would transform it. */
function scanned(gated: Built, bucketName: string, objectKey: string, scanResultStatus: string): string[] {
  const s3ObjectDetails = { bucketName, objectKey, eTag: 'd41d8cd98f00b204e9800998ecf8427e', versionId: 'v1' };
  const event = { time: '2026-01-05T10:00:00Z', detail: { s3ObjectDetails, scanResultDetails: { scanResultStatus } } };
  const rules = gated.of('AWS::Events::Rule').filter((rule) => json(rule.Properties).includes('aws.guardduty'));
  const matching = rules.filter((rule) => {
    const { detail } = get(rule, 'EventPattern') as ScanPattern;
    return detail.scanResultDetails.scanResultStatus.some((one) =>
      typeof one === 'string' ? one === scanResultStatus : !one['anything-but'].includes(scanResultStatus),
    );
  });
  return matching.map((rule) => {
    const { InputPathsMap, InputTemplate } = get(rule, 'Targets', 0, 'InputTransformer') as {
      InputPathsMap: Record<string, string>;
      InputTemplate: string;
    };
    const at = (path: string) =>
      path
        .split('.')
        .slice(1)
        .reduce<unknown>((value, part) => (value as Record<string, unknown>)[part], event);
    return InputTemplate.replaceAll(/<(\w+)>/g, (_, variable: string) => json(at(InputPathsMap[variable] ?? '')));
  });
}

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

  test('the malware gate: each result of a scan reaches ingest as a record that it reads, or refuses with its reason', () => {
    const gated = build('prod', 'lambda-cpu', { malwareGate: true });
    const uploadsBucket = String(
      get(
        gated.of('AWS::S3::Bucket').find(({ id }) => id.includes('Uploads')),
        'BucketName',
      ),
    );
    const name = 'MR+lumbar 100%25.zip';
    const parsed = (status: string) =>
      scanned(gated, uploadsBucket, `in/demo/u1/${name}`, status).map((body) =>
        s3RecordsOf(body).map((record) => parseS3Record(record, { uploadsBucket, maxUploadBytes: 1000 })),
      );
    const object = { key: `in/demo/u1/${name}`, name, tenant: 'demo', versionId: 'v1', sequencer: null };
    expect(parsed('NO_THREATS_FOUND')).toMatchObject([[{ outcome: 'object', object }]]);
    expect(parsed('THREATS_FOUND')).toMatchObject([[{ outcome: 'refused', code: 'threat_found', object }]]);
    for (const status of ['UNSUPPORTED', 'ACCESS_DENIED', 'FAILED'])
      expect(parsed(status), status).toMatchObject([[{ outcome: 'refused', code: 'not_scanned', object }]]);
  });

  test('data events of every bucket that holds studies go to CloudTrail where asked for', () => {
    const [trail, ...others] = build('prod', 'lambda-cpu').of('AWS::CloudTrail::Trail');
    expect(others).toEqual([]);
    for (const bucket of ['uploads', 'backfill', 'data'])
      expect(json(get(trail, 'AdvancedEventSelectors'))).toContain(`discflow-prod-${bucket}-`);
    expect(build('dev', 'lambda-cpu').of('AWS::CloudTrail::Trail')).toHaveLength(0);
  });

  test('a permissions boundary stands on every role, and the qualifier in the assets', () => {
    const bounded = build('prod', 'lambda-cpu', { permissionsBoundary: 'site-boundary', qualifier: 'site1' });
    for (const role of bounded.of('AWS::IAM::Role'))
      expect(json(get(role, 'PermissionsBoundary')), role.id).toContain('policy/site-boundary');
    expect(json(bounded.of('AWS::Lambda::Function'))).toContain('cdk-site1-assets');
  });

  test.each([
    ['ecs-gpu', ':2026-11'],
    ['sagemaker-async', `@sha256:${'a'.repeat(64)}`],
  ] as const)('an image in the registry of another account may be pulled from there: %s', (backend, version) => {
    const imageUri = `111122223333.dkr.ecr.eu-central-1.amazonaws.com/teams/discflow${version}`;
    const built = build('prod', backend, { analyze: { backend, imageUri } });
    const pulls = roleStatements(built).filter(({ statement }) => json(statement.Action).includes('ecr:BatchGetImage'));
    expect(pulls.map(({ statement }) => statement.Resource)).toEqual([
      {
        'Fn::Join': [
          '',
          ['arn:', { Ref: 'AWS::Partition' }, ':ecr:eu-central-1:111122223333:repository/teams/discflow'],
        ],
      },
    ]);
    expect(json(built.resources.map(({ Properties }) => Properties))).toContain(json(imageUri));
  });

  test('a budget counts by the tag that resources have, where the site has a name of its own for the application', () => {
    const built = build('prod', 'lambda-cpu', { tags: { application: 'imaging' } });
    const [budget] = built.of('AWS::Budgets::Budget');
    expect(get(budget, 'Budget', 'CostFilters')).toEqual({ TagKeyValue: ['user:application$imaging'] });
    expect(json(get(built.of('AWS::DynamoDB::GlobalTable')[0], 'Replicas'))).toContain('"Value":"imaging"');
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
    const [ingress] = imported.of('AWS::EC2::SecurityGroupIngress');
    expect([get(ingress, 'GroupId'), get(ingress, 'ToPort')]).toEqual(['sg-0123456789abcdef0', 443]);
    expect(imported.of('AWS::KMS::Key')).toEqual([]);
    expect(
      imported
        .of('AWS::S3::Bucket')
        .map(({ id }) => id)
        .filter((id) => !id.includes('Backfill')),
    ).toEqual([]);
  });
});
