import { Stack, type StackProps } from 'aws-cdk-lib';
import { type PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnSubscription, type Topic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { environmentOf } from '../../src/contracts/env.ts';
import { INVOCATIONS_PREFIX } from '../../src/contracts/keys.ts';
import { FUNCTIONS, functionCode } from '../bundling/code.ts';
import type { Config } from '../config.ts';
import { AsyncEndpoint, AsyncModel, REQUEST_TTL_SECONDS } from '../constructs/async-endpoint.ts';
import { GpuService } from '../constructs/gpu-service.ts';
import { Layers } from '../constructs/layers.ts';
import { logGroup } from '../constructs/logs.ts';
import { announces, consumes, keepsRuns, opens } from '../constructs/permissions.ts';
import { allow, type Placement, ServiceFunction } from '../constructs/service-function.ts';
import { names } from '../names.ts';
import { type LaneName, type Shared, storeEnvironment } from '../shared.ts';
import { analyzeLimits, STAGE_LIMITS } from '../stages.ts';

const LANES: readonly LaneName[] = ['uploads', 'backfill'];

/** The ensembles: on GPU tasks, on an asynchronous endpoint, or on plain functions. */
export class AnalyzeStack extends Stack {
  readonly functions: ServiceFunction[];
  readonly gpu: GpuService | undefined;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; shared: Shared }) {
    super(scope, id, props);
    const { config, shared } = props;
    switch (config.analyze.backend) {
      case 'ecs-gpu':
        this.gpu = this.#tasks(shared, placementOf(shared));
        this.functions = [];
        break;
      case 'sagemaker-async':
        this.functions = this.#endpoints(shared, placementOf(shared));
        break;
      case 'lambda-cpu':
        this.functions = [this.#onCpu(shared)];
        break;
    }
  }

  #tasks(shared: Shared, placement: Placement): GpuService {
    const { platform, queues, keys } = shared;
    const { config } = platform;
    const { maxReceiveCount, leaseSeconds, visibilitySeconds } = analyzeLimits(config);
    const { uploads, backfill } = queues;
    return new GpuService(this, 'Gpu', {
      config,
      logs: this.#logs(shared),
      logKey: keys.logs,
      volumeKey: keys.data,
      placement,
      uploads,
      backfill,
      environment: environmentOf('analyzeWorker', {
        ...storeEnvironment(shared),
        analyzeQueueUrl: uploads.analyze.queue.queueUrl,
        backfillAnalyzeQueueUrl: backfill.analyze.queue.queueUrl,
        maxReceiveCount: String(maxReceiveCount),
        leaseSeconds: String(leaseSeconds),
        visibilitySeconds: String(visibilitySeconds),
        provider: 'cuda',
      }),
      stageData: shared.stageData,
      statements: [
        ...this.#statements(shared),
        ...consumes(uploads.analyze),
        ...consumes(backfill.analyze),
        allow(['kms:Decrypt', 'kms:GenerateDataKey'], [keys.messages.keyArn]),
      ],
    });
  }

  #endpoints(shared: Shared, placement: Placement): ServiceFunction[] {
    const { platform, buckets, keys } = shared;
    const { config } = platform;
    const { maxReceiveCount, leaseSeconds } = STAGE_LIMITS.analyzeOnCpu;
    const model = new AsyncModel(this, 'Model', {
      config,
      placement,
      bucket: buckets.data,
      messageKey: keys.messages,
      environment: environmentOf('analyzeServer', {
        ...storeEnvironment(shared),
        maxReceiveCount: String(maxReceiveCount),
        leaseSeconds: String(leaseSeconds),
        provider: 'cuda',
      }),
      statements: this.#statements(shared),
      stageData: shared.stageData,
    });
    const { endpoint, backfillEndpoint } = names(config);
    const of = { uploads: endpoint, backfill: backfillEndpoint } as const;
    for (const lane of LANES) {
      new AsyncEndpoint(this, `Endpoint-${lane}`, {
        endpointName: of[lane],
        model,
        config,
        bucket: buckets.data,
        dataKey: keys.data,
        logKey: keys.logs,
        maxInstances: lane === 'uploads' ? config.analyze.maxWorkers : 1,
      });
    }
    return [this.#submit(shared, of), this.#notified(shared, model)];
  }

  /** Takes messages from both queues to the endpoint of their lane; a message stays one until its request is accepted. */
  #submit(shared: Shared, endpoints: Record<LaneName, string>): ServiceFunction {
    const { platform, buckets, keys, queues } = shared;
    const [uploads, backfill] = [queues.uploads.analyze, queues.backfill.analyze];
    const { timeoutSeconds, maxReceiveCount, leaseSeconds } = STAGE_LIMITS.submit;
    const arnOf = (resourceName: string) =>
      this.formatArn({ service: 'sagemaker', resource: 'endpoint', resourceName });
    const submit = new ServiceFunction(this, 'Submit', {
      platform,
      name: 'submit',
      code: functionCode('functions/analyze', FUNCTIONS.submit),
      environment: environmentOf('submit', {
        ...storeEnvironment(shared),
        endpointName: endpoints.uploads,
        backfillEndpointName: endpoints.backfill,
        backfillQueueArn: backfill.queue.queueArn,
        invocationsPrefix: INVOCATIONS_PREFIX,
        requestTtlSeconds: String(REQUEST_TTL_SECONDS),
        maxReceiveCount: String(maxReceiveCount),
        leaseSeconds: String(leaseSeconds),
      }),
      memoryMiB: 256,
      timeoutSeconds,
      concurrency: 7,
      deadLetters: uploads.deadLetters,
      placement: shared.placement,
      statements: [
        ...consumes(uploads),
        ...consumes(backfill),
        allow(['sagemaker:InvokeEndpointAsync'], Object.values(endpoints).map(arnOf)),
        allow(['s3:PutObject'], [buckets.data.arnForObjects(`${INVOCATIONS_PREFIX}/*`)]),
        ...opens(keys.data, 's3'),
        ...keepsRuns(shared.studies),
        ...announces(shared.bus),
      ],
    });
    submit.consume(uploads, { batchSize: 10, maxConcurrency: 5 });
    submit.consume(backfill, { batchSize: 10, maxConcurrency: 2, id: 'Backfill' });
    return submit;
  }

  /** Turns what the endpoints report into terminal states. */
  #notified(shared: Shared, model: AsyncModel): ServiceFunction {
    const { platform, studies, bus, queues } = shared;
    const notified = new ServiceFunction(this, 'Notified', {
      platform,
      name: 'notified',
      code: functionCode('functions/analyze', FUNCTIONS.notified),
      environment: environmentOf('notified', storeEnvironment(shared)),
      memoryMiB: 256,
      timeoutSeconds: 30,
      concurrency: 5,
      deadLetters: queues.operations,
      placement: shared.placement,
      statements: [...keepsRuns(studies), ...announces(bus)],
    });
    for (const topic of [model.succeeded, model.failed]) subscribe(topic, notified, queues.operations);
    return notified;
  }

  /** One function for both lanes: it sends nothing on, and each lane's mapping has its own share of it. */
  #onCpu(shared: Shared): ServiceFunction {
    const { platform, queues } = shared;
    const { config } = platform;
    const { timeoutSeconds, maxReceiveCount, leaseSeconds } = STAGE_LIMITS.analyzeOnCpu;
    const { analyzeConcurrency, backfillConcurrency, analyzeMemoryMiB } = config.sizes;
    const [uploads, backfill] = [queues.uploads.analyze, queues.backfill.analyze];
    const stage = new ServiceFunction(this, 'OnCpu', {
      platform,
      name: 'analyze',
      logs: this.#logs(shared),
      code: functionCode('functions/analyze', FUNCTIONS.analyze),
      environment: environmentOf('analyze', {
        ...storeEnvironment(shared),
        maxReceiveCount: String(maxReceiveCount),
        leaseSeconds: String(leaseSeconds),
      }),
      memoryMiB: analyzeMemoryMiB,
      timeoutSeconds,
      concurrency: analyzeConcurrency + backfillConcurrency,
      architecture: Architecture.X86_64,
      layers: new Layers(this, 'Layers').of('pictures', 'inference', 'models'),
      deadLetters: uploads.deadLetters,
      managedPolicies: [shared.stageData],
      statements: [...consumes(uploads), ...consumes(backfill), ...this.#statements(shared)],
    });
    stage.consume(uploads, { batchSize: 1, maxConcurrency: analyzeConcurrency });
    stage.consume(backfill, { batchSize: 1, maxConcurrency: backfillConcurrency, id: 'Backfill' });
    return stage;
  }

  /** One group for tasks and functions alike: made anew under its old name, a change of the backend could not be deployed. */
  #logs({ platform, keys }: Shared): LogGroup {
    const { config } = platform;
    return logGroup(this, 'Logs', names(config).logGroup('analyze'), config, keys.logs);
  }

  #statements({ studies, bus }: Shared): PolicyStatement[] {
    return [...keepsRuns(studies), ...announces(bus)];
  }
}

/** What a topic cannot deliver goes to the dead letters; their queue lets SNS in for the whole account. */
function subscribe(topic: Topic, { function: fn }: ServiceFunction, deadLetters: IQueue): void {
  new CfnSubscription(fn, `Subscription-${topic.node.id}`, {
    topicArn: topic.topicArn,
    protocol: 'lambda',
    endpoint: fn.functionArn,
    redrivePolicy: { deadLetterTargetArn: deadLetters.queueArn },
  });
  fn.addPermission(`Invoke-${topic.node.id}`, {
    principal: new ServicePrincipal('sns.amazonaws.com'),
    sourceArn: topic.topicArn,
  });
}

function placementOf({ placement }: Shared): Placement {
  if (placement === undefined) throw new Error('GPU workers need the network stack');
  return placement;
}
