import { Stack, type StackProps } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { LambdaSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { environmentOf } from '../../src/contracts/env.ts';
import { FUNCTIONS, functionCode } from '../bundling/code.ts';
import type { Config } from '../config.ts';
import { AsyncEndpoint, AsyncModel, INVOCATIONS_PREFIX } from '../constructs/async-endpoint.ts';
import { GpuService } from '../constructs/gpu-service.ts';
import { announces, consumes, keepsRuns, pseudonymises, readsAndWritesStudies } from '../constructs/permissions.ts';
import { allow, type Placement, ServiceFunction } from '../constructs/service-function.ts';
import { names } from '../names.ts';
import { type LaneName, lanesOf, type Shared, storeEnvironment } from '../shared.ts';
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
        this.functions = LANES.map((lane) => this.#onCpu(shared, lane));
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
        maxInstances: lane === 'uploads' ? config.analyze.maxWorkers : 1,
      });
    }
    return [...LANES.map((lane) => this.#submit(shared, lane, of[lane])), this.#notified(shared, model)];
  }

  /** Takes a message from the queue to the endpoint; the message stays a message until the request is accepted. */
  #submit(shared: Shared, lane: LaneName, endpointName: string): ServiceFunction {
    const { platform, buckets, keys } = shared;
    const { analyze } = lanesOf(shared, lane);
    const { timeoutSeconds, maxReceiveCount, leaseSeconds } = STAGE_LIMITS.submit;
    const concurrency = lane === 'uploads' ? 5 : 2;
    const submit = new ServiceFunction(this, `Submit-${lane}`, {
      platform,
      name: lane === 'uploads' ? 'submit' : 'backfill-submit',
      code: functionCode('functions/analyze', FUNCTIONS.submit),
      environment: environmentOf('submit', {
        ...storeEnvironment(shared),
        endpointName,
        invocationsPrefix: INVOCATIONS_PREFIX,
        maxReceiveCount: String(maxReceiveCount),
        leaseSeconds: String(leaseSeconds),
      }),
      memoryMiB: 256,
      timeoutSeconds,
      concurrency,
      deadLetters: analyze.deadLetters,
      placement: shared.placement,
      statements: [
        ...consumes(analyze),
        allow(
          ['sagemaker:InvokeEndpointAsync'],
          [this.formatArn({ service: 'sagemaker', resource: 'endpoint', resourceName: endpointName })],
        ),
        allow(['s3:PutObject'], [buckets.data.arnForObjects(`${INVOCATIONS_PREFIX}/*`)]),
        allow(['kms:Decrypt', 'kms:GenerateDataKey'], [keys.data.keyArn]),
        ...keepsRuns(shared.studies),
        ...announces(shared.bus),
      ],
    });
    submit.consume(analyze, { batchSize: 10, maxConcurrency: concurrency });
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
      deadLetters: queues.uploads.analyze.deadLetters,
      placement: shared.placement,
      statements: [...keepsRuns(studies), ...announces(bus)],
    });
    for (const topic of [model.succeeded, model.failed])
      topic.addSubscription(
        new LambdaSubscription(notified.function, { deadLetterQueue: queues.uploads.analyze.deadLetters }),
      );
    return notified;
  }

  #onCpu(shared: Shared, lane: LaneName): ServiceFunction {
    const { platform, layers } = shared;
    const { config } = platform;
    const { analyze } = lanesOf(shared, lane);
    const { timeoutSeconds, maxReceiveCount, leaseSeconds } = STAGE_LIMITS.analyzeOnCpu;
    const { analyzeConcurrency, backfillConcurrency, analyzeMemoryMiB } = config.sizes;
    const concurrency = lane === 'uploads' ? analyzeConcurrency : backfillConcurrency;
    const stage = new ServiceFunction(this, `OnCpu-${lane}`, {
      platform,
      name: lane === 'uploads' ? 'analyze' : 'backfill-analyze',
      code: functionCode('functions/analyze', FUNCTIONS.analyze),
      environment: environmentOf('analyze', {
        ...storeEnvironment(shared),
        maxReceiveCount: String(maxReceiveCount),
        leaseSeconds: String(leaseSeconds),
        threads: String(Math.max(1, Math.round(analyzeMemoryMiB / 1769))),
      }),
      memoryMiB: analyzeMemoryMiB,
      timeoutSeconds,
      concurrency,
      architecture: Architecture.X86_64,
      layers: [layers.pictures, layers.inference, layers.models],
      deadLetters: analyze.deadLetters,
      statements: [...consumes(analyze), ...this.#statements(shared)],
    });
    stage.consume(analyze, { batchSize: 1, maxConcurrency: concurrency });
    return stage;
  }

  #statements({ buckets, keys, studies, bus, secrets }: Shared): PolicyStatement[] {
    return [
      ...readsAndWritesStudies(buckets.data, keys.data),
      ...keepsRuns(studies),
      ...announces(bus),
      ...pseudonymises(secrets),
    ];
  }
}

function placementOf({ placement }: Shared): Placement {
  if (placement === undefined) throw new Error('GPU workers need the network stack');
  return placement;
}
