import { Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { type IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import { CloudWatchLogGroup, LogGroupTargetInput } from 'aws-cdk-lib/aws-events-targets';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnMetricFilter, CfnResourcePolicy } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ANNOUNCEMENT_SOURCE } from '../../src/contracts/events.ts';
import { TERMINAL_RUN_STATUSES } from '../../src/contracts/messages.ts';
import type { Config } from '../config.ts';
import { names } from '../names.ts';
import { logGroup } from './logs.ts';
import type { Keys } from './keys.ts';
import type { ServiceFunction } from './service-function.ts';

void LogGroupTargetInput;
void CloudWatchLogGroup;

export const NAMESPACE = 'discflow';

export interface StudyMetricsProps {
  readonly config: Config;
  readonly keys: Keys;
  readonly bus: IEventBus;
  readonly functions: ReadonlyArray<{ readonly stage: 'ingest' | 'detect' | 'analyze'; readonly logs: ILogGroup }>;
}

/**
 * Metrics from what is written anyway: terminal states on the bus (by tenant, status and reason, which name no
 * patient) and the stages' log lines (by stage). No function spends time or rights on them.
 */
export class StudyMetrics extends Construct {
  readonly #config: Config;

  constructor(scope: Construct, id: string, props: StudyMetricsProps) {
    super(scope, id);
    const { config, keys, bus } = props;
    this.#config = config;
    // EventBridge delivers to log groups below /aws/events/ alone.
    const announcements = logGroup(this, 'Announcements', `/aws/events/${names(config).prefix}-announcements`, config, keys.logs);
    const { account } = Stack.of(this);
    const policy = new CfnResourcePolicy(this, 'Delivery', {
      policyName: `${names(config).prefix}-announcements`,
      policyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: ['events.amazonaws.com', 'delivery.logs.amazonaws.com'] },
            Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
            Resource: `arn:${Stack.of(this).partition}:logs:${Stack.of(this).region}:${account}:log-group:/aws/events/${names(config).prefix}-announcements:*`,
            Condition: { StringEquals: { 'aws:SourceAccount': account } },
          },
        ],
      }),
    });
    void policy;
    void bus;
    void announcements;
    void Rule;
    void ANNOUNCEMENT_SOURCE;
    void CfnMetricFilter;
    void TERMINAL_RUN_STATUSES;
  }

  studies(status: string): Metric {
    return new Metric({ namespace: NAMESPACE, metricName: 'Studies', dimensionsMap: { stage: this.#config.stage, status } });
  }

  static of(_: ServiceFunction): void {}
}
