import { Stack } from 'aws-cdk-lib';
import { ManagedPolicy, Role } from 'aws-cdk-lib/aws-iam';
import { CfnStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { TransientFault } from '../../src/contracts/reasons.ts';
import type { Config } from '../config.ts';
import { names } from '../names.ts';
import type { Keys } from './keys.ts';
import { logGroup } from './logs.ts';
import { opens, serviceForThisAccount } from './permissions.ts';
import { allow, type ServiceFunction } from './service-function.ts';

export interface BackfillMachineProps {
  readonly config: Config;
  readonly keys: Keys;
  readonly admit: ServiceFunction;
  /** Buckets that hold lists and studies, as ARNs. */
  readonly sources: readonly string[];
  /** Where the map writes what became of each batch. */
  readonly resultsBucketName: string;
  readonly resultsBucketArn: string;
}

const BATCH = 20;
const MOST_BATCHES_AT_ONCE = 40;

/**
 * Passing faults of Lambda, as Step Functions names them, and of what the function calls. A function that ran out of
 * time or memory may have done a part: a batch that comes again is not booked again.
 */
const RETRY = [
  {
    ErrorEquals: [
      'Lambda.ServiceException',
      'Lambda.SdkClientException',
      'Lambda.TooManyRequestsException',
      'Lambda.Unknown',
      'Sandbox.Timedout',
      'States.Timeout',
      TransientFault.name,
    ],
    IntervalSeconds: 2,
    BackoffRate: 2,
    MaxAttempts: 8,
    JitterStrategy: 'FULL',
  },
];

/**
 * A distributed map over a prefix, an inventory or a list: each batch is admitted into the lane of its own when the
 * job's rate, budget and state allow, and waits until then. Pausing, resuming and cancelling change the job's item.
 */
export class BackfillMachine extends Construct {
  readonly machine: CfnStateMachine;

  constructor(scope: Construct, id: string, props: BackfillMachineProps) {
    super(scope, id);
    const { config, keys } = props;
    const logs = logGroup(this, 'Logs', `/aws/vendedlogs/states/${names(config).prefix}-backfill`, config, keys.logs);
    const stateMachineName = `${names(config).prefix}-backfill`;
    const role = new Role(this, 'Role', { assumedBy: serviceForThisAccount(this, 'states') });
    const policy = new ManagedPolicy(this, 'Policy', {
      roles: [role],
      statements: this.#statements(props, stateMachineName),
    });
    this.machine = new CfnStateMachine(this, 'Machine', {
      stateMachineName,
      roleArn: role.roleArn,
      definition: this.#definition(props),
      tracingConfiguration: { enabled: true },
      loggingConfiguration: {
        level: 'ALL',
        includeExecutionData: false,
        destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: `${logs.logGroupArn}` } }],
      },
    });
    this.machine.node.addDependency(policy);
  }

  #statements({ admit, sources, resultsBucketArn, keys }: BackfillMachineProps, name: string) {
    const { partition, region, account } = Stack.of(this);
    const states = (kind: string, suffix = '') =>
      `arn:${partition}:states:${region}:${account}:${kind}:${name}${suffix}`;
    return [
      allow(['lambda:InvokeFunction'], [admit.function.functionArn]),
      allow(['states:StartExecution'], [states('stateMachine')]),
      allow(['states:DescribeExecution', 'states:StopExecution'], [states('execution', '/*')]),
      allow(['s3:ListBucket'], [...sources]),
      allow(
        ['s3:GetObject'],
        sources.map((source) => `${source}/*`),
      ),
      allow(
        ['s3:PutObject', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'],
        [`${resultsBucketArn}/results/*`],
      ),
      ...opens(keys.data, 's3'),
      // Source: Step Functions Developer Guide, "IAM policies for X-Ray"; without them a traced workflow is not traced.
      allow(
        ['xray:PutTraceSegments', 'xray:PutTelemetryRecords', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
        ['*'],
      ),
      allow(
        [
          'logs:CreateLogDelivery',
          'logs:GetLogDelivery',
          'logs:UpdateLogDelivery',
          'logs:DeleteLogDelivery',
          'logs:ListLogDeliveries',
          'logs:PutResourcePolicy',
          'logs:DescribeResourcePolicies',
          'logs:DescribeLogGroups',
        ],
        ['*'],
      ),
    ];
  }

  #definition(props: BackfillMachineProps) {
    const { admit } = props;
    const invoke = (action: string, more: object = {}) => ({
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Parameters: { FunctionName: admit.function.functionArn, Payload: { action, ...more } },
      OutputPath: '$.Payload',
      Retry: RETRY,
    });
    const job = { 'jobId.$': '$.jobId' };
    return {
      Comment: 'discflow backfill: docs/runbook.md, "Backfill"',
      StartAt: 'Open',
      States: {
        Open: { ...invoke('open', { 'job.$': '$' }), Next: 'Which list' },
        'Which list': {
          Type: 'Choice',
          Choices: (['prefix', 'inventory', 'manifest'] as const).map((kind) => ({
            Variable: '$.source.kind',
            StringEquals: kind,
            Next: `Over ${kind}`,
          })),
          Default: 'Unknown list',
        },
        'Unknown list': { Type: 'Fail', Error: 'UnknownList', Cause: 'source.kind is prefix, inventory or manifest' },
        'Over prefix': this.#map(props, {
          Resource: 'arn:aws:states:::s3:listObjectsV2',
          Parameters: { 'Bucket.$': '$.source.bucket', 'Prefix.$': '$.source.key' },
        }),
        'Over inventory': this.#map(props, {
          Resource: 'arn:aws:states:::s3:getObject',
          ReaderConfig: { InputType: 'MANIFEST' },
          Parameters: { 'Bucket.$': '$.source.bucket', 'Key.$': '$.source.key' },
        }),
        'Over manifest': this.#map(props, {
          Resource: 'arn:aws:states:::s3:getObject',
          ReaderConfig: { InputType: 'JSON' },
          Parameters: { 'Bucket.$': '$.source.bucket', 'Key.$': '$.source.key' },
        }),
        Count: { ...invoke('count', job), Next: 'Counted' },
        Counted: {
          Type: 'Choice',
          Choices: [
            { Variable: '$.state', StringEquals: 'counting', Next: 'Count' },
            { Variable: '$.state', StringEquals: 'running', Next: 'Let them end' },
          ],
          Default: 'Ended',
        },
        'Let them end': { Type: 'Wait', SecondsPath: '$.waitSeconds', Next: 'Count' },
        Ended: { Type: 'Succeed' },
      },
    };
  }

  #map({ admit, resultsBucketName }: BackfillMachineProps, itemReader: object) {
    return {
      Type: 'Map',
      ItemReader: itemReader,
      ItemBatcher: {
        MaxItemsPerBatch: BATCH,
        BatchInput: { 'jobId.$': '$.jobId', 'bucket.$': '$.source.objectsBucket', 'kind.$': '$.source.kind' },
      },
      MaxConcurrency: MOST_BATCHES_AT_ONCE,
      ToleratedFailurePercentage: 5,
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'Admit',
        States: {
          Admit: {
            Type: 'Task',
            Resource: 'arn:aws:states:::lambda:invoke',
            Parameters: { FunctionName: admit.function.functionArn, Payload: { action: 'admit', 'batch.$': '$' } },
            ResultSelector: { 'said.$': '$.Payload' },
            ResultPath: '$.answer',
            Retry: RETRY,
            Next: 'Admitted',
          },
          Admitted: {
            Type: 'Choice',
            Choices: [{ Variable: '$.answer.said.outcome', StringEquals: 'wait', Next: 'Wait' }],
            Default: 'Done',
          },
          Wait: { Type: 'Wait', SecondsPath: '$.answer.said.waitSeconds', Next: 'Admit' },
          Done: { Type: 'Succeed' },
        },
      },
      ResultWriter: {
        Resource: 'arn:aws:states:::s3:putObject',
        Parameters: { Bucket: resultsBucketName, Prefix: 'results' },
      },
      ResultPath: '$.map',
      Next: 'Count',
    };
  }
}
