import { Duration, Size } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import {
  Effect,
  type IManagedPolicy,
  ManagedPolicy,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  Architecture,
  CfnEventSourceMapping,
  type CfnFunction,
  type Code,
  type ILayerVersion,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { names } from '../names.ts';
import type { Lane } from './lane.ts';
import { logGroup } from './logs.ts';

/** One LTS runtime for all functions: docs/deployment.md tells why it is newer than Node 22. */
export const RUNTIME = Runtime.NODEJS_24_X;

/** A managed policy holds 6,144 characters, the longest ARN of a secret has 180. Source: IAM User Guide, "IAM and STS quotas". */
const SECRETS_A_POLICY = 30;

/** Where functions that touch studies run: isolated subnets, or nowhere in particular. */
export interface Placement {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  readonly securityGroup: ISecurityGroup;
  /** What a function there may do to be connected. */
  readonly interfaces: IManagedPolicy;
}

/** What every function of a deployment shares. */
export interface FunctionPlatform {
  readonly config: Config;
  readonly logKey: IKey;
  readonly messageKey: IKey;
  /** Traces: a permission that AWS offers on `*` alone. */
  readonly telemetry: IManagedPolicy;
}

export interface ServiceFunctionProps {
  readonly platform: FunctionPlatform;
  /** `ingest`: the function is `discflow-<stage>-ingest`. */
  readonly name: string;
  readonly code: Code;
  readonly environment: Record<string, string>;
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  readonly concurrency: number;
  readonly statements: PolicyStatement[];
  /** Of secrets that it reads; the key that they are encrypted with is among the statements. */
  readonly secretArns?: string[];
  /** Where an event ends that somebody sends by hand and that fails. */
  readonly deadLetters: IQueue;
  /** Where the stack has the group already. */
  readonly logs?: LogGroup;
  readonly layers?: ILayerVersion[];
  /** Native layers are built for x86_64; the rest runs on the cheaper arm64. */
  readonly architecture?: Architecture;
  readonly ephemeralStorageMiB?: number;
  readonly placement?: Placement | undefined;
  readonly managedPolicies?: IManagedPolicy[];
}

/**
 * A function with a role of its own, an encrypted log group that expires, tracing and reserved concurrency. Its
 * permissions are the statements given and nothing else: no construct may widen the role behind our back.
 */
export class ServiceFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly name: string;
  readonly #functionName: string;

  constructor(scope: Construct, id: string, props: ServiceFunctionProps) {
    super(scope, id);
    this.name = props.name;
    const { config, logKey, telemetry } = props.platform;
    this.#functionName = `${names(config).prefix}-${props.name}`;
    const logs = props.logs ?? logGroup(this, 'Logs', names(config).logGroup(props.name), config, logKey);
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      managedPolicies: [
        telemetry,
        ...(props.placement === undefined ? [] : [props.placement.interfaces]),
        ...(props.managedPolicies ?? []),
      ],
      description: `discflow ${config.stage}: ${props.name}`,
    });
    const policy = new ManagedPolicy(this, 'Policy', {
      roles: [this.role],
      statements: [
        allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logs.logGroupArn]),
        allow(['sqs:SendMessage'], [props.deadLetters.queueArn]),
        allow(['kms:Decrypt', 'kms:GenerateDataKey'], [props.platform.messageKey.keyArn]),
        ...props.statements,
      ],
    });
    const secrets = chunks(props.secretArns ?? [], SECRETS_A_POLICY).map(
      (arns, index) =>
        new ManagedPolicy(this, `Secrets${index}`, {
          roles: [this.role],
          statements: [allow(['secretsmanager:GetSecretValue'], arns)],
        }),
    );
    this.function = new LambdaFunction(this, 'Function', {
      functionName: this.#functionName,
      runtime: RUNTIME,
      architecture: props.architecture ?? Architecture.ARM_64,
      handler: 'handler.handler',
      code: props.code,
      memorySize: props.memoryMiB,
      timeout: Duration.seconds(props.timeoutSeconds),
      environment: props.environment,
      ...(props.layers === undefined ? {} : { layers: props.layers }),
      role: this.role.withoutPolicyUpdates(),
      logGroup: logs,
      loggingFormat: LoggingFormat.JSON,
      deadLetterQueue: props.deadLetters,
      ...(props.ephemeralStorageMiB === undefined
        ? {}
        : { ephemeralStorageSize: Size.mebibytes(props.ephemeralStorageMiB) }),
      reservedConcurrentExecutions: props.concurrency,
      ...(props.placement === undefined
        ? {}
        : {
            vpc: props.placement.vpc,
            vpcSubnets: props.placement.subnets,
            securityGroups: [props.placement.securityGroup],
          }),
    });
    const resource = this.function.node.defaultChild as CfnFunction;
    resource.tracingConfig = { mode: 'Active' };
    resource.node.addDependency(policy, ...secrets);
  }

  /**
   * A metric by the function's name, not by reference: an export that a dashboard imports would keep the function from
   * ever being taken away.
   */
  metric(metricName: string, options: MetricOptions): Metric {
    const dimensionsMap = { FunctionName: this.#functionName };
    return new Metric({ namespace: 'AWS/Lambda', metricName, dimensionsMap, statistic: 'Sum', ...options });
  }

  /** Feeds the function from a lane: partial batch responses, and no more messages in flight than `maxConcurrency`. */
  consume(lane: Lane, options: { batchSize: number; maxConcurrency: number; id?: string }): void {
    const mapping = new CfnEventSourceMapping(this, options.id ?? 'Source', {
      eventSourceArn: lane.queue.queueArn,
      functionName: this.function.functionArn,
      batchSize: options.batchSize,
      functionResponseTypes: ['ReportBatchItemFailures'],
      scalingConfig: { maximumConcurrency: options.maxConcurrency },
      metricsConfig: { metrics: ['EventCount'] },
    });
    mapping.node.addDependency(this.role);
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

export const allow = (
  actions: string[],
  resources: string[],
  conditions?: Record<string, Record<string, unknown>>,
): PolicyStatement =>
  new PolicyStatement({
    effect: Effect.ALLOW,
    actions,
    resources,
    ...(conditions === undefined ? {} : { conditions }),
  });
