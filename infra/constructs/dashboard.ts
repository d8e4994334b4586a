import { Duration } from 'aws-cdk-lib';
import {
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  MathExpression,
  Metric,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { names, tasksOf } from '../names.ts';
import type { Observed } from '../observed.ts';
import { COST_PER_WORKER_HOUR_USD } from '../prices.ts';
import { VARIANT } from './async-endpoint.ts';
import { MINUTE } from './backlog-scaling.ts';
import type { StudyMetrics } from './study-metrics.ts';

const FIVE_MINUTES = Duration.minutes(5);
const STAGES = ['ingest', 'detect', 'analyze'] as const;

/** One page: what ends how, how long it takes, what waits, what the GPUs do, what it costs. */
export function dashboard(scope: Construct, id: string, props: Observed, metrics: StudyMetrics): Dashboard {
  const { config, shared } = props;
  const board = new Dashboard(scope, id, { dashboardName: names(config).prefix });
  const search = (title: string, metricName: string, dimension: string): IWidget =>
    graph(title, [
      new MathExpression({ expression: metrics.search(metricName, dimension), label: '', period: FIVE_MINUTES }),
    ]);
  const { uploads, backfill } = shared.queues;
  board.addWidgets(
    new TextWidget({ markdown: `# discflow ${config.stage}\n[Runbook](${config.runbookUrl})`, width: 24, height: 2 }),
  );
  board.addWidgets(
    graph(
      'Studies by status',
      ['done', 'needs_review', 'rejected', 'failed', 'quarantined'].map((status) => metrics.ended('run', status)),
    ),
    search('Studies by first reason', 'EndedByReason', 'reason'),
    search('Studies by tenant', 'EndedByTenant', 'tenant'),
  );
  board.addWidgets(
    graph(
      'Latency by stage, p50 and p95, ms',
      STAGES.flatMap((stage) => ['p50', 'p95'].map((statistic) => metrics.latency(stage, statistic))),
    ),
    graph(
      'Age of the oldest message, s',
      STAGES.map((stage) => uploads[stage].queue.metricApproximateAgeOfOldestMessage({ period: MINUTE, label: stage })),
    ),
    graph(
      'Waiting messages, uploads and backfill',
      STAGES.flatMap((stage) => [
        uploads[stage].queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, label: stage }),
        backfill[stage].queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, label: `backfill ${stage}` }),
      ]),
    ),
  );
  board.addWidgets(
    graph('Workers and their use', workers(props)),
    graph('Cost a study, workers alone, USD', [costPerStudy(props, metrics)]),
  );
  return board;
}

const graph = (title: string, left: IMetric[]): IWidget => new GraphWidget({ title, left, width: 8, height: 6 });

const gpuTasks = ({ analyze, config }: Observed): Metric | undefined =>
  analyze.gpu === undefined
    ? undefined
    : new Metric({
        namespace: 'ECS/ContainerInsights',
        metricName: 'RunningTaskCount',
        dimensionsMap: tasksOf(config),
        statistic: 'Average',
        period: FIVE_MINUTES,
      });

function workers(props: Observed): IMetric[] {
  const { analyze, config } = props;
  const tasks = gpuTasks(props);
  if (tasks !== undefined) {
    const reserved = new Metric({
      namespace: 'AWS/ECS',
      metricName: 'GPUReservation',
      dimensionsMap: { ClusterName: tasksOf(config).ClusterName },
      period: FIVE_MINUTES,
    });
    return [tasks, reserved];
  }
  if (config.analyze.backend === 'sagemaker-async') {
    const dimensionsMap = { EndpointName: names(config).endpoint, VariantName: VARIANT };
    return ['GPUUtilization', 'GPUMemoryUtilization', 'CPUUtilization'].map(
      (metricName) =>
        new Metric({ namespace: '/aws/sagemaker/Endpoints', metricName, dimensionsMap, period: FIVE_MINUTES }),
    );
  }
  return analyze.functions.map((fn) =>
    fn.metric('ConcurrentExecutions', { statistic: 'Maximum', period: FIVE_MINUTES }),
  );
}

/** Worker time bought in the period over studies ended in it; idle time is in it, as it is in the bill. */
function costPerStudy(props: Observed, metrics: StudyMetrics): MathExpression {
  const { config, analyze } = props;
  const ended = {
    done: metrics.ended('run', 'done').with({ period: FIVE_MINUTES }),
    review: metrics.ended('run', 'needs_review').with({ period: FIVE_MINUTES }),
  };
  const tasks = gpuTasks(props);
  const price = COST_PER_WORKER_HOUR_USD[config.analyze.backend];
  const studies = 'IF(FILL(done, 0) + FILL(review, 0) > 1, FILL(done, 0) + FILL(review, 0), 1)';
  if (tasks !== undefined)
    return new MathExpression({
      label: 'USD',
      expression: `FILL(tasks, 0) * ${price} / 12 / ${studies}`,
      usingMetrics: { tasks, ...ended },
      period: FIVE_MINUTES,
    });
  if (config.analyze.backend === 'sagemaker-async') {
    const instances = new Metric({
      namespace: '/aws/sagemaker/Endpoints',
      metricName: 'CPUUtilization',
      dimensionsMap: { EndpointName: names(config).endpoint, VariantName: VARIANT },
      statistic: 'SampleCount',
      period: FIVE_MINUTES,
    });
    return new MathExpression({
      label: 'USD',
      expression: `FILL(samples, 0) / 5 * ${price} / 12 / ${studies}`,
      usingMetrics: { samples: instances, ...ended },
      period: FIVE_MINUTES,
    });
  }
  const busy = analyze.functions[0]!.metric('Duration', { period: FIVE_MINUTES });
  return new MathExpression({
    label: 'USD',
    expression: `FILL(ms, 0) / 3600000 * ${price} / ${studies}`,
    usingMetrics: { ms: busy, ...ended },
    period: FIVE_MINUTES,
  });
}
