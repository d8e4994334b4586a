import { Stack } from 'aws-cdk-lib';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { type IManagedPolicy, ManagedPolicy, type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { CfnEndpoint, CfnEndpointConfig, CfnModel } from 'aws-cdk-lib/aws-sagemaker';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { INVOCATIONS_PREFIX } from '../../src/contracts/keys.ts';
import type { Config } from '../config.ts';
import { BacklogScaling, MINUTE } from './backlog-scaling.ts';
import { logGroup } from './logs.ts';
import { allow, type Placement } from './service-function.ts';
import { WorkerImage } from './worker-image.ts';

export const VARIANT = 'gpu';
/** A request that waits longer is given up, with a report on the failure topic; the sweep waits for it. */
export const REQUEST_TTL_SECONDS = 21_600;

export interface AsyncModelProps {
  readonly config: Config;
  readonly placement: Placement;
  readonly bucket: IBucket;
  readonly messageKey: IKey;
  readonly environment: Record<string, string>;
  readonly statements: PolicyStatement[];
  readonly stageData: IManagedPolicy;
}

/** The model that both endpoints run, and the topics on which they tell how an invocation ended. */
export class AsyncModel extends Construct {
  readonly model: CfnModel;
  readonly succeeded: Topic;
  readonly failed: Topic;
  readonly #policy: ManagedPolicy;

  constructor(scope: Construct, id: string, props: AsyncModelProps) {
    super(scope, id);
    const { config, placement, bucket, messageKey } = props;
    const image = new WorkerImage(this, 'Image', config);
    const topic = (name: string) => new Topic(this, name, { masterKey: messageKey, enforceSSL: true });
    this.succeeded = topic('Succeeded');
    this.failed = topic('Failed');
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('sagemaker.amazonaws.com'),
      managedPolicies: [props.stageData],
    });
    this.#policy = new ManagedPolicy(this, 'Policy', {
      roles: [role],
      statements: [
        ...image.pulls,
        ...props.statements,
        allow(['s3:GetObject', 's3:PutObject'], [bucket.arnForObjects(`${INVOCATIONS_PREFIX}/*`)]),
        allow(['sns:Publish'], [this.succeeded.topicArn, this.failed.topicArn]),
        allow(['kms:Decrypt', 'kms:GenerateDataKey'], [messageKey.keyArn]),
        ...this.#runtime(),
      ],
    });
    this.model = new CfnModel(this, 'Model', {
      executionRoleArn: role.roleArn,
      // The clients need a region: CDK tells it to the tasks of ECS, and SageMaker's guide promises its containers none.
      primaryContainer: {
        image: image.uri,
        environment: { AWS_REGION: Stack.of(this).region, ...props.environment },
      },
      vpcConfig: {
        subnets: placement.vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
        securityGroupIds: [placement.securityGroup.securityGroupId],
      },
    });
    this.model.node.addDependency(this.#policy);
  }

  /** Lets the model log into the group that an endpoint's name gives. */
  logsTo(group: LogGroup): void {
    this.#policy.addStatements(
      allow(['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'], [group.logGroupArn]),
    );
  }

  /** Metrics and network interfaces, as SageMaker asks of a model in a VPC. */
  #runtime(): PolicyStatement[] {
    return [
      allow(['cloudwatch:PutMetricData'], ['*'], {
        StringEquals: { 'cloudwatch:namespace': '/aws/sagemaker/Endpoints' },
      }),
      allow(
        [
          'ec2:CreateNetworkInterface',
          'ec2:CreateNetworkInterfacePermission',
          'ec2:DeleteNetworkInterface',
          'ec2:DeleteNetworkInterfacePermission',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeVpcs',
          'ec2:DescribeDhcpOptions',
          'ec2:DescribeSubnets',
          'ec2:DescribeSecurityGroups',
        ],
        ['*'],
      ),
    ];
  }
}

export const endpointLogGroup = (endpointName: string): string => `/aws/sagemaker/Endpoints/${endpointName}`;

export interface AsyncEndpointProps {
  readonly endpointName: string;
  readonly model: AsyncModel;
  readonly config: Config;
  readonly bucket: IBucket;
  readonly dataKey: IKey;
  readonly logKey: IKey;
  readonly maxInstances: number;
}

/** One asynchronous endpoint that scales to zero: a lane's own, so that a backfill's requests queue apart. */
export class AsyncEndpoint extends Construct {
  constructor(scope: Construct, id: string, props: AsyncEndpointProps) {
    super(scope, id);
    const { endpointName, model, config, bucket, dataKey } = props;
    const output = (kind: string) => `s3://${bucket.bucketName}/${INVOCATIONS_PREFIX}/${endpointName}/${kind}/`;
    const endpointConfig = new CfnEndpointConfig(this, 'Config', {
      productionVariants: [
        {
          variantName: VARIANT,
          modelName: model.model.attrModelName,
          instanceType: config.analyze.endpointInstanceType,
          initialInstanceCount: 1,
          initialVariantWeight: 1,
          containerStartupHealthCheckTimeoutInSeconds: 600,
        },
      ],
      asyncInferenceConfig: {
        clientConfig: { maxConcurrentInvocationsPerInstance: 4 },
        outputConfig: {
          s3OutputPath: output('succeeded'),
          s3FailurePath: output('failed'),
          kmsKeyId: dataKey.keyArn,
          notificationConfig: { successTopic: model.succeeded.topicArn, errorTopic: model.failed.topicArn },
        },
      },
    });
    const endpoint = new CfnEndpoint(this, 'Endpoint', {
      endpointName,
      endpointConfigName: endpointConfig.attrEndpointConfigName,
    });
    // The name that SageMaker writes to; made here first, so that it is encrypted and expires.
    const logs = logGroup(this, 'Logs', endpointLogGroup(endpointName), config, props.logKey);
    model.logsTo(logs);
    endpoint.node.addDependency(logs);
    this.#scale(endpoint, props);
  }

  /** Source: SageMaker Developer Guide, "Autoscale an asynchronous endpoint", with the step policy that wakes it from zero. */
  #scale(endpoint: CfnEndpoint, { endpointName, maxInstances }: AsyncEndpointProps): void {
    const scaling = new BacklogScaling(this, 'Scaling', {
      serviceNamespace: 'sagemaker',
      scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      resourceId: `endpoint/${endpointName}/variant/${VARIANT}`,
      maxCapacity: maxInstances,
    });
    scaling.target.addResourceDependency(endpoint);
    const metric = (metricName: string) =>
      new Metric({
        namespace: 'AWS/SageMaker',
        metricName,
        dimensionsMap: { EndpointName: endpointName },
        statistic: 'Maximum',
        period: MINUTE,
      });
    scaling.rule('FromZero', {
      metric: metric('HasBacklogWithoutCapacity'),
      comparison: 'at least',
      threshold: 1,
      minutes: 1,
      adjust: 'by',
      steps: [{ from: 0, capacity: 1 }],
      cooldownSeconds: 300,
    });
    scaling.rule('More', {
      metric: metric('ApproximateBacklogSizePerInstance'),
      comparison: 'at least',
      threshold: 60,
      minutes: 2,
      adjust: 'by',
      steps: [{ from: 0, capacity: 1 }],
      cooldownSeconds: 300,
    });
    scaling.rule('ToZero', {
      metric: new MathExpression({
        label: 'Requests waiting',
        expression: 'FILL(backlog, 0)',
        usingMetrics: { backlog: metric('ApproximateBacklogSize') },
        period: MINUTE,
      }),
      comparison: 'at most',
      threshold: 0,
      minutes: 15,
      adjust: 'to',
      steps: [{ from: 0, capacity: 0 }],
      cooldownSeconds: 60,
    });
  }
}
