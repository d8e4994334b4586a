import { Duration, Size } from 'aws-cdk-lib';
import { AdjustmentType } from 'aws-cdk-lib/aws-applicationautoscaling';
import { AutoScalingGroup, GroupMetrics, OnDemandAllocationStrategy, SpotAllocationStrategy } from 'aws-cdk-lib/aws-autoscaling';
import { MathExpression, type Metric } from 'aws-cdk-lib/aws-cloudwatch';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  InstanceType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
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
  LinuxParameters,
  LogDriver,
  NetworkMode,
  TmpfsMountOption,
} from 'aws-cdk-lib/aws-ecs';
import { ManagedPolicy, type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { names } from '../names.ts';
import type { StageLanes } from '../stacks/queues.ts';
import type { Lane } from './lane.ts';
import { logGroup } from './logs.ts';
import { allow, type Placement } from './service-function.ts';
import { WorkerImage } from './worker-image.ts';

export interface GpuServiceProps {
  readonly config: Config;
  readonly logKey: IKey;
  readonly volumeKey: IKey;
  readonly placement: Placement;
  readonly uploads: StageLanes;
  readonly backfill: StageLanes;
  readonly environment: Record<string, string>;
  readonly statements: PolicyStatement[];
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
    const capacity = this.#capacity(props);
    this.cluster.addAsgCapacityProvider(capacity);
    this.taskRole = this.#role('TaskRole', 'ecs-tasks.amazonaws.com', props.statements);
    this.service = new Ec2Service(this, 'Service', {
      cluster: this.cluster,
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
    this.service.node.addDependency(this.taskRole);
    this.#scale(props);
  }

  #capacity({ config, placement, volumeKey }: GpuServiceProps): AsgCapacityProvider {
    const role = this.#role('InstanceRole', 'ec2.amazonaws.com', this.#instanceStatements());
    const userData = UserData.forLinux();
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
      blockDevices: [
        {
          deviceName: '/dev/xvda',
          volume: BlockDeviceVolume.ebs(60, { encrypted: true, kmsKey: volumeKey, volumeType: EbsDeviceVolumeType.GP3 }),
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
      mixedInstancesPolicy: {
        launchTemplate: template,
        instancesDistribution: {
          onDemandBaseCapacity: 0,
          onDemandPercentageAboveBaseCapacity: config.analyze.spot ? 0 : 100,
          onDemandAllocationStrategy: OnDemandAllocationStrategy.PRIORITIZED,
          spotAllocationStrategy: SpotAllocationStrategy.PRICE_CAPACITY_OPTIMIZED,
        },
      },
    });
    return new AsgCapacityProvider(this, 'Capacity', {
      autoScalingGroup: group,
      enableManagedScaling: true,
      enableManagedTerminationProtection: true,
      enableManagedDraining: true,
      spotInstanceDraining: true,
      canContainersAccessInstanceRole: false,
    });
  }

  #task(props: GpuServiceProps): Ec2TaskDefinition {
    const { config, logKey } = props;
    const image = new WorkerImage(this, 'Image', config);
    const logs = logGroup(this, 'Logs', names(config).logGroup('analyze'), config, logKey);
    const executionRole = this.#role('ExecutionRole', 'ecs-tasks.amazonaws.com', [
      ...image.pulls,
      allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logs.logGroupArn]),
    ]);
    const task = new Ec2TaskDefinition(this, 'Task', {
      networkMode: NetworkMode.AWS_VPC,
      taskRole: this.taskRole.withoutPolicyUpdates(),
      executionRole: executionRole.withoutPolicyUpdates(),
    });
    const linuxParameters = new LinuxParameters(this, 'Linux', { initProcessEnabled: true });
    linuxParameters.addTmpfs({ containerPath: '/tmp', size: 1024, mountOptions: [TmpfsMountOption.NOEXEC, TmpfsMountOption.NOSUID] });
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
    const instances = `${this.cluster.clusterArn.replace(':cluster/', ':container-instance/')}/*`;
    void instances;
    return [
      allow(
        ['ecs:RegisterContainerInstance', 'ecs:DeregisterContainerInstance', 'ecs:Submit*'.replace('Submit*', 'SubmitTaskStateChange'), 'ecs:SubmitContainerStateChange', 'ecs:SubmitAttachmentStateChanges'],
        [this.cluster.clusterArn],
      ),
      allow(['ecs:DiscoverPollEndpoint'], ['*']),
      allow(['ecs:Poll', 'ecs:StartTelemetrySession', 'ecs:UpdateContainerInstancesState', 'ecs:PutSystemLogEvents'], ['*'], {
        ArnEquals: { 'ecs:cluster': this.cluster.clusterArn },
      }),
    ];
  }

  #role(id: string, service: string, statements: PolicyStatement[]): Role {
    const role = new Role(this, id, { assumedBy: new ServicePrincipal(service) });
    new ManagedPolicy(this, `${id}Policy`, { roles: [role], statements });
    return role;
  }

  #scale({ config, uploads, backfill }: GpuServiceProps): void {
    const period = Duration.minutes(1);
    const scaling = this.service.autoScaleTaskCount({ minCapacity: 0, maxCapacity: config.analyze.maxWorkers });
    const running = this.cluster.metric('RunningTaskCount', {
      namespace: 'ECS/ContainerInsights',
      dimensionsMap: { ClusterName: this.cluster.clusterName, ServiceName: this.service.serviceName },
      statistic: 'Average',
      period,
    } as never);
    const waiting = (lane: Lane): Metric => lane.queue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum' });
    const inHand = (lane: Lane): Metric => lane.queue.metricApproximateNumberOfMessagesNotVisible({ period, statistic: 'Maximum' });
    // A backfill counts for at most one worker's backlog: it asks for one worker, never for a fleet.
    const backlogPerTask = new MathExpression({
      label: 'Messages waiting a task',
      expression: '(u + MIN([b, 1])) / MAX([FILL(r, 0), 1])',
      usingMetrics: { u: waiting(uploads.analyze), b: waiting(backfill.analyze), r: running },
      period,
    });
    scaling.scaleOnMetric('Out', {
      metric: backlogPerTask,
      scalingSteps: [
        { upper: 0, change: 0 },
        { lower: 1, change: 1 },
        { lower: 60, change: 2 },
        { lower: 300, change: 4 },
      ],
      adjustmentType: AdjustmentType.CHANGE_IN_CAPACITY,
      cooldown: Duration.minutes(4),
      evaluationPeriods: 1,
    });
    const anything = new MathExpression({
      label: 'Messages waiting or in hand',
      expression: 'uw + uh + bw + bh',
      usingMetrics: {
        uw: waiting(uploads.analyze),
        uh: inHand(uploads.analyze),
        bw: waiting(backfill.analyze),
        bh: inHand(backfill.analyze),
      },
      period,
    });
    scaling.scaleOnMetric('ToZero', {
      metric: anything,
      scalingSteps: [
        { upper: 0, change: 0 },
        { lower: 1, change: config.analyze.maxWorkers },
      ],
      adjustmentType: AdjustmentType.EXACT_CAPACITY,
      evaluationPeriods: 10,
      datapointsToAlarm: 10,
    });
  }
}
