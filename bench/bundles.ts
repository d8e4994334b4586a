/**
 * Bundle sizes and cold starts: `npx tsx bench/bundles.ts` writes docs/bundles.md. A cold start is the time from
 * spawning a process to the first result: the bundled handler, with its layers, answers a real event over embedded
 * services (ingest a drawn picture, detect and analyze its messages with the default pack).
 */
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { FUNCTIONS } from '../infra/bundling/code.ts';
import { repositoryRoot } from '../infra/bundling/repository.ts';
import { type BundledSystem, startBundled } from '../test/support/bundled.ts';
import { sqsEvent } from '../test/support/deliver.ts';
import { phantomPng } from '../test/support/phantom-picture.ts';

type Bundled = keyof typeof FUNCTIONS;

const RUNS = 5;
const LIMIT_MIB = 250;

/** Bytes of all files below a folder. */
export function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

interface BundleSize {
  readonly name: Bundled;
  readonly codeMiB: number;
  readonly withLayersMiB: number;
}

const mib = (bytes: number): number => Math.round((bytes / 1_048_576) * 10) / 10;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** What each function weighs as it is deployed, unzipped. */
export function bundleSizes({ functions }: Pick<BundledSystem, 'functions'>): BundleSize[] {
  return (Object.keys(FUNCTIONS) as Bundled[]).map((name) => {
    const { task, opt } = functions.get(name)!;
    const code = sizeOf(task);
    return { name, codeMiB: mib(code), withLayersMiB: mib(code + sizeOf(opt)) };
  });
}

/** One cold call of every function, the stages along the way of one picture; milliseconds by name. */
async function coldStarts(system: BundledSystem, seed: number): Promise<Record<Bundled, number>> {
  const ms = async (name: Bundled, event: unknown) => (await system.invoke(name, event)).ms;
  const upload = await system.upload('demo', `cold-${seed}`, 'slice.png', await phantomPng(seed));
  const ingest = await ms('ingest', upload);
  const detect = await ms('detect', sqsEvent([await system.next('detect')]));
  const message = await system.next('analyze');
  const submit = await ms('submit', sqsEvent([message]));
  const analyze = await ms('analyze', sqsEvent([message]));
  const { runKey, attempt } = JSON.parse(message) as { runKey: string; attempt: number };
  const told = JSON.stringify({ invocationStatus: 'Completed', inferenceId: `${runKey}-${attempt}` });
  const notified = await ms('notified', { Records: [{ Sns: { Message: told } }] });
  const sweep = await ms('sweep', {});
  const claims = { discflow_tenant: 'demo' };
  const api = await ms('api', {
    routeKey: `GET /v1/runs/{runKey}`,
    pathParameters: { runKey },
    requestContext: { authorizer: { jwt: { claims } } },
  });
  const announcement = { schema: 'discflow.announcement/1', kind: 'run', tenant: 'demo', subject: runKey };
  const detail = { ...announcement, attempt, status: 'done', reasons: [] };
  const webhook = await ms('webhook', sqsEvent([JSON.stringify({ id: 'event', detail })]));
  const source = { kind: 'prefix', bucket: 'archive', key: '' };
  const job = { jobId: `cold-${seed}`, tenant: 'demo', source, studiesPerMinute: 1, budgetUsd: 1 };
  const backfill = await ms('backfill', { action: 'open', job });
  return { ingest, detect, analyze, submit, notified, sweep, api, webhook, backfill };
}

function table(sizes: readonly BundleSize[], starts: ReadonlyArray<Record<Bundled, number>>, load: string): string {
  const lines = sizes.map(({ name, codeMiB, withLayersMiB }) => {
    const cold = Math.round(median(starts.map((start) => start[name])));
    return `| ${name} | ${codeMiB} | ${withLayersMiB} | ${cold} |`;
  });
  return [
    '# Bundles',
    '',
    `Written by \`npx tsx bench/bundles.ts\` on ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}. MiB unzipped; Lambda's limit with`,
    `layers is ${LIMIT_MIB} MiB. The cold start is from spawning a process to its first result, median of ${RUNS}, on the machine that`,
    `ran the command (two cores, load ${load}): ingest of one picture, detect and analyze of it with the default pack`,
    "loaded, one answer of the others; the webhook's receiver has no public address and is not called.",
    '',
    '| function | code | with layers | cold start to first result, ms |',
    '|---|---:|---:|---:|',
    ...lines,
    '',
  ].join('\n');
}

if (process.argv[1]?.endsWith('bundles.ts')) {
  const system = await startBundled();
  const load = (loadavg()[0] ?? 0).toFixed(1);
  const starts: Array<Record<Bundled, number>> = [];
  try {
    for (let seed = 1; seed <= RUNS; seed++) starts.push(await coldStarts(system, seed));
    const text = table(bundleSizes(system), starts, load);
    writeFileSync(join(repositoryRoot, 'docs/bundles.md'), text);
    console.log(text);
  } finally {
    await system.close();
  }
}
