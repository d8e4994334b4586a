import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { bundle } from '../../infra/bundling/bundle.ts';
import { FUNCTIONS, LAYERS_OF } from '../../infra/bundling/code.ts';
import { copyNatives } from '../../infra/bundling/natives.ts';
import { type AwsClients, clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { environmentOf, type FunctionName } from '../../src/contracts/env.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';
import { type AwsStub, startAwsStub } from './aws-stub.ts';
import { putUpload, sqsEvent } from './deliver.ts';
import { DEFAULT_PACK } from './system.ts';

export type Bundled = keyof typeof FUNCTIONS;

export interface Invocation {
  readonly result: unknown;
  /** From spawning the process to the handler's answer. */
  readonly ms: number;
}

/** The functions as they are deployed, bundled with their layers, each call in a process of its own. */
export interface BundledSystem {
  readonly embedded: Embedded;
  readonly stub: AwsStub;
  readonly runs: DynamoRuns;
  readonly data: S3ObjectStore;
  readonly layers: string;
  codeOf(name: Bundled): string;
  invoke(name: Bundled, event: unknown, runtime?: string): Promise<Invocation>;
  /** The body of the next message of a queue. */
  next(queue: 'detect' | 'analyze'): Promise<string>;
  /** Puts an upload; gives the event that its notification becomes. */
  upload(tenant: string, uploadId: string, name: string, bytes: Uint8Array): Promise<unknown>;
  close(): Promise<void>;
}

/** Imports the handler as Lambda does, calls it once and prints what it answered. */
const RUNNER = `import(process.env.HANDLER)
  .then(({ handler }) => handler(JSON.parse(process.env.EVENT), {}))
  .then((result) => { process.stdout.write('\\n=' + JSON.stringify(result ?? null)); process.exit(0); })
  .catch((error) => { process.stderr.write(String(error?.stack ?? error)); process.exit(1); });`;

export async function startBundled(): Promise<BundledSystem> {
  const folder = mkdtempSync(join(tmpdir(), 'discflow-bundled-'));
  const layers = join(folder, 'layers');
  for (const layer of ['pictures', 'inference'] as const) copyNatives(layer, join(layers, layer));
  for (const name of Object.keys(FUNCTIONS) as Bundled[])
    bundle({ entries: FUNCTIONS[name], outputFolder: join(folder, name) });
  const embedded = await startEmbedded({ dataDir: null });
  const stub = await startAwsStub(embedded.credentials);
  const clients = createClients(clientOptionsFrom(embedded.env));
  const uploads = new S3ObjectStore(clients.s3, embedded.buckets.uploads);
  const codeOf = (name: Bundled) => join(folder, name);
  return {
    ...{ embedded, stub, layers, codeOf },
    runs: new DynamoRuns(clients.documents, embedded.table),
    data: new S3ObjectStore(clients.s3, embedded.buckets.data),
    invoke: (name, event, runtime = process.execPath) =>
      call(runtime, {
        PATH: process.env.PATH,
        ...embedded.env,
        ...stub.env,
        ...environmentOf(...environment(name, embedded)),
        NODE_PATH: LAYERS_OF[name].map((layer) => join(layers, layer, 'node_modules')).join(':'),
        HANDLER: join(codeOf(name), 'handler.js'),
        EVENT: JSON.stringify(event),
      }),
    next: (queue) => receive(clients, embedded.queueUrls[queue]),
    upload: async (tenant, uploadId, name, bytes) =>
      sqsEvent([JSON.stringify(await putUpload({ embedded, uploads }, tenant, uploadId, name, bytes))]),
    async close() {
      clients.close();
      await embedded.close();
      await stub.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** What the stacks set, as far as a call needs it. */
function environment(
  name: Bundled,
  { buckets, table, queueUrls }: Embedded,
): Parameters<typeof environmentOf<FunctionName>> {
  const store = { stage: 'test', dataBucket: buckets.data, table, eventBus: 'bus' };
  const packFolder = DEFAULT_PACK;
  const of: { [Name in Bundled]: Parameters<typeof environmentOf<FunctionName>>[1] } = {
    ingest: {
      ...store,
      packFolder,
      uploadsBucket: buckets.uploads,
      tenantKeysSecretPrefix: 'discflow/test/tenants/',
      detectQueueUrl: queueUrls.detect,
      uploadMaxBytes: '100000000',
    },
    detect: { ...store, packFolder, analyzeQueueUrl: queueUrls.analyze },
    analyze: { ...store, packFolder },
    submit: { ...store, endpointName: 'uploads', backfillEndpointName: 'backfill', backfillQueueArn: 'arn' },
    notified: store,
    sweep: { stage: 'test', table, eventBus: 'bus' },
    api: {
      stage: 'test',
      uploadsBucket: buckets.uploads,
      dataBucket: buckets.data,
      table,
      tenantRoleArn: 'arn:aws:iam::000000000000:role/tenant',
      tenants: 'demo',
      authKind: 'jwt',
      uploadMaxBytes: '100000000',
    },
    webhook: {
      stage: 'test',
      webhookSecretPrefix: 'discflow/test/tenants/',
      webhooks: JSON.stringify([{ tenant: 'demo', url: 'https://127.0.0.1:1/hook' }]),
    },
    backfill: {
      stage: 'test',
      uploadsBucket: buckets.data,
      table,
      backfillQueueUrl: queueUrls.ingest,
      detectQueueUrl: queueUrls.detect,
      analyzeQueueUrl: queueUrls.analyze,
      costPerStudyUsd: '0.01',
    },
  };
  return [name, of[name]];
}

async function receive({ sqs }: AwsClients, QueueUrl: string): Promise<string> {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
  const body = Messages[0]?.Body;
  if (body === undefined) throw new Error('the queue is empty');
  return body;
}

function call(runtime: string, env: NodeJS.ProcessEnv): Promise<Invocation> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(runtime, ['-e', RUNNER], { env });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      const ms = performance.now() - started;
      const answer = out.split('\n=').at(-1) ?? '';
      if (code === 0) resolve({ result: JSON.parse(answer), ms });
      else reject(new Error(`the handler threw: ${err.slice(-1000)}`));
    });
  });
}
