import { describe, expect, test } from 'vitest';
import { ANALYZE_BACKENDS } from '../../infra/config.ts';
import { type Built, build, get, listed, roleStatements, type Statement } from './support.ts';

/** Actions for which AWS offers no resource, or none that exists before the call; each with its reason. */
const ANY_RESOURCE: Record<string, string> = {
  'xray:PutTraceSegments': 'X-Ray has no resources',
  'xray:PutTelemetryRecords': 'X-Ray has no resources',
  'xray:GetSamplingRules': 'X-Ray has no resources',
  'xray:GetSamplingTargets': 'X-Ray has no resources',
  'ec2:CreateNetworkInterface': 'the interface does not exist yet',
  'ec2:CreateNetworkInterfacePermission': 'the interface does not exist yet',
  'ec2:DeleteNetworkInterface': 'its id is made at run time',
  'ec2:DeleteNetworkInterfacePermission': 'its id is made at run time',
  'ec2:AssignPrivateIpAddresses': 'the interface id is made at run time',
  'ec2:UnassignPrivateIpAddresses': 'the interface id is made at run time',
  'ec2:DescribeNetworkInterfaces': 'Describe calls take no resource',
  'ec2:DescribeSubnets': 'Describe calls take no resource',
  'ec2:DescribeVpcs': 'Describe calls take no resource',
  'ec2:DescribeDhcpOptions': 'Describe calls take no resource',
  'ec2:DescribeSecurityGroups': 'Describe calls take no resource',
  'ecr:GetAuthorizationToken': 'a token is for the registry',
  'ecs:DiscoverPollEndpoint': 'asked before the instance has joined a cluster',
  'ecs:Poll': 'the instance id is made at run time; held to the cluster by condition',
  'ecs:StartTelemetrySession': 'the instance id is made at run time; held to the cluster by condition',
  'ecs:UpdateContainerInstancesState': 'the instance id is made at run time; held to the cluster by condition',
  'ecs:PutSystemLogEvents': 'the instance id is made at run time; held to the cluster by condition',
  'cloudwatch:PutMetricData': 'metrics have no resource; held to a namespace by condition',
  'logs:CreateLogDelivery': 'log delivery has no resource',
  'logs:GetLogDelivery': 'log delivery has no resource',
  'logs:UpdateLogDelivery': 'log delivery has no resource',
  'logs:DeleteLogDelivery': 'log delivery has no resource',
  'logs:ListLogDeliveries': 'log delivery has no resource',
  'logs:PutResourcePolicy': 'resource policies have no resource',
  'logs:DescribeResourcePolicies': 'resource policies have no resource',
  'logs:DescribeLogGroups': 'Describe calls take no resource',
};
const CONDITIONED = [
  'ecs:Poll',
  'ecs:StartTelemetrySession',
  'ecs:UpdateContainerInstancesState',
  'ecs:PutSystemLogEvents',
  'cloudwatch:PutMetricData',
];

const TENANT = ['$', '{aws:PrincipalTag/tenant}'].join('');
const text = (value: unknown): string => JSON.stringify(value);

describe.each(ANALYZE_BACKENDS)('backend %s', (backend) => {
  const built = build('prod', backend);
  const statements = roleStatements(built);

  test('no role may do an action with a wildcard', () => {
    const wild = statements.flatMap(({ policy, statement }) =>
      listed(statement.Action)
        .filter((action) => action.includes('*'))
        .map((action) => `${policy.id} ${action}`),
    );
    expect(wild).toEqual([]);
  });

  test('a statement on all resources holds only actions of the list, and its condition where one is promised', () => {
    for (const { policy, statement } of statements) {
      if (!listed(statement.Resource).includes('*')) continue;
      for (const action of listed(statement.Action)) {
        expect(Object.keys(ANY_RESOURCE), `${policy.id}: ${action}`).toContain(action);
        if (CONDITIONED.includes(action)) expect(statement.Condition, `${policy.id}: ${action}`).toBeDefined();
      }
    }
  });

  test('who reads the table may open it, and the data key serves nobody but through the services that hold data', () => {
    const opens = ({ Condition, Action }: Statement, service: string): boolean =>
      listed(Action).includes('kms:Decrypt') &&
      listed(Condition?.StringEquals?.['kms:ViaService'] as string[] | undefined).some((via) =>
        via.startsWith(service),
      );
    for (const { policy, statement } of statements) {
      const ofPolicy = statements.filter((other) => other.policy.id === policy.id).map((other) => other.statement);
      if (listed(statement.Action).some((action) => action.startsWith('dynamodb:')))
        expect(
          ofPolicy.some((other) => opens(other, 'dynamodb.')),
          policy.id,
        ).toBe(true);
      if (listed(statement.Action).some((action) => action.startsWith('kms:')) && text(statement).includes('KeysData'))
        expect(statement.Condition?.StringEquals?.['kms:ViaService'], policy.id).toBeDefined();
    }
  });

  test('whatever is traced may send its traces', () => {
    const traced = [...built.of('AWS::Lambda::Function'), ...built.of('AWS::StepFunctions::StateMachine')].filter(
      ({ Properties }) =>
        /"(Mode":"Active|Enabled":true)/.test(text(Properties.TracingConfig ?? Properties.TracingConfiguration ?? '')),
    );
    expect(traced.some(({ Type }) => Type === 'AWS::StepFunctions::StateMachine')).toBe(true);
    for (const one of traced) {
      const role = built
        .of('AWS::IAM::Role')
        .find(
          ({ id, stack }) => stack === one.stack && text(one.Properties.Role ?? one.Properties.RoleArn).includes(id),
        );
      const own = text(role?.Properties.ManagedPolicyArns ?? []).includes('Telemetry');
      const given = statements.some(
        ({ policy, statement }) =>
          policy.stack === one.stack &&
          text(policy.Properties.Roles).includes(role?.id ?? '-') &&
          listed(statement.Action).includes('xray:PutTraceSegments'),
      );
      expect(own || given, one.id).toBe(true);
    }
  });

  test('roles that AWS tells to hold to one account are taken by its services for this account alone', () => {
    const kept = ['states', 'scheduler', 'vpc-flow-logs'].map((service) => `${service}.amazonaws.com`);
    const trusted = built.of('AWS::IAM::Role').flatMap(({ id, Properties }) =>
      listed((Properties.AssumeRolePolicyDocument as { Statement: Statement[] }).Statement).map((statement) => ({
        id,
        statement,
      })),
    );
    const concerned = trusted.filter(
      ({ id, statement }) =>
        kept.some((service) => text(statement.Principal).includes(service)) || id.includes('TaskRole'),
    );
    expect(concerned).toHaveLength({ 'ecs-gpu': 4, 'sagemaker-async': 3, 'lambda-cpu': 2 }[backend]);
    for (const { id, statement } of concerned)
      expect(statement.Condition, id).toEqual({ StringEquals: { 'aws:SourceAccount': built.config.account } });
  });

  test('only functions in the VPC may make network interfaces', () => {
    const makers = built.of('AWS::IAM::Role').filter((role) => text(role.Properties).includes('Interfaces'));
    expect(makers.length > 0).toBe(backend !== 'lambda-cpu');
    const inside = built.of('AWS::Lambda::Function').filter((fn) => get(fn, 'VpcConfig') !== undefined);
    expect(makers).toHaveLength(inside.length);
  });

  test('no role carries an inline policy or a policy that AWS manages', () => {
    expect(built.of('AWS::IAM::Policy').map(({ id }) => id)).toEqual([]);
    for (const role of built.of('AWS::IAM::Role')) {
      expect(role.Properties.Policies, role.id).toBeUndefined();
      for (const arn of listed(role.Properties.ManagedPolicyArns))
        expect(text(arn), role.id).not.toContain('iam::aws:policy');
    }
  });
});

/** Faults in the policy of the role that acts for tenants: statements that reach S3 or DynamoDB beyond the tenant. */
function crossings(statements: readonly Statement[]): string[] {
  return statements.flatMap((statement) => {
    const actions = listed(statement.Action);
    const faults: string[] = [];
    if (actions.some((action) => action.startsWith('s3:')))
      for (const resource of listed(statement.Resource))
        if (!/(in\/|Arn"\},?"?\]?|\/)\$\{aws:PrincipalTag\/tenant\}\//.test(asText(resource).replaceAll('\\"', '"')))
          faults.push(`S3: ${asText(resource)}`);
    if (actions.some((action) => action.startsWith('dynamodb:'))) {
      const leading = listed(
        statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] as string[] | undefined,
      );
      if (leading.length === 0) faults.push('DynamoDB without leading keys');
      const own = [`UPLOAD#${TENANT}/*`, TENANT, `${TENANT}#*`];
      for (const key of leading) if (!own.includes(key)) faults.push(`DynamoDB: ${key}`);
      if (actions.some((action) => action !== 'dynamodb:Query')) faults.push(`DynamoDB: ${actions.join()}`);
    }
    return faults;
  });
}

function asText(resource: unknown): string {
  const join = (resource as { 'Fn::Join'?: [string, unknown[]] })['Fn::Join'];
  return join === undefined
    ? String(resource)
    : join[1].map((part) => (typeof part === 'string' ? part : '<ref>')).join(join[0]);
}

describe('the role that acts for a tenant', () => {
  const built: Built = build('prod', 'lambda-cpu', { tenants: ['north', 'south'] });
  const own = roleStatements(built).filter(({ policy }) => policy.stack === 'Api' && policy.id.startsWith('Tenant'));
  const statements = own.map(({ statement }) => statement);

  test('every S3 and DynamoDB statement names the tenant by principal tag', () => {
    expect(statements.length).toBeGreaterThanOrEqual(5);
    expect(crossings(statements)).toEqual([]);
  });

  test.each(statements.map((statement) => [statement.Sid ?? '', statement] as const).filter(([sid]) => sid !== 'Key'))(
    'the check fails when %s is widened',
    (_, statement) => {
      const widened = JSON.parse(text(statement).replaceAll(TENANT, '*')) as Statement;
      expect(crossings([widened])).not.toEqual([]);
      const { Condition: _condition, ...unconditioned } = statement;
      if (text(statement.Action).includes('dynamodb')) expect(crossings([unconditioned])).not.toEqual([]);
    },
  );

  test('only the API may take it, with one of the known tenants as its only tag', () => {
    const role = built.of('AWS::IAM::Role').find(({ Properties }) => Properties.RoleName === 'discflow-prod-tenant');
    const document = role?.Properties.AssumeRolePolicyDocument as { Statement: Statement[] } | undefined;
    const trust = document?.Statement[0];
    expect(trust?.Condition?.StringEquals).toEqual({ 'aws:RequestTag/tenant': ['north', 'south'] });
    expect(trust?.Condition?.['ForAllValues:StringEquals']).toEqual({ 'aws:TagKeys': ['tenant'] });
    expect(text(trust?.Principal)).toContain('FunctionRole');
  });

  test('the API itself reaches no bucket and no table', () => {
    const api = roleStatements(built).filter(
      ({ policy }) => policy.stack === 'Api' && policy.id.startsWith('Function'),
    );
    const actions = api.flatMap(({ statement }) => listed(statement.Action));
    expect(actions.filter((action) => /^(s3|dynamodb):/.test(action))).toEqual([]);
  });
});
