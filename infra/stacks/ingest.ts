import { Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { environmentOf } from '../../src/contracts/env.ts';
import { FUNCTIONS, functionCode } from '../bundling/code.ts';
import { type Config, uploadMaxBytes } from '../config.ts';
import { Layers } from '../constructs/layers.ts';
import { announces, consumes, keepsRuns, opens, reads, sends } from '../constructs/permissions.ts';
import { ServiceFunction } from '../constructs/service-function.ts';
import { names } from '../names.ts';
import { type LaneName, lanesOf, type Shared, storeEnvironment } from '../shared.ts';
import { STAGE_LIMITS } from '../stages.ts';

/** Reads uploads, checks and de-identifies them, ranks series and hands on candidate slices. */
export class IngestStack extends Stack {
  readonly functions: ServiceFunction[];
  readonly #layers = new Layers(this, 'Layers');

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; shared: Shared }) {
    super(scope, id, props);
    const { sizes } = props.config;
    this.functions = [
      this.#ingest('Uploads', 'uploads', props.shared, sizes.ingestConcurrency),
      this.#ingest('Backfill', 'backfill', props.shared, sizes.backfillConcurrency),
    ];
  }

  #ingest(id: string, lane: LaneName, shared: Shared, concurrency: number): ServiceFunction {
    const { platform, buckets, keys, secrets, studies, bus, stageData } = shared;
    const { config } = platform;
    const { ingest, detect } = lanesOf(shared, lane);
    const source = lane === 'uploads' ? buckets.uploads : buckets.backfill;
    // A backfill's bucket holds its lists too, which name the archive's objects.
    const studiesOf = lane === 'uploads' ? '*' : 'in/*';
    const { timeoutSeconds, maxReceiveCount, leaseSeconds } = STAGE_LIMITS.ingest;
    const stage = new ServiceFunction(this, id, {
      platform,
      name: lane === 'uploads' ? 'ingest' : 'backfill-ingest',
      code: functionCode('functions/ingest', FUNCTIONS.ingest),
      environment: environmentOf('ingest', {
        ...storeEnvironment(shared),
        uploadsBucket: source.bucketName,
        tenantKeysSecretPrefix: names(config).secretPrefix,
        tenants: config.tenants.join(','),
        detectQueueUrl: detect.queue.queueUrl,
        uploadMaxBytes: String(uploadMaxBytes(config)),
        maxReceiveCount: String(maxReceiveCount),
        leaseSeconds: String(leaseSeconds),
        tier: config.analyze.tier,
      }),
      memoryMiB: config.sizes.ingestMemoryMiB,
      timeoutSeconds,
      concurrency,
      ephemeralStorageMiB: 4096,
      architecture: Architecture.X86_64,
      layers: this.#layers.of('pictures', 'models'),
      deadLetters: ingest.deadLetters,
      placement: shared.placement,
      managedPolicies: [stageData],
      statements: [
        ...consumes(ingest),
        ...sends(detect),
        ...reads(source, [studiesOf], true),
        ...keepsRuns(studies),
        ...announces(bus),
        ...opens(keys.data, 'secretsmanager'),
      ],
      secretArns: secrets.pseudonymKeyArns,
    });
    stage.consume(ingest, { batchSize: 1, maxConcurrency: concurrency });
    return stage;
  }
}
