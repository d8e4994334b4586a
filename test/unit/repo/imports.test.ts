import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
/** Each check is a process of its own. */
const PATIENCE_MS = 120_000;
const SCRIPT = fileURLToPath(new URL('../../../scripts/check-imports.mjs', import.meta.url));

/** A tree that keeps every rule. */
const CLEAN: Readonly<Record<string, string>> = {
  'src/contracts/study.ts': 'export const study = 1;',
  'src/contracts/report.ts': "import { study } from './study.ts'; export const report = study;",
  'src/imaging/image.ts': "import type { study } from '../contracts/study.ts'; export type Image = typeof study;",
  'src/dicom/read.ts':
    "import parser from 'dicom-parser'; import type { Image } from '../imaging/image.ts'; export type A = Image; export default parser;",
  'src/pipeline/stage.ts': "import read from '../dicom/read.ts'; export const stage = read;",
  'src/pictures/encode.ts':
    "import sharp from 'sharp'; import { stage } from '../pipeline/stage.ts'; export const encode = [sharp, stage];",
  'src/aws/store.ts':
    "import { readFileSync } from 'node:fs'; import { stage } from '../pipeline/stage.ts'; export const store = [readFileSync, stage];",
  'functions/ingest/handler.ts': "import { store } from '../../src/aws/store.ts'; export const handler = store;",
  'src/cli/main.ts':
    "import { handler } from '../../functions/ingest/handler.ts'; import { encode } from '../pictures/encode.ts'; export const main = [handler, encode];",
  'infra/app.ts': "import { study } from '../src/contracts/study.ts'; export const app = study;",
};

const PACKAGES = [
  'dicom-parser',
  'sharp',
  'onnxruntime-node',
  '@aws-sdk/client-s3',
  'aws-cdk-lib',
  'fauxqs',
  '@middy/core',
];

/** One file a rule: it breaks that rule. */
const FORBIDDEN: ReadonlyArray<readonly [rule: string, file: string, text: string]> = [
  ['floor-0-imports-below-only', 'src/contracts/up.ts', "export { stage } from '../pipeline/stage.ts';"],
  ['floor-1-imports-below-only', 'src/imaging/up.ts', "export type { A } from '../dicom/read.ts';"],
  ['floor-4-imports-below-only', 'src/pipeline/up.ts', "export const up = () => import('../aws/store.ts');"],
  ['dicom-and-neighbours-stay-apart', 'src/packs/side.ts', "export type { A } from '../dicom/read.ts';"],
  ['aws-and-neighbours-stay-apart', 'src/embedded/side.ts', "export { encode } from '../pictures/encode.ts';"],
  ['src-imports-nothing-outside', 'src/aws/out.ts', "export { handler } from '../../functions/ingest/handler.ts';"],
  ['cli-imports-handlers-only', 'src/cli/out.ts', "export { app } from '../../infra/app.ts';"],
  ['functions-import-src-only', 'functions/ingest/command.ts', "export { main } from '../../src/cli/main.ts';"],
  ['functions-stay-apart', 'functions/detect/handler.ts', "export { handler } from '../ingest/handler.ts';"],
  ['infra-imports-contracts-only', 'infra/deep.ts', "export { stage } from '../src/pipeline/stage.ts';"],
  ['dicom-libraries-in-dicom-only', 'src/archive/dicom.ts', "export { default } from 'dicom-parser';"],
  ['onnxruntime-in-inference-only', 'src/packs/session.ts', "export { default } from 'onnxruntime-node';"],
  ['sharp-in-pictures-only', 'src/reporting/png.ts', "export { default } from 'sharp';"],
  ['aws-sdk-in-adapters-only', 'src/pipeline/s3.ts', "export { default } from '@aws-sdk/client-s3';"],
  ['embedded-services-in-embedded-only', 'src/aws/fake.ts', "export { default } from 'fauxqs';"],
  ['middy-in-handlers-only', 'src/pipeline/middy.ts', "export { default } from '@middy/core';"],
  ['cdk-in-infra-only', 'src/aws/cdk.ts', "export { default } from 'aws-cdk-lib';"],
  ['domain-knows-no-disk-or-network', 'src/packs/disk.ts', "export { readFile } from 'node:fs/promises';"],
  ['no-circular-imports', 'src/detection/circle.ts', "export { b } from './round.ts'; export const a = 1;"],
  ['no-orphans', 'src/detection/alone.ts', 'export const alone = 1;'],
  ['no-unresolved-imports', 'src/detection/gone.ts', "export { gone } from './nowhere.ts';"],
];

let folder: string;

async function check(files: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> {
  const root = await mkdtemp(join(folder, 'tree-'));
  const all: Record<string, string> = { 'package.json': '{"type":"module"}', ...files };
  for (const name of PACKAGES) {
    all[`node_modules/${name}/package.json`] = JSON.stringify({ name, version: '1.0.0', main: 'index.js' });
    all[`node_modules/${name}/index.js`] = 'module.exports = {};';
  }
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return run(process.execPath, [SCRIPT, root]).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      output: error.stdout + error.stderr,
    }),
  );
}

describe('the import rules', () => {
  let broken: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'discflow-imports-'));
    const circle = { 'src/detection/round.ts': "export { a } from './circle.ts'; export const b = 1;" };
    const result = await check({
      ...CLEAN,
      ...circle,
      ...Object.fromEntries(FORBIDDEN.map(([, file, text]) => [file, text])),
    });
    expect(result.code).toBe(1);
    broken = result.output;
  }, PATIENCE_MS);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(
    'pass on a tree that keeps them',
    async () => {
      const { code, output } = await check(CLEAN);
      expect(output).toContain(`${Object.keys(CLEAN).length} modules`);
      expect(code, output).toBe(0);
    },
    PATIENCE_MS,
  );

  it.each(FORBIDDEN)('%s is broken by %s', (rule, file) => {
    expect(broken).toMatch(new RegExp(`^${rule}: ${file}`, 'm'));
  });

  it(
    'fail where no module is seen',
    async () => {
      const { code, output } = await check({ 'src/readme.txt': '' });
      expect(code).toBe(1);
      expect(output).toContain('nothing was checked');
    },
    PATIENCE_MS,
  );

  it(
    'fail where contracts are not among the modules',
    async () => {
      const { code } = await check({
        'src/imaging/a.ts': "export { b } from './b.ts';",
        'src/imaging/b.ts': 'export const b = 1;',
      });
      expect(code).toBe(1);
    },
    PATIENCE_MS,
  );
});
