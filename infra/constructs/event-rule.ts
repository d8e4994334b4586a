import { CfnRule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

export interface EventRuleProps {
  readonly description: string;
  readonly eventBusName?: string;
  readonly eventPattern: object;
  readonly targetArn: string;
  readonly deadLetters: IQueue;
  readonly inputTransformer?: CfnRule.InputTransformerProperty;
}

/** A rule with one target, a day of retries, and dead letters. Its queues must allow `eventsMaySend`. */
export function eventRule(scope: Construct, id: string, props: EventRuleProps): CfnRule {
  const { description, eventBusName, eventPattern, targetArn, deadLetters, inputTransformer } = props;
  return new CfnRule(scope, id, {
    description,
    eventPattern,
    state: 'ENABLED',
    ...(eventBusName === undefined ? {} : { eventBusName }),
    targets: [
      {
        id: 'target',
        arn: targetArn,
        deadLetterConfig: { arn: deadLetters.queueArn },
        retryPolicy: { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 },
        ...(inputTransformer === undefined ? {} : { inputTransformer }),
      },
    ],
  });
}

/** Lets rules of this account put events into a queue. */
export const eventsMaySend = (queue: IQueue, account: string): void => serviceMaySend(queue, 'events', account);

/** Lets a service put messages into a queue on behalf of this account's resources. */
export function serviceMaySend(queue: IQueue, service: 'events' | 'sns' | 'scheduler', account: string): void {
  queue.addToResourcePolicy(
    new PolicyStatement({
      sid: `${service.charAt(0).toUpperCase()}${service.slice(1)}OfThisAccount`,
      principals: [new ServicePrincipal(`${service}.amazonaws.com`)],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { StringEquals: { 'aws:SourceAccount': account } },
    }),
  );
}
