import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AnyPrincipal, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';

/** Customer-managed keys by what they protect, rotated every year; each can be an existing one. */
export class Keys extends Construct {
  /** Buckets, the table and tenants' secrets. */
  readonly data: IKey;
  /** Queues, topics and the event bus. */
  readonly messages: IKey;
  /** Log groups. */
  readonly logs: IKey;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id);
    const { dataKeyArn, messageKeyArn, logKeyArn } = config.existing;
    this.data = dataKeyArn === undefined ? this.#dataKey(config) : Key.fromKeyArn(this, 'Data', dataKeyArn);
    this.messages =
      messageKeyArn === undefined ? this.#messageKey(config) : Key.fromKeyArn(this, 'Messages', messageKeyArn);
    this.logs = logKeyArn === undefined ? this.#logKey(config) : Key.fromKeyArn(this, 'Logs', logKeyArn);
  }

  #key(id: string, config: Config): Key {
    return new Key(this, id, {
      description: `discflow ${config.stage}: ${id.toLowerCase()}`,
      enableKeyRotation: true,
      rotationPeriod: Duration.days(365),
      pendingWindow: Duration.days(30),
      removalPolicy: config.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }

  /**
   * EC2 Auto Scaling starts instances with encrypted disks as its own service-linked role, which no policy of the account
   * gives a key: without this statement no GPU worker ever starts. Source: EC2 Auto Scaling User Guide, "Required AWS KMS
   * key policy for use with encrypted volumes".
   */
  #dataKey(config: Config): Key {
    const key = this.#key('Data', config);
    if (config.analyze.backend !== 'ecs-gpu') return key;
    const { account, region, partition } = Stack.of(this);
    const role = `arn:${partition}:iam::${account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`;
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'DisksOfGpuInstances',
        principals: [new AnyPrincipal()],
        actions: [
          'kms:Encrypt',
          'kms:Decrypt',
          'kms:ReEncryptFrom',
          'kms:ReEncryptTo',
          'kms:GenerateDataKey',
          'kms:GenerateDataKeyWithoutPlaintext',
          'kms:DescribeKey',
          'kms:CreateGrant',
        ],
        resources: ['*'],
        conditions: {
          StringEquals: { 'kms:CallerAccount': account, 'kms:ViaService': `ec2.${region}.amazonaws.com` },
          ArnEquals: { 'aws:PrincipalArn': role },
        },
      }),
    );
    return key;
  }

  /** Services that put messages on our encrypted queues and topics, for resources of this account alone. */
  #messageKey(config: Config): Key {
    const key = this.#key('Messages', config);
    const services = ['s3', 'events', 'cloudwatch', 'sns', 'budgets', 'sagemaker'];
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'ServicesOfThisAccount',
        principals: services.map((service) => new ServicePrincipal(`${service}.amazonaws.com`)),
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    // EventBridge User Guide, "Authorizing EventBridge to use a customer managed key": it looks whether the key is symmetric.
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'EventBusLooksAtItsKey',
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['kms:DescribeKey'],
        resources: ['*'],
      }),
    );
    return key;
  }

  /** Source: CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS KMS". */
  #logKey(config: Config): Key {
    const { account, region, partition } = Stack.of(this);
    const key = this.#key('Logs', config);
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'LogGroupsOfThisAccount',
        principals: [new ServicePrincipal(`logs.${region}.amazonaws.com`)],
        actions: [
          'kms:Encrypt',
          'kms:Decrypt',
          'kms:ReEncryptFrom',
          'kms:ReEncryptTo',
          'kms:GenerateDataKey',
          'kms:DescribeKey',
        ],
        resources: ['*'],
        conditions: {
          ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:${partition}:logs:${region}:${account}:log-group:*` },
        },
      }),
    );
    return key;
  }
}
