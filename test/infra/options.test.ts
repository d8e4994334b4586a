import { describe, expect, test } from 'vitest';
import { build, get, json, type Statement } from './support.ts';

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
    expect(build('prod', 'lambda-cpu').of('AWS::CloudTrail::Trail')).toHaveLength(1);
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
