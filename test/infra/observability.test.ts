import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { backfillStepsUsd, INTERFACES, MODEL, perThousandUsd, readMeasured, readPrices } from '../../bench/cost.ts';
import { ANALYZE_BACKENDS } from '../../infra/config.ts';
import { COST_PER_STUDY_USD, COST_PER_WORKER_HOUR_USD } from '../../infra/prices.ts';
import { STUDIES_TABLE } from '../../src/contracts/table.ts';
import { build, get, json, listed, type PlacedResource, type Resource, type Statement } from './support.ts';

const apps = ANALYZE_BACKENDS.map((backend) => [backend, build('prod', backend)] as const);
const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );

/** The alarms that call somebody, with the article that each links to. */
const calling = (app: (typeof apps)[number][1]) =>
  app
    .of('AWS::CloudWatch::Alarm')
    .filter((alarm) => !String(get(alarm, 'AlarmDescription')).startsWith('Scales'))
    .map((alarm) => {
      const [, article = ''] = /^Impact: .+ Runbook: \S+#([a-z-]+)$/.exec(String(get(alarm, 'AlarmDescription'))) ?? [];
      return { alarm, article };
    });

const CLOUDWATCH = 'cloudwatch.amazonaws.com';
const ACTIONS = ['AlarmActions', 'OKActions', 'InsufficientDataActions'];

/** The statements of a topic's policies that are about publishing to it. */
const published = (app: (typeof apps)[number][1], topicId: string): Statement[] =>
  app
    .of('AWS::SNS::TopicPolicy')
    .filter((policy) => json(get(policy, 'Topics')).includes(topicId))
    .flatMap((policy) => listed(get(policy, 'PolicyDocument', 'Statement') as Statement[]))
    .filter(({ Action }) => listed(Action).includes('sns:Publish'));

const arnOf = (alarm: PlacedResource, region: string, account: string): string =>
  `arn:aws:cloudwatch:${region}:${account}:alarm:${String(get(alarm, 'AlarmName'))}`;

/** The text of a `Fn::Join` whose one reference is the partition. */
const joined = (value: unknown): string =>
  (value as { 'Fn::Join': [string, unknown[]] })['Fn::Join'][1]
    .map((part) => (typeof part === 'string' ? part : 'aws'))
    .join('');

const wildcard = (pattern: string): RegExp => new RegExp(`^${pattern.replaceAll('*', '.*')}$`);

describe.each(apps)('%s', (backend, app) => {
  test('every alarm says its impact, links to an article that is there, and calls', () => {
    expect(calling(app).length).toBeGreaterThanOrEqual(15);
    for (const { alarm, article } of calling(app)) {
      expect(anchorsOf(runbook), alarm.id).toContain(article);
      expect(listed(get(alarm, 'AlarmActions')), alarm.id).toHaveLength(1);
    }
  });

  test('every topic that an alarm calls lets the alarms of this account publish, and so does the key it is encrypted with', () => {
    const { account, region } = app.config;
    const topics = app.of('AWS::SNS::Topic');
    const called = topics.filter((topic) =>
      app
        .of('AWS::CloudWatch::Alarm')
        .some((alarm) => json([...ACTIONS.map((kind) => get(alarm, kind))]).includes(topic.id)),
    );
    expect(called.length).toBeGreaterThan(0);
    for (const topic of called) {
      const lets = published(app, topic.id).find(({ Principal }) => json(Principal).includes(CLOUDWATCH));
      expect(lets?.Effect, topic.id).toBe('Allow');
      expect(lets?.Condition?.StringEquals, topic.id).toEqual({ 'aws:SourceAccount': account });
      const pattern = joined(lets?.Condition?.ArnLike?.['aws:SourceArn']);
      for (const { alarm } of calling(app)) expect(arnOf(alarm, region, account)).toMatch(wildcard(pattern));
      const key = app.of('AWS::KMS::Key').find(({ id }) => json(get(topic, 'KmsMasterKeyId')).includes(id));
      const uses = listed(get(key, 'KeyPolicy', 'Statement') as Statement[]).filter(({ Principal }) =>
        json(Principal).includes(CLOUDWATCH),
      );
      expect(uses.flatMap(({ Action }) => Action)).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
    }
  });

  test('a sweep that fails each time raises its alarm, whenever in the hour its schedule was made', () => {
    const alarm = app.of('AWS::CloudWatch::Alarm').find(({ id }) => id.startsWith('Alarmserrorssweep'));
    const [period, threshold] = [Number(get(alarm, 'Period')), Number(get(alarm, 'Threshold'))];
    // Lambda tries an asynchronous call again after one minute and after two more.
    const tries = [0, 60, 180];
    const most = (phase: number): number => {
      const counts = new Map<number, number>();
      for (let call = 0; call < 12; call++)
        for (const after of tries) {
          const bucket = Math.floor((phase + call * 600 + after) / period);
          counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
        }
      return Math.max(...counts.values());
    };
    const silent = Array.from({ length: 600 }, (_, phase) => phase).filter((phase) => most(phase) < threshold);
    expect(silent).toEqual([]);
  });

  test('writes that the table or any of its indexes throttles raise an alarm', () => {
    const alarm = app.of('AWS::CloudWatch::Alarm').find(({ id }) => id.startsWith('Alarmstableerrors'));
    const metrics = json(get(alarm, 'Metrics'));
    for (const { name } of Object.values(STUDIES_TABLE.indexes))
      expect(metrics).toContain(json({ Name: 'GlobalSecondaryIndexName', Value: name }));
  });

  test('the dashboard shows what was promised', () => {
    const [dashboard] = app.of('AWS::CloudWatch::Dashboard');
    const body = json(get(dashboard, 'DashboardBody'));
    for (const title of [
      'Studies by status',
      'Studies by first reason',
      'Studies by tenant',
      'Latency by stage',
      'Age of the oldest message',
      'Workers and their use',
      'Cost a study',
    ])
      expect(body).toContain(title);
    const use = {
      'ecs-gpu': 'GPUReservation',
      'sagemaker-async': 'GPUUtilization',
      'lambda-cpu': 'ConcurrentExecutions',
    };
    expect(body).toContain(use[backend]);
  });

  test('the latency of every stage and the ends by tenant, status and reason are metrics, and none names a patient', () => {
    const filters = app.of('AWS::Logs::MetricFilter');
    const dimensions = filters.map((filter) =>
      (get(filter, 'MetricTransformations', 0, 'Dimensions') as Array<{ Key: string }>).map(({ Key }) => Key).join(),
    );
    expect(dimensions.sort()).toEqual(['kind,status', 'reason', 'stage', 'stage', 'stage', 'tenant,status']);
    for (const stage of ['ingest', 'detect', 'analyze'])
      expect(
        filters.some((filter) => String(get(filter, 'FilterPattern')).includes(`"${stage}"`)),
        stage,
      ).toBe(true);
  });

  test('a budget tells the alarm topic, at 80 % and at a forecast of 100 %', () => {
    const [budget] = app.of('AWS::Budgets::Budget');
    expect(get(budget, 'Budget', 'BudgetLimit', 'Amount')).toBe(2000);
    expect(get(budget, 'NotificationsWithSubscribers')).toHaveLength(2);
  });

  test("a backfill's budget reckons with the measured cost of 1,000 studies a day and its waiting, rounded up", () => {
    const prices = readPrices();
    const study = perThousandUsd(prices, readMeasured(), backend, 'ensemble', 1000);
    const measured = (study + backfillStepsUsd(prices, 20)) / 1000;
    expect(COST_PER_STUDY_USD[backend]).toBeGreaterThanOrEqual(measured);
    expect(COST_PER_STUDY_USD[backend]).toBeLessThan(measured + 0.001);
    const { gpuInstanceHour, endpointInstanceHour } = readPrices();
    if (backend === 'ecs-gpu') expect(COST_PER_WORKER_HOUR_USD[backend]).toBe(gpuInstanceHour);
    if (backend === 'sagemaker-async') expect(COST_PER_WORKER_HOUR_USD[backend]).toBe(endpointInstanceHour);
  });
});

test('the idle cost is reckoned with the endpoints, keys, secrets and metrics of alarms that are deployed', () => {
  for (const [backend, app] of apps) {
    const interfaces = app.of('AWS::EC2::VPCEndpoint').filter((one) => get(one, 'VpcEndpointType') === 'Interface');
    expect(interfaces, backend).toHaveLength(INTERFACES[backend]);
    expect(app.of('AWS::KMS::Key'), backend).toHaveLength(MODEL.keys);
    expect(app.of('AWS::SecretsManager::Secret'), backend).toHaveLength(MODEL.secrets);
  }
  const metricsOf = (alarm: Resource): number =>
    (alarm.Properties.Metrics as object[] | undefined)?.filter((metric) => 'MetricStat' in metric).length ?? 1;
  const most = apps.map(([, app]) =>
    app.of('AWS::CloudWatch::Alarm').reduce((sum, alarm) => sum + metricsOf(alarm), 0),
  );
  expect(Math.max(...most)).toBe(MODEL.alarmMetrics);
});

test('every article below Alarms, but the budget, belongs to an alarm of some backend', () => {
  const [, alarms = ''] = /## Alarms\n([\s\S]*?)\n## /.exec(runbook) ?? [];
  const linked = new Set(apps.flatMap(([, app]) => calling(app).map(({ article }) => article)));
  expect(anchorsOf(alarms).filter((article) => !linked.has(article))).toEqual(['budget']);
});

test('the runbook has the tasks that come with running discflow', () => {
  for (const task of [
    'redrive',
    'backfill',
    'key-rotation',
    'model-update',
    'tenant-on-boarding',
    'tenant-off-boarding',
    'restore',
  ])
    expect(anchorsOf(runbook)).toContain(task);
  expect(runbook).toMatch(/\*\*Shadow\.\*\*[\s\S]+\*\*Switch\.\*\*[\s\S]+\*\*Back\.\*\*/);
});
