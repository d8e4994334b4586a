import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../../bench/bundles.ts';
import { repositoryRoot } from '../../infra/bundling/repository.ts';
import { environmentOf } from '../../src/contracts/env.ts';
import { keys, RUN_FILES } from '../../src/contracts/keys.ts';
import { runRecordSchema } from '../../src/contracts/report.ts';
import { type AwsStub, startAwsStub } from '../support/aws-stub.ts';
import { deliver, handlersOf, putUpload } from '../support/deliver.ts';
import { containerVariables, imageFolder, resolved, type Synthesised, synthesise } from '../support/deployed.ts';
import { type BuiltImage, buildInFolder } from '../support/dockerfile.ts';
import { phantomPng } from '../support/phantom-picture.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const dockerfile = readFileSync(join(repositoryRoot, 'functions/analyze/Dockerfile'), 'utf8');

describe('the Dockerfile', () => {
  test('pins its bases by digest and runs as no root', () => {
    const bases = [...dockerfile.matchAll(/^ARG (?:NODE|CUDA)=(\S+)$/gm)];
    expect(bases).toHaveLength(2);
    for (const [, base] of bases) expect(base).toMatch(/:\S+@sha256:[0-9a-f]{64}$/);
    for (const [, from] of dockerfile.matchAll(/^FROM (\S+)/gm)) expect(from).toMatch(/^\$\{(NODE|CUDA)\}$/);
    expect(dockerfile).toMatch(/^USER 10001:10001$/m);
  });

  test('lets its user read what was laid out by somebody who lets in nobody else', () => {
    const copies = dockerfile.split('\n').filter((line) => /^COPY (?!--from=node )/.test(line));
    expect(copies).toHaveLength(4);
    for (const line of copies) expect(line).toContain(' --chmod=755 ');
  });
});

describe('the analyze image, its build steps carried out in a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'discflow-image-'));
  const region = 'us-east-1';
  let context: string;
  let tasks: Synthesised;
  let endpoints: Synthesised;
  let image: BuiltImage;
  let system: TestSystem;
  let stub: AwsStub;
  beforeAll(async () => {
    tasks = synthesise('ecs-gpu', { only: ['Analyze'], change: { region } });
    endpoints = synthesise('sagemaker-async', { only: [], change: { region } });
    context = imageFolder(tasks, 'Analyze');
    image = buildInFolder(dockerfile, {
      context,
      target: join(folder, 'stages'),
      inBase: { 'usr/local/bin/node': process.execPath },
      edit: (command) => command.replace('--onnxruntime-node-install=cuda12', '--onnxruntime-node-install=skip'),
    });
    system = await startTestSystem();
    stub = await startAwsStub(system.embedded.credentials);
  }, 300_000);
  afterAll(async () => {
    tasks?.close();
    endpoints?.close();
    await system?.close();
    await stub?.close();
    rmSync(folder, { recursive: true });
  });

  test('copies all that was laid out for it, and nothing else', () => {
    const copied = [...dockerfile.matchAll(/^COPY --chmod=755 (\S+)\/ /gm)].map(([, source]) => source);
    expect(readdirSync(context).sort()).toEqual([...copied, 'Dockerfile'].sort());
  });

  test('holds production files alone: no sources, tests, types, installer or other platforms', () => {
    const files = (readdirSync(image.root, { recursive: true }) as string[]).filter(
      (path) => !path.includes('node_modules/onnxruntime-node/dist'),
    );
    expect(files.length).toBeGreaterThan(50);
    const odd =
      /\.(ts|map)$|(^|\/)(test|tests|installer)$|darwin|win32|arm64|node_modules\/(typescript|vitest|adm-zip)$/;
    expect(files.filter((path) => odd.test(path))).toEqual([]);
    expect(existsSync(join(image.root, 'app/main.js'))).toBe(true);
    expect(sizeOf(join(image.root, 'app'))).toBeLessThan(120 * 1_048_576);
  });

  const start = (mode: string, env: Record<string, string>) => {
    const [, ...args] = image.entrypoint.map((part) => (part.startsWith('/') ? join(image.root, part) : part));
    return spawn(join(image.root, 'usr/local/bin/node'), [...args, mode], { stdio: 'ignore', env });
  };
  const freePort = async (): Promise<number> => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return port;
  };

  /** The template's variables over the image's, on a platform that gives endpoints and keys and tells no region. */
  const deployedWith = (synthesised: Synthesised): Record<string, string> => {
    const { AWS_REGION: _, ...platform } = system.embedded.env;
    const aws = Object.entries(platform).filter(([name]) => name.startsWith('AWS_'));
    return {
      ...Object.fromEntries(aws),
      ...stub.env,
      ...image.environment,
      DISCFLOW_PACK_FOLDER: join(image.root, image.environment.DISCFLOW_PACK_FOLDER ?? ''),
      ...resolved(synthesised, containerVariables(synthesised), system.embedded),
    };
  };

  test('takes a message as a task of ECS with no region but that of its template, and leaves on SIGTERM', async () => {
    const handlers = handlersOf(system);
    const upload = await putUpload(system, 'demo', 'u0', 'slice.png', await phantomPng(3));
    await deliver(handlers.ingest, [upload]);
    await deliver(handlers.detect, system.detectBox.sent.splice(0));
    const [message] = system.analyzeBox.sent.splice(0);
    const { queueUrls } = system.embedded;
    const MessageBody = JSON.stringify(message);
    await system.clients.sqs.send(new SendMessageCommand({ QueueUrl: queueUrls.analyze, MessageBody }));
    const worker = start('worker', deployedWith(tasks));
    const left = once(worker, 'exit');
    const status = async () => (await system.runs.getRun(message?.runKey ?? ''))?.status ?? '';
    await expect.poll(status, { timeout: 60_000, interval: 200 }).toMatch(/^(done|needs_review)$/);
    worker.kill('SIGTERM');
    expect(await left).toEqual([0, null]);
  });

  test('answers /ping, ends a run by /invocations on the processor where no CUDA is, and leaves on SIGTERM', async () => {
    const handlers = handlersOf(system);
    await deliver(handlers.ingest, [await putUpload(system, 'demo', 'u1', 'slice.png', await phantomPng(4))]);
    await deliver(handlers.detect, system.detectBox.sent);
    const [message] = system.analyzeBox.sent;
    const port = await freePort();
    const server = start('serve', { ...deployedWith(endpoints), DISCFLOW_PORT: String(port) });
    const left = once(server, 'exit');
    const url = `http://127.0.0.1:${port}`;
    const ping = () =>
      fetch(`${url}/ping`).then(
        ({ status }) => status,
        () => 0,
      );
    await expect.poll(ping, { timeout: 60_000, interval: 200 }).toBe(200);
    const invoke = async (body: string) => (await fetch(`${url}/invocations`, { method: 'POST', body })).status;
    expect(await invoke('no message')).toBe(400);
    expect(await invoke(JSON.stringify(message))).toBe(200);
    const { runKey = '', studyKey = '' } = message ?? {};
    expect(['done', 'needs_review']).toContain((await system.runs.getRun(runKey))?.status);
    const record = await system.data.get(keys.run('demo', studyKey, runKey, RUN_FILES.run));
    expect(runRecordSchema.parse(JSON.parse(record?.toString() ?? '')).provider).toBe('cpu');
    server.kill('SIGTERM');
    expect(await left).toEqual([0, null]);
  });

  test('leaves, and names the folder, where the models are not', () => {
    const { buckets, table, queueUrls, env } = system.embedded;
    const packFolder = join(folder, 'no-models');
    const store = { stage: 'test', dataBucket: buckets.data, table, eventBus: 'bus', packFolder };
    const worker = environmentOf('analyzeWorker', { ...store, analyzeQueueUrl: queueUrls.analyze });
    const main = join(image.root, 'app/main.js');
    const left = spawnSync(process.execPath, [main, 'worker'], { env: { ...env, ...worker }, encoding: 'utf8' });
    expect(left.status).toBe(1);
    expect(left.stderr).toContain(`${packFolder} holds no model pack`);
  });

  test('names a wrong environment in one line', () => {
    expect(() =>
      execFileSync(process.execPath, [join(image.root, 'app/main.js'), 'worker'], {
        env: { PATH: process.env.PATH },
        stdio: 'pipe',
      }),
    ).toThrow(/The environment of analyzeWorker is wrong\. DISCFLOW_STAGE/);
  });
});
