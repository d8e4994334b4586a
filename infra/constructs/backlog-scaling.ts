import { Duration, Stack } from 'aws-cdk-lib';
import { CfnScalableTarget, CfnScalingPolicy } from 'aws-cdk-lib/aws-applicationautoscaling';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';

export interface ScalingTarget {
  readonly serviceNamespace: 'ecs' | 'sagemaker';
  readonly resourceId: string;
  readonly scalableDimension: 'ecs:service:DesiredCount' | 'sagemaker:variant:DesiredInstanceCount';
  readonly maxCapacity: number;
}

export interface StepRule {
  readonly metric: IMetric;
  readonly comparison: 'at least' | 'at most';
  readonly threshold: number;
  /** Minutes in a row. */
  readonly minutes: number;
  readonly adjust: 'by' | 'to';
  /** Steps above (or below) the threshold, by distance from it: `from` rises from 0. */
  readonly steps: ReadonlyArray<{ readonly from: number; readonly capacity: number }>;
  readonly cooldownSeconds: number;
}

/** Scales from zero and back to zero by rules of our own, each an alarm with one step policy. */
export class BacklogScaling extends Construct {
  readonly target: CfnScalableTarget;

  constructor(scope: Construct, id: string, target: ScalingTarget) {
    super(scope, id);
    this.target = new CfnScalableTarget(this, 'Target', { ...target, minCapacity: 0 });
  }

  rule(id: string, rule: StepRule): void {
    const atLeast = rule.comparison === 'at least';
    const policy = new CfnScalingPolicy(this, `${id}Policy`, {
      policyName: `${Stack.of(this).stackName}-${this.node.id}-${id}`,
      policyType: 'StepScaling',
      scalingTargetId: this.target.ref,
      stepScalingPolicyConfiguration: {
        adjustmentType: rule.adjust === 'by' ? 'ChangeInCapacity' : 'ExactCapacity',
        metricAggregationType: 'Maximum',
        cooldown: rule.cooldownSeconds,
        stepAdjustments: rule.steps.map(({ from, capacity }, index) => ({
          scalingAdjustment: capacity,
          ...(atLeast ? bounds(from, rule.steps[index + 1]?.from) : { metricIntervalUpperBound: 0 }),
        })),
      },
    });
    const alarm = new Alarm(this, id, {
      metric: rule.metric,
      comparisonOperator: atLeast
        ? ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
        : ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: rule.threshold,
      evaluationPeriods: rule.minutes,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      alarmDescription: 'Scales; asks nobody to act',
    });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policy.ref }) });
  }
}

const bounds = (from: number, to: number | undefined) => ({
  metricIntervalLowerBound: from,
  ...(to === undefined ? {} : { metricIntervalUpperBound: to }),
});

export const MINUTE = Duration.minutes(1);
