import { Stack, type StackProps } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import type { Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { addAlarms } from '../constructs/alarm-rules.ts';
import { Alarms } from '../constructs/alarms.ts';
import { endpointLogGroup } from '../constructs/async-endpoint.ts';
import { dashboard } from '../constructs/dashboard.ts';
import { StudyMetrics } from '../constructs/study-metrics.ts';
import { APPLICATION, names } from '../names.ts';
import type { Observed } from '../observed.ts';

/** What one looks at, what calls somebody, and what it costs. */
export class ObservabilityStack extends Stack {
  readonly topic: Topic;
  readonly alarms: Alarms;
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, props: StackProps & Observed) {
    super(scope, id, props);
    const { config, shared } = props;
    this.topic = new Topic(this, 'Topic', { masterKey: shared.keys.messages, enforceSSL: true });
    if (config.alarmEmail !== undefined) this.topic.addSubscription(new EmailSubscription(config.alarmEmail));
    const metrics = new StudyMetrics(this, 'Studies', {
      config,
      keys: shared.keys,
      bus: shared.bus,
      deadLetters: shared.queues.operations,
    });
    for (const stage of ['ingest', 'detect'] as const) metrics.stageLatency(stage, names(config).logGroup(stage));
    const onEndpoint = config.analyze.backend === 'sagemaker-async';
    metrics.stageLatency(
      'analyze',
      onEndpoint ? endpointLogGroup(names(config).endpoint) : names(config).logGroup('analyze'),
    );
    this.alarms = new Alarms(this, 'Alarms', { config, topic: this.topic });
    addAlarms(this.alarms, props, metrics);
    this.#letAlarmsPublish(config);
    this.dashboard = dashboard(this, 'Dashboard', props, metrics);
    this.#budget(config);
  }

  /** A policy of our own takes the place of the one that SNS gives a topic, which would let this account's alarms in. */
  #letAlarmsPublish(config: Config): void {
    const { partition, region, account } = this;
    const alarms = `arn:${partition}:cloudwatch:${region}:${account}:alarm:${names(config).prefix}-*`;
    this.#letPublish('Alarms', 'cloudwatch.amazonaws.com', { ArnLike: { 'aws:SourceArn': alarms } });
  }

  /** Lets a service publish for this account, under further conditions. */
  #letPublish(sid: string, service: string, conditions: Record<string, unknown> = {}): void {
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        sid,
        principals: [new ServicePrincipal(service)],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account }, ...conditions },
      }),
    );
  }

  #budget(config: Config): void {
    const { monthlyUsd, email } = config.budget;
    this.#letPublish('Budgets', 'budgets.amazonaws.com');
    const subscribers = [
      { subscriptionType: 'SNS', address: this.topic.topicArn },
      ...(email === undefined ? [] : [{ subscriptionType: 'EMAIL', address: email }]),
    ];
    new CfnBudget(this, 'Budget', {
      budget: {
        budgetName: names(config).prefix,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: monthlyUsd, unit: 'USD' },
        costFilters: { TagKeyValue: [`user:application$${config.tags.application ?? APPLICATION}`] },
      },
      notificationsWithSubscribers: [
        { notificationType: 'ACTUAL', threshold: 80 },
        { notificationType: 'FORECASTED', threshold: 100 },
      ].map(({ notificationType, threshold }) => ({
        notification: { notificationType, threshold, thresholdType: 'PERCENTAGE', comparisonOperator: 'GREATER_THAN' },
        subscribers,
      })),
    });
  }
}
