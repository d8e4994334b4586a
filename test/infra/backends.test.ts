import { describe, expect, test } from 'vitest';
import { type Built, build, get, json, listed, type Statement } from './support.ts';

describe('ecs-gpu', () => {
  const app = build('prod', 'ecs-gpu');
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

  /** The expression of a scaling rule; a metric that it fills is taken for 0 or 1 where there is none. */
  const ruleOf = (rule: string): string => {
    const alarm = app.of('AWS::CloudWatch::Alarm').find(({ id }) => id.startsWith(`GpuScaling${rule}`));
    const metrics = get(alarm, 'Metrics') as Array<{ Expression?: string }>;
    return metrics.find(({ Expression }) => Expression !== undefined)?.Expression ?? '';
  };

  test.each([
    ['More', 'uploads'],
    ['ForBackfill', 'backfill'],
  ])('the rule %s wakes it by one queue, while the other sleeps without metrics and no task has any', (rule, queue) => {
    const needed = ruleOf(rule).replaceAll(/FILL\(\w+, [01]\)/g, '');
    expect([...new Set(needed.match(/[a-z]\w*/g))]).toEqual([queue]);
  });

  test('backlog a task adds to it; a backfill asks for one task and no second one', () => {
    expect(ruleOf('More')).toMatch(/^uploads \/ IF\(/);
    expect(ruleOf('ForBackfill')).toBe('IF(backfill > 0 AND FILL(running, 0) < 1, 1, 0)');
  });

  test('Auto Scaling may start instances whose disks our key encrypts', () => {
    const data = app.of('AWS::KMS::Key').find(({ id }) => id.includes('Data'));
    const statement = (get(data, 'KeyPolicy', 'Statement') as Statement[]).find(
      ({ Sid }) => Sid === 'DisksOfGpuInstances',
    );
    expect(listed(statement?.Action)).toContain('kms:CreateGrant');
    expect(statement?.Condition?.ArnEquals?.['aws:PrincipalArn']).toBeDefined();
    expect(statement?.Condition?.StringEquals?.['kms:ViaService']).toBe('ec2.eu-central-1.amazonaws.com');
  });

  test('tasks reach AWS by endpoints alone, and S3 and DynamoDB of this account alone', () => {
    const endpoints = app.of('AWS::EC2::VPCEndpoint');
    expect(endpoints.filter((one) => get(one, 'VpcEndpointType') === 'Interface')).toHaveLength(10);
    const gateways = endpoints.filter((one) => get(one, 'VpcEndpointType') === 'Gateway');
    expect(gateways).toHaveLength(2);
    for (const gateway of gateways) expect(json(get(gateway, 'PolicyDocument'))).toContain('aws:ResourceAccount');
    const service = get(app.of('AWS::ECS::Service')[0], 'NetworkConfiguration', 'AwsvpcConfiguration') as object;
    expect(service).toMatchObject({ AssignPublicIp: 'DISABLED' });
    expect(app.of('AWS::EC2::FlowLog')).toHaveLength(1);
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
  const app = build('prod', 'sagemaker-async');

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
      .filter(
        (alarm) => get(alarm, 'MetricName') === 'HasBacklogWithoutCapacity' && get(alarm, 'EvaluationPeriods') === 1,
      );
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

  test('a request is asked for in the name of its run, waits six hours, and is looked for by the sweep after that', () => {
    const variables = (name: string) =>
      get(
        app.of('AWS::Lambda::Function').find((fn) => get(fn, 'FunctionName') === `discflow-prod-${name}`),
        'Environment',
        'Variables',
      ) as Record<string, string>;
    expect(variables('submit').DISCFLOW_REQUEST_TTL_SECONDS).toBe('21600');
    expect(Number(variables('sweep').DISCFLOW_REQUEST_LOST_AFTER_SECONDS)).toBeGreaterThan(21_600);
  });

  test('what the endpoints log is encrypted and expires', () => {
    const names = app.of('AWS::Logs::LogGroup').map((logs) => get(logs, 'LogGroupName'));
    for (const name of ['analyze', 'analyze-backfill'])
      expect(names).toContain(`/aws/sagemaker/Endpoints/discflow-prod-${name}`);
  });
});
