import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { ManagedPolicy, Role } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import { environmentOf } from '../../src/contracts/env.ts';
import { FUNCTIONS, functionCode } from '../bundling/code.ts';
import type { Config } from '../config.ts';
import { REQUEST_TTL_SECONDS } from '../constructs/async-endpoint.ts';
import { announces, keepsRuns, serviceForThisAccount } from '../constructs/permissions.ts';
import { allow, ServiceFunction } from '../constructs/service-function.ts';
import type { Shared } from '../shared.ts';

const EVERY_MINUTES = 10;

/** Ends what nobody ended (killed, out of memory) and announces what was not announced. */
export class SweepStack extends Stack {
  readonly sweep: ServiceFunction;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; shared: Shared }) {
    super(scope, id, props);
    const { config, shared } = props;
    const { studies, bus, keys, platform, queues } = shared;
    this.sweep = new ServiceFunction(this, 'Sweep', {
      platform,
      name: 'sweep',
      code: functionCode('functions/sweep', FUNCTIONS.sweep),
      environment: environmentOf('sweep', {
        stage: config.stage,
        table: studies.tableName,
        eventBus: bus.eventBusName,
        ...(config.analyze.backend === 'sagemaker-async'
          ? { requestLostAfterSeconds: String(REQUEST_TTL_SECONDS + 7200) }
          : {}),
      }),
      memoryMiB: 256,
      timeoutSeconds: 120,
      concurrency: 1,
      placement: shared.placement,
      deadLetters: queues.operations,
      statements: [...keepsRuns(studies), allow(['dynamodb:Query'], [studies.indexArn('open')]), ...announces(bus)],
    });
    const role = new Role(this, 'SchedulerRole', { assumedBy: serviceForThisAccount(this, 'scheduler') });
    new ManagedPolicy(this, 'SchedulerPolicy', {
      roles: [role],
      statements: [
        allow(['lambda:InvokeFunction'], [this.sweep.function.functionArn]),
        allow(['sqs:SendMessage'], [queues.operations.queueArn]),
        allow(['kms:Decrypt', 'kms:GenerateDataKey'], [keys.messages.keyArn]),
      ],
    });
    new CfnSchedule(this, 'Schedule', {
      scheduleExpression: `rate(${EVERY_MINUTES} minutes)`,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: this.sweep.function.functionArn,
        roleArn: role.roleArn,
        deadLetterConfig: { arn: queues.operations.queueArn },
        retryPolicy: { maximumRetryAttempts: 2, maximumEventAgeInSeconds: Duration.minutes(EVERY_MINUTES).toSeconds() },
      },
    });
  }
}
