import { Duration, Size } from 'aws-cdk-lib';
import { AutoScalingGroup, GroupMetrics } from 'aws-cdk-lib/aws-autoscaling';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  InstanceType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  SpotRequestType,
  UserData,
} from 'aws-cdk-lib/aws-ec2';
import {
  AmiHardwareType,
  AsgCapacityProvider,
  AwsLogDriverMode,
  Cluster,
  ContainerInsights,
  Ec2Service,
  Ec2TaskDefinition,
  EcsOptimizedImage,
  type ICluster,
  LinuxParameters,
  LogDriver,
  NetworkMode,
  TmpfsMountOption,
} from 'aws-cdk-lib/aws-ecs';
import { type IManagedPolicy, ManagedPolicy, type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { conforms } from '../conforms.ts';
import { names, tasksOf } from '../names.ts';
import type { StageLanes } from '../stacks/queues.ts';
import { BacklogScaling, MINUTE } from './backlog-scaling.ts';
import type { Lane } from './lane.ts';
import { logGroup } from './logs.ts';
import { serviceForThisAccount } from './permissions.ts';
import { allow, type Placement } from './service-function.ts';
import { WorkerImage } from './worker-image.ts';

export interface GpuServiceProps {
  readonly config: Config;
  /** Of the workers. */
  readonly logs: LogGroup;
  readonly logKey: IKey;
  readonly volumeKey: IKey;
  readonly placement: Placement;
  readonly uploads: StageLanes;
  readonly backfill: StageLanes;
  readonly environment: Record<string, string>;
  readonly statements: PolicyStatement[];
  readonly stageData: IManagedPolicy;
}

/** Seconds between SIGTERM and SIGKILL: the worker makes what it cannot end visible again long before. */
const STOP_SECONDS = 30;

/**
 * One task a GPU instance, from none to `maxWorkers` by the backlog a task and back to none when nothing waits.
 * Spot notices and scale-in drain the instance: ECS sends SIGTERM and the worker hands its messages back.
 */
export class GpuService extends Construct {
  readonly cluster: Cluster;
  readonly service: Ec2Service;
  readonly taskRole: Role;

  constructor(scope: Construct, id: string, props: GpuServiceProps) {
    super(scope, id);
    const { config, placement } = props;
    this.cluster = new Cluster(this, 'Cluster', {
      clusterName: names(config).prefix,
      vpc: placement.vpc,
      containerInsightsV2: ContainerInsights.ENABLED,
    });
    // The name that Container Insights writes to; made here first, so that it is encrypted and expires.
    const insights = `/aws/ecs/containerinsights/${names(config).prefix}/performance`;
    this.cluster.node.addDependency(logGroup(this, 'Insights', insights, config, props.logKey));
    const capacity = this.#capacity(props);
    this.cluster.addAsgCapacityProvider(capacity);
    this.taskRole = this.#role('TaskRole', serviceForThisAccount(this, 'ecs-tasks'), props.statements, [
      props.stageData,
    ]);
    this.service = new Ec2Service(this, 'Service', {
      serviceName: names(config).worker,
      cluster: conforms<ICluster>(this.cluster),
      taskDefinition: this.#task(props),
      desiredCount: 0,
      minHealthyPercent: 0,
      maxHealthyPercent: 100,
      capacityProviderStrategies: [{ capacityProvider: capacity.capacityProviderName, weight: 1 }],
      vpcSubnets: placement.subnets,
      securityGroups: [placement.securityGroup],
      circuitBreaker: { rollback: true },
      enableECSManagedTags: true,
    });
    this.#scale(props);
  }

  #capacity({ config, placement, volumeKey }: GpuServiceProps): AsgCapacityProvider {
    const role = this.#role('InstanceRole', new ServicePrincipal('ec2.amazonaws.com'), this.#instanceStatements());
    const userData = UserData.forLinux();
    // On a spot notice the agent drains the instance; tasks reach no credentials but their own.
    userData.addCommands(
      ...['ECS_ENABLE_SPOT_INSTANCE_DRAINING=true', 'ECS_AWSVPC_BLOCK_IMDS=true'].map(
        (setting) => `echo ${setting} >> /etc/ecs/ecs.config`,
      ),
    );
    const template = new LaunchTemplate(this, 'Template', {
      instanceType: new InstanceType(config.analyze.instanceType),
      machineImage: EcsOptimizedImage.amazonLinux2023(AmiHardwareType.GPU),
      securityGroup: placement.securityGroup,
      associatePublicIpAddress: false,
      requireImdsv2: true,
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      httpPutResponseHopLimit: 1,
      detailedMonitoring: true,
      role: role.withoutPolicyUpdates(),
      userData,
      ...(config.analyze.spot ? { spotOptions: { requestType: SpotRequestType.ONE_TIME } } : {}),
      blockDevices: [
        {
          deviceName: '/dev/xvda',
          volume: BlockDeviceVolume.ebs(60, {
            encrypted: true,
            kmsKey: volumeKey,
            volumeType: EbsDeviceVolumeType.GP3,
          }),
        },
      ],
    });
    const group = new AutoScalingGroup(this, 'Instances', {
      vpc: placement.vpc,
      vpcSubnets: placement.subnets,
      minCapacity: 0,
      maxCapacity: config.analyze.maxWorkers,
      newInstancesProtectedFromScaleIn: true,
      groupMetrics: [GroupMetrics.all()],
      launchTemplate: template,
    });
    return new AsgCapacityProvider(this, 'Capacity', {
      autoScalingGroup: group,
      enableManagedScaling: true,
      enableManagedTerminationProtection: true,
      enableManagedDraining: true,
    });
  }

  #task(props: GpuServiceProps): Ec2TaskDefinition {
    const { config, logs } = props;
    const image = new WorkerImage(this, 'Image', config);
    const executionRole = this.#role('ExecutionRole', new ServicePrincipal('ecs-tasks.amazonaws.com'), [
      ...image.pulls,
      allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logs.logGroupArn]),
    ]);
    const task = new Ec2TaskDefinition(this, 'Task', {
      networkMode: NetworkMode.AWS_VPC,
      taskRole: this.taskRole.withoutPolicyUpdates(),
      executionRole: executionRole.withoutPolicyUpdates(),
    });
    const linuxParameters = new LinuxParameters(this, 'Linux', { initProcessEnabled: true });
    linuxParameters.addTmpfs({
      containerPath: '/tmp',
      size: 1024,
      mountOptions: [TmpfsMountOption.NOEXEC, TmpfsMountOption.NOSUID],
    });
    task.addContainer('worker', {
      image: image.container,
      command: ['worker'],
      gpuCount: 1,
      memoryReservationMiB: Size.gibibytes(8).toMebibytes(),
      user: '10001:10001',
      readonlyRootFilesystem: true,
      privileged: false,
      linuxParameters,
      stopTimeout: Duration.seconds(STOP_SECONDS),
      environment: props.environment,
      logging: LogDriver.awsLogs({ streamPrefix: 'worker', logGroup: logs, mode: AwsLogDriverMode.NON_BLOCKING }),
    });
    return task;
  }

  /** An instance joins this cluster and reports; it holds no right to data. Source: ECS Developer Guide, "Container instance IAM role". */
  #instanceStatements(): PolicyStatement[] {
    return [
      allow(
        [
          'ecs:RegisterContainerInstance',
          'ecs:DeregisterContainerInstance',
          'ecs:SubmitTaskStateChange',
          'ecs:SubmitContainerStateChange',
          'ecs:SubmitAttachmentStateChanges',
        ],
        [this.cluster.clusterArn],
      ),
      allow(['ecs:DiscoverPollEndpoint'], ['*']),
      allow(
        ['ecs:Poll', 'ecs:StartTelemetrySession', 'ecs:UpdateContainerInstancesState', 'ecs:PutSystemLogEvents'],
        ['*'],
        {
          ArnEquals: { 'ecs:cluster': this.cluster.clusterArn },
        },
      ),
    ];
  }

  #role(
    id: string,
    assumedBy: ServicePrincipal,
    statements: PolicyStatement[],
    managedPolicies: IManagedPolicy[] = [],
  ): Role {
    const role = new Role(this, id, { assumedBy, managedPolicies });
    new ManagedPolicy(this, `${id}Policy`, { roles: [role], statements });
    return role;
  }

  #scale({ config, uploads, backfill }: GpuServiceProps): void {
    const scaling = new BacklogScaling(this, 'Scaling', {
      serviceNamespace: 'ecs',
      scalableDimension: 'ecs:service:DesiredCount',
      resourceId: `service/${this.cluster.clusterName}/${this.service.serviceName}`,
      maxCapacity: config.analyze.maxWorkers,
    });
    const usingMetrics = {
      running: new Metric({
        namespace: 'ECS/ContainerInsights',
        metricName: 'RunningTaskCount',
        dimensionsMap: tasksOf(config),
        statistic: 'Average',
        period: MINUTE,
      }),
      uploads: waiting(uploads.analyze),
      backfill: waiting(backfill.analyze),
      uploadsHeld: inHand(uploads.analyze),
      backfillHeld: inHand(backfill.analyze),
    };
    const math = (label: string, expression: string) =>
      new MathExpression({
        label,
        expression,
        period: MINUTE,
        usingMetrics: Object.fromEntries(
          Object.entries(usingMetrics).filter(([name]) => new RegExp(`\\b${name}\\b`).test(expression)),
        ),
      });
    // SQS reports no metric of a queue that nobody has used for six hours, Container Insights none of a service without
    // tasks, and an expression over a missing metric is missing: no rule may need one that sleeps while another waits.
    scaling.rule('More', {
      metric: math('Uploads waiting a task', 'uploads / IF(FILL(running, 0) > 1, FILL(running, 1), 1)'),
      comparison: 'at least',
      threshold: 1,
      minutes: 1,
      adjust: 'by',
      steps: [
        { from: 0, capacity: 1 },
        { from: 60, capacity: 2 },
        { from: 300, capacity: 4 },
      ],
      cooldownSeconds: 240,
    });
    // A backfill asks for one worker, never for a fleet, and not again while that one starts.
    scaling.rule('ForBackfill', {
      metric: math('A backfill waits and no worker runs', 'IF(backfill > 0 AND FILL(running, 0) < 1, 1, 0)'),
      comparison: 'at least',
      threshold: 1,
      minutes: 1,
      adjust: 'by',
      steps: [{ from: 0, capacity: 1 }],
      cooldownSeconds: 900,
    });
    scaling.rule('Fewer', {
      metric: math(
        'More workers than work',
        'IF(FILL(running, 0) > 1 AND uploads < 1 AND uploadsHeld + FILL(backfillHeld, 0) < 2 * running, 1, 0)',
      ),
      comparison: 'at least',
      threshold: 1,
      minutes: 5,
      adjust: 'by',
      steps: [{ from: 0, capacity: -1 }],
      cooldownSeconds: 120,
    });
    scaling.rule('ToZero', {
      metric: math('Messages waiting or in hand', 'uploads + uploadsHeld + FILL(backfill, 0) + FILL(backfillHeld, 0)'),
      comparison: 'at most',
      threshold: 0,
      minutes: 10,
      adjust: 'to',
      steps: [{ from: 0, capacity: 0 }],
      cooldownSeconds: 60,
    });
  }
}

const waiting = (lane: Lane): Metric =>
  lane.queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' });

const inHand = (lane: Lane): Metric =>
  lane.queue.metricApproximateNumberOfMessagesNotVisible({ period: MINUTE, statistic: 'Maximum' });
