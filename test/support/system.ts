import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type AwsClients, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { HmacPseudonyms } from '../../src/aws/pseudonyms.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { RUN_FILES } from '../../src/contracts/keys.ts';
import type { AnalyzeMessage, Announcement, DetectMessage } from '../../src/contracts/messages.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';
import { createEngine } from '../../src/inference/engine.ts';
import { packHash } from '../../src/inference/pack-source.ts';
import { createPixelDecoder } from '../../src/pictures/decoder.ts';
import { createPictureEncoder } from '../../src/pictures/encoder.ts';
import type { AnalyzeDeps } from '../../src/pipeline/analyze-stage.ts';
import type { DetectDeps } from '../../src/pipeline/detect-stage.ts';
import type { IngestDeps } from '../../src/pipeline/ingest-stage.ts';
import type { Engine, LoadedPack, Logger, Queue, Tensor } from '../../src/pipeline/ports.ts';
import { DEFAULT_LIMITS } from '../../src/pipeline/prepare-files.ts';

export const DEFAULT_PACK = fileURLToPath(new URL('../../layers/models', import.meta.url));
export const LEASE_MS = 60_000;
/** Of the queues and of the handlers. */
export const MAX_RECEIVES = 3;

/** Sends into an array: what a stage handed on, for the test to deliver as it likes. */
export class Outbox<Message> implements Queue<Message> {
  readonly sent: Message[] = [];
  async send(message: Message): Promise<void> {
    this.sent.push(message);
  }
}

/** A clock that a test moves on. */
export class TestClock {
  #ms = Date.parse('2026-01-05T10:00:00Z');
  nowMs(): number {
    return this.#ms;
  }
  advance(ms: number): void {
    this.#ms += ms;
  }
}

export interface TestSystem {
  readonly embedded: Embedded;
  readonly clients: AwsClients;
  readonly data: S3ObjectStore;
  readonly uploads: S3ObjectStore;
  readonly runs: DynamoRuns;
  readonly clock: TestClock;
  readonly detectBox: Outbox<DetectMessage>;
  readonly analyzeBox: Outbox<AnalyzeMessage>;
  readonly announced: Announcement[];
  readonly logged: string[];
  readonly deps: IngestDeps & DetectDeps & AnalyzeDeps;
  close(): Promise<void>;
}

/** The stages' real adapters on embedded services; queues are boxes, so that a test decides on delivery. */
export async function startTestSystem(): Promise<TestSystem> {
  const embedded = await startEmbedded({ dataDir: null, maxReceiveCount: MAX_RECEIVES });
  const clients = createClients(embedded);
  const packSha256 = await packHash(DEFAULT_PACK);
  if (packSha256 === null) throw new Error('the default pack is missing');
  const engine = createEngine({ packDirs: [DEFAULT_PACK], workers: 1 });
  const decoder = createPixelDecoder();
  const detectBox = new Outbox<DetectMessage>();
  const analyzeBox = new Outbox<AnalyzeMessage>();
  const announced: Announcement[] = [];
  const logged: string[] = [];
  const note =
    (level: string): Logger['info'] =>
    (code, fields) => {
      logged.push(JSON.stringify({ level, code, ...fields }));
    };
  const clock = new TestClock();
  const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
  const uploads = new S3ObjectStore(clients.s3, embedded.buckets.uploads);
  const runs = new DynamoRuns(clients.documents, embedded.table);
  const secret = Buffer.alloc(32, 7);
  return {
    ...{ embedded, clients, data, uploads, runs, clock, detectBox, analyzeBox, announced, logged },
    deps: {
      ...{ data, uploads, runs, clock, decoder },
      engine: remembering(engine),
      detectQueue: detectBox,
      analyzeQueue: analyzeBox,
      announcer: {
        announce: async (announcement) => {
          announced.push(announcement);
        },
      },
      pictures: createPictureEncoder(),
      pseudonyms: new HmacPseudonyms({ current: async () => ({ version: 1, secret }) }),
      limits: DEFAULT_LIMITS,
      log: { info: note('info'), warn: note('warn'), error: note('error') },
      packSha256,
      tier: 'ensemble',
      leaseMs: LEASE_MS,
      host: { node: 'test', platform: 'test', onnxruntime: 'test' },
    },
    async close() {
      await decoder.close();
      await engine.close();
      clients.close();
      await embedded.close();
    },
  };
}

/** The real networks, each input run once: sweeps repeat the same picture many times. */
function remembering(engine: Engine): Engine {
  const known = new Map<string, ReturnType<LoadedPack['run']>>();
  const keyOf = (member: string, { dims, data }: Tensor) =>
    `${member} ${dims.join('x')} ${createHash('sha256')
      .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      .digest('hex')}`;
  return {
    async pack(sha256) {
      const pack = await engine.pack(sha256);
      return {
        manifest: pack.manifest,
        sha256: pack.sha256,
        get provider() {
          return pack.provider;
        },
        takesBatches: (member) => pack.takesBatches(member),
        async run(member, input) {
          const key = keyOf(member, input);
          const running = known.get(key) ?? pack.run(member, input);
          known.set(key, running);
          const { output, ms } = await running;
          return { output: { dims: output.dims, data: output.data.slice() }, ms };
        },
      };
    },
    close: () => engine.close(),
  };
}

/** Every object of a tenant by key and hash, with the tenant's and the run's names replaced; `run.json` tells times. */
export async function snapshot(system: TestSystem, tenant: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const key of system.data.list(`${tenant}/`)) {
    if (key.endsWith(RUN_FILES.run) || key.endsWith(RUN_FILES.detectTimings)) continue;
    const bytes = (await system.data.get(key)) ?? Buffer.alloc(0);
    const runKey = /\/runs\/([a-z2-7]{26})\//.exec(key)?.[1] ?? 'none';
    const plain = (text: string) => text.replaceAll(tenant, 'TENANT').replaceAll(runKey, 'RUN');
    const body = /\.(json|html|csv)$/.test(key) ? plain(bytes.toString('utf8')) : bytes;
    found[plain(key)] = createHash('sha256').update(body).digest('hex');
  }
  return found;
}
