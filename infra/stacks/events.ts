import { Stack, type StackProps } from 'aws-cdk-lib';
import { EventBus, type IEventBus } from 'aws-cdk-lib/aws-events';
import type { Construct } from 'constructs';
import { environmentOf } from '../../src/contracts/env.ts';
import { ANNOUNCEMENT_SOURCE } from '../../src/contracts/events.ts';
import { FUNCTIONS, functionCode } from '../bundling/code.ts';
import type { Config } from '../config.ts';
import { conforms } from '../conforms.ts';
import { eventRule } from '../constructs/event-rule.ts';
import type { Keys } from '../constructs/keys.ts';
import { consumes, opens } from '../constructs/permissions.ts';
import { type FunctionPlatform, ServiceFunction } from '../constructs/service-function.ts';
import type { TenantSecrets } from '../constructs/tenant-secrets.ts';
import { names } from '../names.ts';
import { STAGE_LIMITS } from '../stages.ts';
import type { QueuesStack } from './queues.ts';

export interface EventsProps extends StackProps {
  readonly config: Config;
  readonly keys: Keys;
  readonly secrets: TenantSecrets;
  readonly platform: FunctionPlatform;
  readonly queues: QueuesStack;
}

/** Terminal states go on a bus; tenants with a webhook get theirs as signed requests, repeated until taken. */
export class EventsStack extends Stack {
  readonly bus: IEventBus;
  readonly functions: ServiceFunction[];

  constructor(scope: Construct, id: string, props: EventsProps) {
    super(scope, id, props);
    const { config, keys, queues } = props;
    this.bus = conforms<IEventBus>(
      new EventBus(this, 'Bus', {
        eventBusName: names(config).eventBus,
        kmsKey: keys.messages,
        deadLetterQueue: queues.operations,
      }),
    );
    const hooked = config.webhooks.map(({ tenant }) => tenant);
    this.functions = hooked.length === 0 ? [] : [this.#webhooks(props, hooked)];
  }

  #webhooks({ config, platform, queues, secrets, keys }: EventsProps, tenants: string[]): ServiceFunction {
    const lane = queues.webhooks;
    eventRule(this, 'Announcements', {
      eventBusName: this.bus.eventBusName,
      description: 'Terminal states of tenants that have a webhook',
      eventPattern: { source: [ANNOUNCEMENT_SOURCE], detail: { tenant: tenants } },
      targetArn: lane.queue.queueArn,
      deadLetters: lane.deadLetters,
    });
    const webhook = new ServiceFunction(this, 'Webhook', {
      platform,
      name: 'webhook',
      code: functionCode('functions/sweep', FUNCTIONS.webhook),
      environment: environmentOf('webhook', {
        stage: config.stage,
        webhookSecretPrefix: names(config).secretPrefix,
        webhooks: JSON.stringify(config.webhooks),
        maxReceiveCount: String(STAGE_LIMITS.webhook.maxReceiveCount),
      }),
      memoryMiB: 256,
      timeoutSeconds: STAGE_LIMITS.webhook.timeoutSeconds,
      concurrency: 5,
      deadLetters: lane.deadLetters,
      statements: [...consumes(lane), ...opens(keys.data, 'secretsmanager')],
      secretArns: secrets.webhookKeyArns,
    });
    webhook.consume(lane, { batchSize: 1, maxConcurrency: 5 });
    return webhook;
  }
}
