// What `analyze` costs beside its networks, and whether its memory stays flat:
// npx tsx bench/analyze.ts FOLDER [--pictures 300]
// Overhead of a picture: wall time from upload to report less the time inside its networks, one picture at a time and
// one network at a time (where networks run side by side, their times overlap and would hide overhead).
// Memory: resident size of the process from the 50th to the last picture, four in flight, as `analyze` runs.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type LocalSystem, startLocal } from '../src/cli/local.ts';
import { keys, RUN_FILES } from '../src/contracts/keys.ts';
import { runRecordSchema } from '../src/contracts/report.ts';

const WARM_UP = 5;
const TIMED = 40;
const IN_FLIGHT = 4;
/** Pictures before the memory that growth is measured from; means are taken over this many. */
const SETTLED = 50;
const AVERAGED = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pictures: { type: 'string', default: '300' } },
});
const source = positionals[0];
if (source === undefined) throw new Error('usage: npx tsx bench/analyze.ts FOLDER [--pictures 300]');

const pack = fileURLToPath(new URL('../layers/models', import.meta.url));
const files = (await readdir(source)).filter((name) => /\.(png|jpe?g)$/i.test(name)).sort();
const chosen = files.slice(0, Number(values.pictures)).map((name) => join(source, name));
const never = new AbortController().signal;

/** Wall time and time inside the networks of one picture, milliseconds; null where it ended without a report. */
async function once(system: LocalSystem, file: string): Promise<{ wallMs: number; networksMs: number } | null> {
  const started = performance.now();
  const uploadId = await system.submit({
    name: 'bench',
    source: file,
    files: [file],
    extension: extname(file).toLowerCase(),
  });
  const upload = await system.untilUploadEnded(uploadId, never);
  const [runKey] = upload.runs;
  if (runKey === undefined) return null;
  const run = await system.untilRunEnded(runKey, never);
  const wallMs = performance.now() - started;
  const bytes = await system.data.get(keys.run(run.tenant, run.studyKey, runKey, RUN_FILES.run));
  if (bytes === null) return null;
  const { networksMs } = runRecordSchema.parse(JSON.parse(bytes.toString('utf8'))).timings;
  return { wallMs, networksMs: Object.values(networksMs).reduce((sum, ms) => sum + ms, 0) };
}

/** Services, handlers and sessions of their own over an empty data folder. */
async function withSystem(workers: { inferenceWorkers?: number }, work: (system: LocalSystem) => Promise<void>) {
  const data = await mkdtemp(join(tmpdir(), 'discflow-bench-'));
  const system = await startLocal({ data, pack, tier: 'ensemble', tenant: 'bench', ...workers });
  try {
    await work(system);
  } finally {
    await system.close();
    await rm(data, { recursive: true, force: true });
  }
}

async function overhead(system: LocalSystem): Promise<void> {
  const timed = [];
  for (const file of chosen.slice(0, WARM_UP + TIMED)) {
    const one = await once(system, file);
    if (one !== null) timed.push(one);
  }
  const warm = timed.slice(WARM_UP);
  const row = (name: string, of: (one: { wallMs: number; networksMs: number }) => number) => {
    const ordered = warm.map(of).toSorted((a, b) => a - b);
    const median = ordered[Math.floor(ordered.length / 2)] ?? Number.NaN;
    console.log(`${name.padEnd(34)} ${median.toFixed(0)} ms (median of ${ordered.length})`);
  };
  row('wall', ({ wallMs }) => wallMs);
  row('networks', ({ networksMs }) => networksMs);
  row('overhead (wall less networks)', ({ wallMs, networksMs }) => wallMs - networksMs);
}

async function memory(system: LocalSystem): Promise<void> {
  const resident: number[] = [];
  const rest = chosen.values();
  const lane = async () => {
    for (const file of rest) {
      await once(system, file);
      resident.push(process.memoryUsage.rss() / 2 ** 20);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const mean = (from: number, to: number) => resident.slice(from, to).reduce((sum, mib) => sum + mib, 0) / (to - from);
  const early = mean(SETTLED - AVERAGED / 2, SETTLED + AVERAGED / 2);
  const late = mean(resident.length - AVERAGED, resident.length);
  const growth = ((late / early - 1) * 100).toFixed(1);
  console.log(
    `resident memory: ${early.toFixed(0)} MiB about picture ${SETTLED}, ${late.toFixed(0)} MiB at picture ${resident.length} (${growth} %)`,
  );
}

console.log(`${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.versions.node}`);
await withSystem({ inferenceWorkers: 1 }, overhead);
await withSystem({}, memory);
