import { Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { IEventBus } from 'aws-cdk-lib/aws-events';
import { CfnMetricFilter, CfnResourcePolicy } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ANNOUNCEMENT_SOURCE } from '../../src/contracts/events.ts';
import type { Stage } from '../../src/contracts/reasons.ts';
import type { Config } from '../config.ts';
import { names } from '../names.ts';
import { MINUTE } from './backlog-scaling.ts';
import { eventRule } from './event-rule.ts';
import type { Keys } from './keys.ts';
import { logGroup } from './logs.ts';

export interface StudyMetricsProps {
  readonly config: Config;
  readonly keys: Keys;
  readonly bus: IEventBus;
  readonly deadLetters: IQueue;
}

/**
 * Metrics from what is written anyway: terminal states on the bus, by tenant, status and reason (none names a
 * patient), and the stages' log lines. No function spends time or rights on them.
 */
export class StudyMetrics extends Construct {
  readonly #namespace: string;

  constructor(scope: Construct, id: string, { config, keys, bus, deadLetters }: StudyMetricsProps) {
    super(scope, id);
    this.#namespace = `discflow/${config.stage}`;
    const { account, partition, region } = Stack.of(this);
    // EventBridge delivers to log groups below /aws/events/ alone.
    const name = `/aws/events/${names(config).prefix}-announcements`;
    const logs = logGroup(this, 'Announcements', name, config, keys.logs);
    const policy = new CfnResourcePolicy(this, 'Delivery', {
      policyName: `${names(config).prefix}-announcements`,
      policyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: ['events.amazonaws.com', 'delivery.logs.amazonaws.com'] },
            Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
            Resource: `arn:${partition}:logs:${region}:${account}:log-group:${name}:*`,
            Condition: { StringEquals: { 'aws:SourceAccount': account } },
          },
        ],
      }),
    });
    const rule = eventRule(this, 'Ended', {
      description: 'Terminal states, counted',
      eventBusName: bus.eventBusName,
      eventPattern: { source: [ANNOUNCEMENT_SOURCE] },
      targetArn: `arn:${partition}:logs:${region}:${account}:log-group:${name}`,
      deadLetters,
    });
    rule.node.addDependency(policy, logs);
    const count = (filter: string, metricName: string, pattern: string, dimensions: Record<string, string>) => {
      const made = new CfnMetricFilter(this, filter, {
        logGroupName: name,
        filterPattern: pattern,
        metricTransformations: [
          {
            metricNamespace: this.#namespace,
            metricName,
            metricValue: '1',
            unit: 'Count',
            dimensions: Object.entries(dimensions).map(([key, value]) => ({ key, value })),
          },
        ],
      });
      made.node.addDependency(logs);
    };
    count('ByStatus', 'Ended', '{ $.detail.status = * }', { kind: '$.detail.kind', status: '$.detail.status' });
    count('ByTenant', 'EndedByTenant', '{ $.detail.status = * }', {
      tenant: '$.detail.tenant',
      status: '$.detail.status',
    });
    count('ByReason', 'EndedByReason', '{ $.detail.reasons[0] = * }', { reason: '$.detail.reasons[0]' });
  }

  /** How long a stage took over one message, from its log lines; `logGroupName` is the stage's. */
  stageLatency(stage: Stage, logGroupName: string): void {
    new CfnMetricFilter(this, `Latency-${stage}`, {
      logGroupName,
      filterPattern: `{ $.stage = "${stage}" && $.ms = * }`,
      metricTransformations: [
        {
          metricNamespace: this.#namespace,
          metricName: 'StageMs',
          metricValue: '$.ms',
          unit: 'Milliseconds',
          dimensions: [{ key: 'stage', value: '$.stage' }],
        },
      ],
    });
  }

  latency(stage: Stage, statistic: string): Metric {
    return this.#metric('StageMs', { stage }, statistic);
  }

  ended(kind: 'run' | 'upload', status: string): Metric {
    return this.#metric('Ended', { kind, status }, 'Sum');
  }

  #metric(metricName: string, dimensionsMap: Record<string, string>, statistic: string): Metric {
    return new Metric({ namespace: this.#namespace, metricName, dimensionsMap, statistic, period: MINUTE });
  }

  /** One line a value of the dimension, whatever values turn up. */
  search(metricName: string, dimension: string): string {
    const schema = metricName === 'EndedByTenant' ? `${dimension},status` : dimension;
    return `SEARCH('{${this.#namespace},${schema}} MetricName="${metricName}"', 'Sum', 300)`;
  }
}
