import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { names } from '../names.ts';

/** The article of docs/runbook.md that an alarm links to: the heading's anchor. */
export type Article =
  | 'dead-letters'
  | 'old-messages'
  | 'function-errors'
  | 'failed-studies'
  | 'sweep-silent'
  | 'no-gpu-worker'
  | 'endpoint-errors'
  | 'api-errors'
  | 'api-slow'
  | 'table-errors'
  | 'webhooks-failing';

export interface AlarmRule {
  readonly article: Article;
  /** What it means for patients and staff if nobody acts. */
  readonly impact: string;
  readonly metric: IMetric;
  readonly threshold: number;
  readonly minutes?: number;
  readonly below?: boolean;
  readonly missingIsBad?: boolean;
}

/** Alarms that say what suffers and where to read on. */
export class Alarms extends Construct {
  readonly all: Alarm[] = [];
  readonly #config: Config;
  readonly #topic: ITopic;

  constructor(scope: Construct, id: string, { config, topic }: { config: Config; topic: ITopic }) {
    super(scope, id);
    this.#config = config;
    this.#topic = topic;
  }

  add(id: string, rule: AlarmRule): Alarm {
    const { runbookUrl } = this.#config;
    const alarm = new Alarm(this, id, {
      alarmName: `${names(this.#config).prefix}-${id}`,
      alarmDescription: `Impact: ${rule.impact} Runbook: ${runbookUrl}#${rule.article}`,
      metric: rule.metric,
      threshold: rule.threshold,
      evaluationPeriods: rule.minutes ?? 1,
      comparisonOperator:
        rule.below === true
          ? ComparisonOperator.LESS_THAN_THRESHOLD
          : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: rule.missingIsBad === true ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    const action = new SnsAction(this.#topic);
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
    this.all.push(alarm);
    return alarm;
  }
}
