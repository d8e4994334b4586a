/**
 * Bundle sizes and cold starts: `npx tsx bench/bundles.ts` writes docs/bundles.md. A cold start is the time from
 * spawning a process to the first result of the handler's module: it is imported as Lambda does, with its layers.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../infra/bundling/bundle.ts';
import { FUNCTIONS } from '../infra/bundling/code.ts';
import { copyNatives, type NativeLayer } from '../infra/bundling/natives.ts';
import { repositoryRoot } from '../infra/bundling/repository.ts';

const LAYERS: Record<keyof typeof FUNCTIONS, readonly NativeLayer[]> = {
  ingest: ['pictures'],
  detect: ['pictures', 'inference'],
  analyze: ['pictures', 'inference'],
  submit: [],
  notified: [],
  sweep: [],
  webhook: [],
  api: [],
  backfill: [],
};
const MODEL_LAYER: readonly string[] = ['ingest', 'detect', 'analyze'];
const RUNS = 5;
const LIMIT_MIB = 250;

/** Bytes of all files below a folder. */
export function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

export interface BundleRow {
  readonly name: string;
  readonly codeMiB: number;
  readonly withLayersMiB: number;
  readonly importMs: number | null;
}

const mib = (bytes: number): number => Math.round((bytes / 1_048_576) * 10) / 10;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Bundles every function as a deployment does and measures it; `runs` 0 leaves cold starts out. */
export function measureBundles(runs: number): BundleRow[] {
  const folder = mkdtempSync(join(tmpdir(), 'discflow-bundles-'));
  try {
    const layers = new Map(
      (['pictures', 'inference'] as const).map((layer) => [layer, join(folder, `layer-${layer}`)]),
    );
    for (const [layer, target] of layers) copyNatives(layer, target);
    const models = sizeOf(join(repositoryRoot, 'layers/models'));
    return (Object.keys(FUNCTIONS) as Array<keyof typeof FUNCTIONS>).map((name) => {
      const code = join(folder, name);
      bundle({ entries: FUNCTIONS[name], outputFolder: code });
      const own = LAYERS[name].flatMap((layer) =>
        [...layers].filter(([known]) => known === layer).map(([, target]) => target),
      );
      const layered = own.reduce((sum, layer) => sum + sizeOf(layer), MODEL_LAYER.includes(name) ? models : 0);
      const nodePath = own.map((layer) => join(layer, 'node_modules')).join(':');
      const times = Array.from({ length: runs }, () => coldStart(join(code, 'handler.js'), nodePath));
      return {
        name,
        codeMiB: mib(sizeOf(code)),
        withLayersMiB: mib(sizeOf(code) + layered),
        importMs: runs === 0 ? null : Math.round(median(times)),
      };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function coldStart(handler: string, nodePath: string): number {
  const script = `import(${JSON.stringify(handler)}).then((m) => { if (typeof m.handler !== 'function') process.exit(1); process.exit(0); })`;
  const started = performance.now();
  const env = { ...process.env, NODE_PATH: nodePath, AWS_REGION: 'eu-central-1' };
  const { status, stderr } = spawnSync(process.execPath, ['-e', script], { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${handler} did not load: ${stderr.slice(0, 500)}`);
  return performance.now() - started;
}

function table(rows: readonly BundleRow[]): string {
  const lines = rows.map(
    ({ name, codeMiB, withLayersMiB, importMs }) => `| ${name} | ${codeMiB} | ${withLayersMiB} | ${importMs ?? '-'} |`,
  );
  return [
    '# Bundles',
    '',
    `Written by \`npx tsx bench/bundles.ts\` on ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}. MiB unzipped; Lambda's limit with`,
    `layers is ${LIMIT_MIB} MiB. The cold start is from spawning a process to its loaded handler, median of ${RUNS}, on the machine`,
    'that ran the command; models are loaded at the first message, on top of it.',
    '',
    '| function | code | with layers | cold start, ms |',
    '|---|---:|---:|---:|',
    ...lines,
    '',
  ].join('\n');
}

if (process.argv[1]?.endsWith('bundles.ts')) {
  const text = table(measureBundles(RUNS));
  writeFileSync(join(repositoryRoot, 'docs/bundles.md'), text);
  console.log(text);
}
