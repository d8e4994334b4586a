import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { type AwsClients, clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { ENVIRONMENTS } from '../../src/contracts/env.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';
import { type AwsStub, startAwsStub } from './aws-stub.ts';
import { putUpload, sqsEvent } from './deliver.ts';
import { type LaidOut, layOutFunctions, resolved, type Synthesised, synthesise } from './deployed.ts';

export interface Invocation {
  readonly result: unknown;
  /** From spawning the process to the handler's answer. */
  readonly ms: number;
}

/**
 * The functions as they are deployed: each from the assets that its template names, with the variables that its
 * template sets, each call in a process of its own.
 */
export interface BundledSystem {
  readonly embedded: Embedded;
  readonly stub: AwsStub;
  readonly runs: DynamoRuns;
  readonly data: S3ObjectStore;
  /** By name without the stage; those of a lane of its own begin with `backfill-`. */
  readonly functions: ReadonlyMap<string, LaidOut>;
  readonly synthesised: readonly Synthesised[];
  invoke(name: string, event: unknown, runtime?: string): Promise<Invocation>;
  /** The body of the next message of a queue. */
  next(queue: 'detect' | 'analyze'): Promise<string>;
  /** Puts an upload; gives the event that its notification becomes. */
  upload(tenant: string, uploadId: string, name: string, bytes: Uint8Array): Promise<unknown>;
  close(): Promise<void>;
}

/** Imports the handler as Lambda does, which takes none with a callback, calls it once and prints what it answered. */
const RUNNER = `const [module, name] = process.env._HANDLER.split('.');
const context = { awsRequestId: 'request', getRemainingTimeInMillis: () => 30000 };
import(process.env.LAMBDA_TASK_ROOT + '/' + module + '.js')
  .then(({ [name]: handler }) => {
    if (handler.length > 2) throw new Error('the handler takes a callback');
    return handler(JSON.parse(process.env.EVENT), context);
  })
  .then((result) => { process.stdout.write('\\n=' + JSON.stringify(result ?? null)); process.exit(0); })
  .catch((error) => { process.stderr.write(String(error?.stack ?? error)); process.exit(1); });`;

/** With every optional function in it; those of an asynchronous endpoint come from a second synthesis. */
const CHANGE = {
  auth: { kind: 'jwt', issuer: 'https://tokens.example.org', audience: ['discflow'] },
  webhooks: [{ tenant: 'demo', url: 'https://receiver.invalid/hook' }],
};
const IMAGE = '000000000000.dkr.ecr.eu-central-1.amazonaws.com/discflow-analyze:1';

export async function startBundled(): Promise<BundledSystem> {
  const folder = mkdtempSync(join(tmpdir(), 'discflow-bundled-'));
  const synthesised = [
    synthesise('lambda-cpu', { change: CHANGE }),
    synthesise('sagemaker-async', {
      only: ['Analyze'],
      change: { analyze: { backend: 'sagemaker-async', imageUri: IMAGE } },
    }),
  ];
  const laidOut = synthesised.flatMap((each) =>
    layOutFunctions(each, folder).map((one) => [one.name, { ...one, from: each }] as const),
  );
  const functions = new Map(laidOut);
  const embedded = await startEmbedded({ dataDir: null });
  const stub = await startAwsStub(embedded.credentials);
  const clients = createClients(clientOptionsFrom(embedded.env));
  const uploads = new S3ObjectStore(clients.s3, embedded.buckets.uploads);
  return {
    ...{ embedded, stub, functions, synthesised },
    runs: new DynamoRuns(clients.documents, embedded.table),
    data: new S3ObjectStore(clients.s3, embedded.buckets.data),
    invoke(name, event, runtime = process.execPath) {
      const found = functions.get(name);
      if (found === undefined) throw new Error(`no template has a function ${name}`);
      const variables = resolved(found.from, found.variables, embedded);
      const packFolder = ENVIRONMENTS.detect.shape.packFolder.parse(variables.DISCFLOW_PACK_FOLDER);
      return call(runtime, found, {
        ...variables,
        ...endpointsOf(embedded, stub),
        DISCFLOW_PACK_FOLDER: join(found.opt, relative('/opt', packFolder)),
        EVENT: JSON.stringify(event),
      });
    },
    next: (queue) => receive(clients, embedded.queueUrls[queue]),
    upload: async (tenant, uploadId, name, bytes) =>
      sqsEvent([JSON.stringify(await putUpload({ embedded, uploads }, tenant, uploadId, name, bytes))]),
    async close() {
      clients.close();
      await embedded.close();
      await stub.close();
      for (const each of synthesised) each.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Where the services are, and who calls them: never what a template sets. */
const endpointsOf = ({ env }: Embedded, stub: AwsStub): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('AWS_'))),
  ...stub.env,
});

async function receive({ sqs }: AwsClients, QueueUrl: string): Promise<string> {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
  const body = Messages[0]?.Body;
  if (body === undefined) throw new Error('the queue is empty');
  return body;
}

export const TRACE_ROOT = 'Root=1-6928f1a2-0123456789abcdef01234567';

/** Lambda's own variables that a function may read. Source: Lambda Developer Guide, "Defined runtime environment variables". */
const platform = ({ handler, task, opt }: LaidOut): NodeJS.ProcessEnv => ({
  _HANDLER: handler,
  LAMBDA_TASK_ROOT: task,
  NODE_PATH: join(opt, 'nodejs/node_modules'),
  _X_AMZN_TRACE_ID: `${TRACE_ROOT};Parent=53995c3f42cd8ad8;Sampled=1`,
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  LANG: 'en_US.UTF-8',
  TZ: ':UTC',
});

function call(runtime: string, found: LaidOut, env: NodeJS.ProcessEnv): Promise<Invocation> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(runtime, ['-e', RUNNER], { cwd: found.task, env: { ...platform(found), ...env } });
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
