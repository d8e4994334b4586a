import { Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { environmentOf } from '../../src/contracts/env.ts';
import { FUNCTIONS, functionCode } from '../bundling/code.ts';
import type { Config } from '../config.ts';
import { Layers } from '../constructs/layers.ts';
import { announces, consumes, keepsRuns, sends } from '../constructs/permissions.ts';
import { ServiceFunction } from '../constructs/service-function.ts';
import { type LaneName, lanesOf, type Shared, storeEnvironment } from '../shared.ts';
import { STAGE_LIMITS } from '../stages.ts';

/** Chooses the slice, finds the lumbar region and its discs, names them and cuts the crops. */
export class DetectStack extends Stack {
  readonly functions: ServiceFunction[];
  readonly #layers = new Layers(this, 'Layers');

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; shared: Shared }) {
    super(scope, id, props);
    const { sizes } = props.config;
    this.functions = [
      this.#detect('Uploads', 'uploads', props.shared, sizes.detectConcurrency),
      this.#detect('Backfill', 'backfill', props.shared, sizes.backfillConcurrency),
    ];
  }

  #detect(id: string, lane: LaneName, shared: Shared, concurrency: number): ServiceFunction {
    const { platform, studies, bus, stageData } = shared;
    const { config } = platform;
    const { detect, analyze } = lanesOf(shared, lane);
    const { timeoutSeconds, maxReceiveCount, leaseSeconds } = STAGE_LIMITS.detect;
    const stage = new ServiceFunction(this, id, {
      platform,
      name: lane === 'uploads' ? 'detect' : 'backfill-detect',
      code: functionCode('functions/detect', FUNCTIONS.detect),
      environment: environmentOf('detect', {
        ...storeEnvironment(shared),
        analyzeQueueUrl: analyze.queue.queueUrl,
        maxReceiveCount: String(maxReceiveCount),
        leaseSeconds: String(leaseSeconds),
      }),
      memoryMiB: config.sizes.detectMemoryMiB,
      timeoutSeconds,
      concurrency,
      architecture: Architecture.X86_64,
      layers: this.#layers.of('pictures', 'inference', 'models'),
      deadLetters: detect.deadLetters,
      placement: shared.placement,
      managedPolicies: [stageData],
      statements: [...consumes(detect), ...sends(analyze), ...keepsRuns(studies), ...announces(bus)],
    });
    stage.consume(detect, { batchSize: 1, maxConcurrency: concurrency });
    return stage;
  }
}
