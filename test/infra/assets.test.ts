import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { type Code, LayerVersion } from 'aws-cdk-lib/aws-lambda';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FUNCTIONS, functionCode, modelLayerCode, nativeLayerCode } from '../../infra/bundling/code.ts';
import { NATIVE_LAYERS } from '../../infra/bundling/natives.ts';

/** Two folders of two functions each, and one of a function that starts a thread. */
const BUNDLED = ['submit', 'notified', 'sweep', 'webhook', 'detect'] as const;

const outdir = mkdtempSync(join(tmpdir(), 'discflow-assets-'));
/** The folder that is uploaded, by the name of the function or layer. */
let folders: Record<string, string>;

/** Bundled in one app, as `cdk deploy` does it: what one asset is made of must not become another's. */
beforeAll(() => {
  const umask = process.umask(0o077);
  const app = new App({ outdir, builtinCloudFormationValidation: false });
  const stack = new Stack(app, 'Assets');
  const codes: Record<string, Code> = {
    pictures: nativeLayerCode('pictures'),
    inference: nativeLayerCode('inference'),
    models: modelLayerCode(),
    ...Object.fromEntries(
      BUNDLED.map((name) => [name, functionCode(dirname(FUNCTIONS[name].handler), FUNCTIONS[name])]),
    ),
  };
  for (const [name, code] of Object.entries(codes)) new LayerVersion(stack, name, { code });
  const { Resources } = app.synth().getStackByName('Assets').template as {
    Resources: Record<string, { Properties: { Content: { S3Key: string } } }>;
  };
  const keyOf = (name: string) =>
    Object.entries(Resources).find(([id]) => id.replace(/[0-9A-F]{8}$/, '') === name)?.[1].Properties.Content.S3Key;
  folders = Object.fromEntries(
    Object.keys(codes).map((name) => [name, join(outdir, `asset.${String(keyOf(name)).replace(/\.zip$/, '')}`)]),
  );
  process.umask(umask);
}, 300_000);
afterAll(() => rmSync(outdir, { recursive: true }));

test('every function is uploaded with its own handler and the threads that it starts', () => {
  for (const name of BUNDLED)
    expect(readdirSync(folders[name]!).sort(), name).toEqual(
      [...Object.keys(FUNCTIONS[name]).map((module) => `${module}.js`), 'package.json'].sort(),
    );
  const handlers = BUNDLED.map((name) => readFileSync(join(folders[name]!, 'handler.js'), 'utf8'));
  expect(new Set(handlers).size).toBe(handlers.length);
});

test('every layer is uploaded with its own packages or the model pack', () => {
  for (const layer of ['pictures', 'inference'] as const)
    for (const name of NATIVE_LAYERS[layer].packages)
      expect(readdirSync(join(folders[layer]!, 'nodejs/node_modules', name)), name).toContain('package.json');
  expect(readdirSync(join(folders.models!, 'models'))).toContain('manifest.json');
});

test('what is uploaded is for everybody to read, though only its maker may read what he makes', () => {
  for (const [name, folder] of Object.entries(folders)) {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const closed = files.filter((file) => (statSync(join(file.parentPath, file.name)).mode & 0o004) === 0);
    expect(
      closed.map((file) => file.name),
      name,
    ).toEqual([]);
  }
});
