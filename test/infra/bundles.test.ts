import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { measureBundles, sizeOf } from '../../bench/bundles.ts';
import { layOutImage } from '../../infra/bundling/image.ts';
import { repositoryRoot } from '../../infra/bundling/repository.ts';

const dockerfile = readFileSync(join(repositoryRoot, 'functions/analyze/Dockerfile'), 'utf8');

test('every function and its layers stay below 250 MiB unzipped, those without models below 3', () => {
  for (const { name, withLayersMiB } of measureBundles(0)) {
    expect(withLayersMiB, name).toBeLessThan(250);
    if (!['ingest', 'detect', 'analyze'].includes(name)) expect(withLayersMiB, name).toBeLessThan(3);
  }
});

describe('the analyze image', () => {
  const folder = mkdtempSync(join(tmpdir(), 'discflow-image-'));
  beforeAll(() => layOutImage(folder));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('everything that the Dockerfile copies from its folder is there, and nothing else', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(\S+)\/ /gm)].map(([, source]) => source);
    expect(readdirSync(folder).sort()).toEqual([...copied, 'Dockerfile'].sort());
  });

  test('bases are pinned by digest, and it runs as no root', () => {
    for (const [, base] of dockerfile.matchAll(/^ARG (?:NODE|CUDA)=(\S+)$/gm))
      expect(base).toMatch(/@sha256:[0-9a-f]{64}$/);
    for (const [, from] of dockerfile.matchAll(/^FROM (\S+)/gm)) expect(from).toMatch(/^\$\{(NODE|CUDA)\}$/);
    expect(dockerfile).toMatch(/^USER 10001:10001$/m);
  });

  test('it holds production files alone: no sources, tests, types or other platforms', () => {
    const files = (readdirSync(join(folder, 'app'), { recursive: true }) as string[]).filter(
      (path) => !path.startsWith('node_modules/onnxruntime-node/dist'),
    );
    expect(files.filter((path) => /\.(ts|map|md)$|(^|\/)(test|tests)$|darwin|win32|arm64/.test(path))).toEqual([]);
    expect(existsSync(join(folder, 'app/node_modules/typescript'))).toBe(false);
    expect(sizeOf(join(folder, 'app'))).toBeLessThan(120 * 1_048_576);
  });

  test('the installer of the CUDA provider is the one that the Dockerfile runs', () => {
    const [, script = ''] = /node (script\/install\.js) --onnxruntime-node-install=cuda12/.exec(dockerfile) ?? [];
    const installer = join(folder, 'installer/node_modules/onnxruntime-node');
    execFileSync(process.execPath, [script, '--onnxruntime-node-install=skip'], { cwd: installer });
  });

  test('its entry point serves both routes of SageMaker and ends on SIGTERM', async () => {
    const port = 20_000 + (process.pid % 20_000);
    const child = spawn(process.execPath, ['main.js', 'serve'], {
      cwd: join(folder, 'app'),
      stdio: 'ignore',
      env: {
        PATH: process.env.PATH,
        AWS_REGION: 'eu-central-1',
        DISCFLOW_STAGE: 'test',
        DISCFLOW_DATA_BUCKET: 'data',
        DISCFLOW_TABLE: 'table',
        DISCFLOW_EVENT_BUS: 'bus',
        DISCFLOW_PORT: String(port),
        DISCFLOW_PACK_FOLDER: join(folder, 'models'),
        DISCFLOW_MAX_RECEIVE_COUNT: '1',
      },
    });
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const url = `http://127.0.0.1:${port}`;
    await expect
      .poll(
        () =>
          fetch(`${url}/ping`).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 15_000, interval: 200 },
      )
      .toBe(200);
    expect((await fetch(`${url}/invocations`, { method: 'POST', body: 'no message' })).status).toBe(400);
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  test('a wrong environment is named in one line', () => {
    expect(() =>
      execFileSync(process.execPath, ['main.js', 'worker'], {
        cwd: join(folder, 'app'),
        env: { PATH: process.env.PATH },
        stdio: 'pipe',
      }),
    ).toThrow(/The environment of analyzeWorker is wrong\. DISCFLOW_STAGE/);
  });
});
