import { Stack } from 'aws-cdk-lib';
import {
  CfnFlowLog,
  CfnSecurityGroupIngress,
  GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, ManagedPolicy, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { type Config, zonesOf } from '../config.ts';
import { conforms } from '../conforms.ts';
import { names } from '../names.ts';
import { logGroup } from './logs.ts';
import { serviceForThisAccount } from './permissions.ts';
import { allow, type Placement } from './service-function.ts';

/** What GPU workers and functions in the VPC talk to; nothing else has a route. */
const INTERFACES = {
  Sqs: InterfaceVpcEndpointAwsService.SQS,
  Kms: InterfaceVpcEndpointAwsService.KMS,
  Secrets: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
  Events: InterfaceVpcEndpointAwsService.EVENTBRIDGE,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: InterfaceVpcEndpointAwsService.ECR_DOCKER,
} as const;

const ECS_INTERFACES = {
  Ecs: InterfaceVpcEndpointAwsService.ECS,
  EcsAgent: InterfaceVpcEndpointAwsService.ECS_AGENT,
  EcsTelemetry: InterfaceVpcEndpointAwsService.ECS_TELEMETRY,
} as const;

const SAGEMAKER_INTERFACES = { SageMakerRuntime: InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME } as const;

/** Isolated subnets in two zones, endpoints for what is needed, no gateway to the internet. */
export class PrivateNetwork extends Construct {
  readonly vpc: IVpc;
  readonly placement: Placement;

  constructor(scope: Construct, id: string, { config, logKey }: { config: Config; logKey: IKey }) {
    super(scope, id);
    const { vpc: existing } = config.existing;
    this.vpc = conforms<IVpc>(existing === undefined ? this.#vpc(config, logKey) : this.#existingVpc(existing));
    const workers = new SecurityGroup(this, 'Workers', {
      vpc: this.vpc,
      description: 'Workers and functions: HTTPS out, nothing in',
      allowAllOutbound: false,
    });
    workers.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'HTTPS to endpoints; no subnet has a route beyond them');
    const subnets: SubnetSelection = { subnets: this.vpc.isolatedSubnets };
    const interfaces = new ManagedPolicy(this, 'Interfaces', {
      description: 'Network interfaces of functions in the VPC: AWS offers them on * alone',
      statements: [
        allow(
          [
            'ec2:CreateNetworkInterface',
            'ec2:DescribeNetworkInterfaces',
            'ec2:DescribeSubnets',
            'ec2:DeleteNetworkInterface',
            'ec2:AssignPrivateIpAddresses',
            'ec2:UnassignPrivateIpAddresses',
          ],
          ['*'],
        ),
      ],
    });
    this.placement = { vpc: this.vpc, subnets, securityGroup: workers, interfaces };
    if (existing === undefined) this.#endpoints(config, workers);
    else
      new CfnSecurityGroupIngress(this, 'ToEndpoints', {
        groupId: existing.endpointSecurityGroupId,
        sourceSecurityGroupId: workers.securityGroupId,
        ipProtocol: 'tcp',
        fromPort: 443,
        toPort: 443,
        description: 'HTTPS from workers',
      });
  }

  #existingVpc(existing: NonNullable<Config['existing']['vpc']>): IVpc {
    return Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: existing.vpcId,
      availabilityZones: existing.availabilityZones,
      isolatedSubnetIds: existing.isolatedSubnetIds,
    });
  }

  #vpc(config: Config, logKey: IKey): Vpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.40.0.0/20'),
      availabilityZones: zonesOf(config),
      natGateways: 0,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
      restrictDefaultSecurityGroup: false,
    });
    const logs = logGroup(this, 'FlowLogs', names(config).logGroup('flow-logs'), config, logKey);
    const role = new Role(this, 'FlowLogsRole', { assumedBy: serviceForThisAccount(this, 'vpc-flow-logs') });
    new ManagedPolicy(this, 'FlowLogsPolicy', {
      roles: [role],
      statements: [allow(['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'], [logs.logGroupArn])],
    });
    new CfnFlowLog(this, 'FlowLog', {
      resourceId: vpc.vpcId,
      resourceType: 'VPC',
      trafficType: 'ALL',
      logDestinationType: 'cloud-watch-logs',
      logGroupName: logs.logGroupName,
      deliverLogsPermissionArn: role.roleArn,
    });
    return vpc;
  }

  #endpoints(config: Config, workers: ISecurityGroup): void {
    const endpoints = new SecurityGroup(this, 'Endpoints', {
      vpc: this.vpc,
      description: 'Interface endpoints: HTTPS from workers',
      allowAllOutbound: false,
    });
    endpoints.addIngressRule(Peer.securityGroupId(workers.securityGroupId), Port.tcp(443), 'HTTPS from workers');
    const ofBackend = config.analyze.backend === 'ecs-gpu' ? ECS_INTERFACES : SAGEMAKER_INTERFACES;
    for (const [id, service] of Object.entries({ ...INTERFACES, ...ofBackend })) {
      new InterfaceVpcEndpoint(this, id, {
        vpc: this.vpc,
        service,
        subnets: this.placement.subnets,
        securityGroups: [endpoints],
        open: false,
        privateDnsEnabled: true,
      });
    }
    const gateway = (id: string, service: GatewayVpcEndpointAwsService) =>
      new GatewayVpcEndpoint(this, id, { vpc: this.vpc, service, subnets: [this.placement.subnets] });
    gateway('DynamoDb', GatewayVpcEndpointAwsService.DYNAMODB).addToPolicy(
      this.#ownAccount('dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:Query'),
    );
    const s3 = gateway('S3', GatewayVpcEndpointAwsService.S3);
    s3.addToPolicy(
      this.#ownAccount(
        's3:GetObject',
        's3:GetObjectVersion',
        's3:PutObject',
        's3:AbortMultipartUpload',
        's3:ListBucket',
      ),
    );
    s3.addToPolicy(
      new PolicyStatement({
        sid: 'ImageLayers',
        principals: [new AnyPrincipal()],
        actions: ['s3:GetObject'],
        resources: [`arn:${Stack.of(this).partition}:s3:::prod-${Stack.of(this).region}-starport-layer-bucket/*`],
      }),
    );
  }

  /** No copy of a study leaves for a bucket or table of another account. */
  #ownAccount(...actions: string[]): PolicyStatement {
    return new PolicyStatement({
      sid: 'ThisAccountOnly',
      principals: [new AnyPrincipal()],
      actions,
      resources: ['*'],
      conditions: { StringEquals: { 'aws:ResourceAccount': Stack.of(this).account } },
    });
  }
}
