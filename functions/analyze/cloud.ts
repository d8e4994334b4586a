import { type AwsClients, clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { EventBridgeAnnouncer } from '../../src/aws/eventbridge-announcer.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { createEngine } from '../../src/inference/engine.ts';
import { hostFacts } from '../../src/inference/host.ts';
import { createPictureEncoder } from '../../src/pictures/encoder.ts';
import type { AnalyzeDeps } from '../../src/pipeline/analyze-stage.ts';
import type { Announcer, Engine } from '../../src/pipeline/ports.ts';

export interface CloudEnv {
  readonly dataBucket: string;
  readonly table: string;
  readonly eventBus: string;
  readonly leaseSeconds: number;
  readonly packFolder: string;
  readonly provider: 'cpu' | 'cuda';
  readonly threads: number;
}

export interface CloudAnalyze {
  readonly deps: AnalyzeDeps;
  readonly clients: AwsClients;
  close(): Promise<void>;
}

/**
 * What the analyze stage needs, over the services of the region. Where the CUDA provider cannot be loaded the engine
 * falls back to the processor and says so in every `run.json`.
 */
export function composeAnalyze(
  env: CloudEnv,
  over: { announcer?: Announcer; wrap?: (engine: Engine) => Engine } = {},
): CloudAnalyze {
  const clients = createClients(clientOptionsFrom(process.env));
  const engine = createEngine({
    packDirs: [env.packFolder],
    providers: env.provider === 'cuda' ? ['cuda', 'cpu'] : ['cpu'],
    ...(env.provider === 'cuda' ? { workers: 1 } : {}),
    ...(env.threads === 0 ? {} : { intraOpNumThreads: env.threads }),
  });
  const deps: AnalyzeDeps = {
    data: new S3ObjectStore(clients.s3, env.dataBucket),
    runs: new DynamoRuns(clients.documents, env.table),
    announcer: over.announcer ?? EventBridgeAnnouncer.on(env.eventBus),
    pictures: createPictureEncoder(),
    clock: { nowMs: Date.now },
    log: createLogger({ service: 'analyze' }),
    leaseMs: env.leaseSeconds * 1000,
    engine: over.wrap?.(engine) ?? engine,
    host: hostFacts(),
  };
  return {
    deps,
    clients,
    async close() {
      await engine.close();
      clients.close();
    },
  };
}
