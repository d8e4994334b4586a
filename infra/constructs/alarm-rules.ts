import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { STUDIES_TABLE } from '../../src/contracts/table.ts';
import { names, tasksOf } from '../names.ts';
import type { Observed } from '../observed.ts';
import type { Alarms } from './alarms.ts';
import { VARIANT } from './async-endpoint.ts';
import { MINUTE } from './backlog-scaling.ts';
import type { Lane } from './lane.ts';
import type { StudyMetrics } from './study-metrics.ts';

const FIVE_MINUTES = Duration.minutes(5);
/**
 * Of a failing sweep, which is called every ten minutes and tried again after one minute and after two more: three errors
 * fall into any quarter of an hour, and often not into the same five minutes, day after day.
 */
const A_SWEEP_WITH_ITS_RETRIES = Duration.minutes(15);

const lanes = ({ shared }: Observed): Record<string, Lane> => ({
  ingest: shared.queues.uploads.ingest,
  detect: shared.queues.uploads.detect,
  analyze: shared.queues.uploads.analyze,
  backfill: shared.queues.backfill.ingest,
});

/** Every alarm of a deployment, with what suffers and the runbook's article. */
export function addAlarms(alarms: Alarms, props: Observed, metrics: StudyMetrics): void {
  queueAlarms(alarms, props);
  functionAlarms(alarms, props);
  workerAlarms(alarms, props);
  const { shared, api, sweep } = props;
  const failed = metrics.ended('run', 'failed').with({ period: FIVE_MINUTES });
  alarms.add('failed-studies', {
    article: 'failed-studies',
    impact: 'Studies end without an answer; readers get none from us.',
    metric: failed,
    threshold: 3,
  });
  alarms.add('sweep-silent', {
    article: 'sweep-silent',
    impact: 'Runs whose worker died stay open and nobody is told.',
    metric: sweep.sweep.metric('Invocations', { period: Duration.minutes(30) }),
    threshold: 1,
    below: true,
    missingIsBad: true,
  });
  const http = (metricName: string, statistic: string) =>
    new Metric({
      namespace: 'AWS/ApiGateway',
      metricName,
      dimensionsMap: { ApiId: api.http.apiId, Stage: '$default' },
      statistic,
      period: FIVE_MINUTES,
    });
  alarms.add('api-errors', {
    article: 'api-errors',
    impact: 'Platforms cannot upload studies or fetch results.',
    metric: http('5xx', 'Sum'),
    threshold: 5,
  });
  alarms.add('api-slow', {
    article: 'api-slow',
    impact: 'Platforms wait for answers and may time out.',
    metric: http('Latency', 'p99'),
    threshold: 5000,
    minutes: 3,
  });
  const table = (metricName: string, index: Record<string, string> = {}) =>
    new Metric({
      namespace: 'AWS/DynamoDB',
      metricName,
      dimensionsMap: { TableName: shared.studies.tableName, ...index },
      statistic: 'Sum',
      period: FIVE_MINUTES,
    });
  // A write waits for every index, and DynamoDB counts what an index throttles under the index alone.
  const throttled = Object.fromEntries([
    ['reads', table('ReadThrottleEvents')],
    ['writes', table('WriteThrottleEvents')],
    ...Object.entries(STUDIES_TABLE.indexes).map(([id, { name }]) => [
      id,
      table('WriteThrottleEvents', { GlobalSecondaryIndexName: name }),
    ]),
  ]);
  alarms.add('table-errors', {
    article: 'table-errors',
    impact: 'Stages cannot record what they did; messages are repeated.',
    metric: new MathExpression({
      label: 'Throttled requests',
      expression: Object.keys(throttled)
        .map((id) => `FILL(${id}, 0)`)
        .join(' + '),
      usingMetrics: throttled,
      period: FIVE_MINUTES,
    }),
    threshold: 10,
  });
  alarms.add('webhooks-failing', {
    article: 'webhooks-failing',
    impact: 'A tenant is not told that its studies ended.',
    metric: shared.queues.operations.metricApproximateNumberOfMessagesVisible({
      period: MINUTE,
      statistic: 'Maximum',
    }),
    threshold: 1,
  });
}

function queueAlarms(alarms: Alarms, props: Observed): void {
  for (const [name, lane] of Object.entries(lanes(props))) {
    alarms.add(`dead-letters-${name}`, {
      article: 'dead-letters',
      impact: `Studies stopped at ${name} and ended as failed; they wait for a redrive.`,
      metric: lane.deadLetters.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' }),
      threshold: 1,
    });
    if (name === 'backfill') continue;
    alarms.add(`old-messages-${name}`, {
      article: 'old-messages',
      impact: `Uploads wait at ${name} longer than a reader should.`,
      metric: lane.queue.metricApproximateAgeOfOldestMessage({ period: MINUTE, statistic: 'Maximum' }),
      threshold: 1800,
      minutes: 3,
    });
  }
}

function functionAlarms(alarms: Alarms, { functions, sweep }: Observed): void {
  for (const fn of functions) {
    const period = fn === sweep.sweep ? A_SWEEP_WITH_ITS_RETRIES : FIVE_MINUTES;
    alarms.add(`errors-${fn.name}`, {
      article: 'function-errors',
      impact: `${fn.name} fails as a whole: a wrong deployment or environment, not a wrong study.`,
      metric: fn.metric('Errors', { period }),
      threshold: 3,
    });
  }
}

function workerAlarms(alarms: Alarms, { analyze, shared, config }: Observed): void {
  if (analyze.gpu !== undefined) {
    const running = new Metric({
      namespace: 'ECS/ContainerInsights',
      metricName: 'RunningTaskCount',
      dimensionsMap: tasksOf(config),
      statistic: 'Maximum',
      period: MINUTE,
    });
    const waiting = shared.queues.uploads.analyze.queue.metricApproximateNumberOfMessagesVisible({
      period: MINUTE,
      statistic: 'Minimum',
    });
    alarms.add('no-gpu-worker', {
      article: 'no-gpu-worker',
      impact:
        'Studies wait for the ensembles and no worker starts: no capacity, no quota, or an image that does not run.',
      metric: new MathExpression({
        label: 'Messages wait and no worker runs',
        expression: 'IF(waiting > 0 AND FILL(running, 0) < 1, 1, 0)',
        usingMetrics: { waiting, running },
        period: MINUTE,
      }),
      threshold: 1,
      minutes: 20,
    });
  }
  if (config.analyze.backend === 'sagemaker-async') {
    alarms.add('no-gpu-worker', {
      article: 'no-gpu-worker',
      impact:
        'Studies wait for the ensembles and the endpoint starts no instance: no capacity, no quota, a wrong image.',
      metric: new Metric({
        namespace: 'AWS/SageMaker',
        metricName: 'HasBacklogWithoutCapacity',
        dimensionsMap: { EndpointName: names(config).endpoint },
        statistic: 'Minimum',
        period: MINUTE,
      }),
      threshold: 1,
      minutes: 20,
    });
    alarms.add('endpoint-errors', {
      article: 'endpoint-errors',
      impact: 'Invocations of the endpoint fail; the sweep will end their runs as failed.',
      metric: new Metric({
        namespace: 'AWS/SageMaker',
        metricName: 'InvocationFailures',
        dimensionsMap: { EndpointName: names(config).endpoint, VariantName: VARIANT },
        statistic: 'Sum',
        period: FIVE_MINUTES,
      }),
      threshold: 3,
    });
  }
}
