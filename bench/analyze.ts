// What `analyze` costs beside its networks, and whether its memory stays flat:
// npx tsx bench/analyze.ts FOLDER [--pictures 300]
// Overhead of a picture: wall time of its two stages less the time inside its networks, one picture at a time.
// Memory: resident size of the process from the 50th to the last picture, four in flight.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startLocal } from '../src/cli/local.ts';
import { keys, RUN_FILES } from '../src/contracts/keys.ts';
import { runRecordSchema } from '../src/contracts/report.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pictures: { type: 'string', default: '300' } },
});
const source = positionals[0];
if (source === undefined) throw new Error('usage: npx tsx bench/analyze.ts FOLDER [--pictures 300]');

const pack = fileURLToPath(new URL('../layers/models', import.meta.url));
const data = await mkdtemp(join(tmpdir(), 'discflow-bench-'));
const files = (await readdir(source)).filter((name) => /\.(png|jpe?g)$/i.test(name)).sort();
const chosen = files.slice(0, Number(values.pictures)).map((name) => join(source, name));
const never = new AbortController().signal;
const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const system = await startLocal({ data, pack, tier: 'ensemble', tenant: 'bench' });

/** Wall time and time inside the networks of one picture, milliseconds. */
async function once(file: string): Promise<{ wallMs: number; networksMs: number } | null> {
  const started = performance.now();
  const uploadId = await system.submit({ name: 'bench', source: file, files: [file], loose: false });
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

try {
  const serial = chosen.slice(0, 40);
  const timed = [];
  for (const file of serial) {
    const one = await once(file);
    if (one !== null) timed.push(one);
  }
  const warm = timed.slice(5);
  const row = (name: string, numbers: number[]) =>
    console.log(`${name.padEnd(34)} ${median(numbers).toFixed(0)} ms (median of ${numbers.length})`);
  row(
    'wall',
    warm.map(({ wallMs }) => wallMs),
  );
  row(
    'networks',
    warm.map(({ networksMs }) => networksMs),
  );
  row(
    'overhead (wall less networks)',
    warm.map(({ wallMs, networksMs }) => wallMs - networksMs),
  );

  const resident: number[] = [];
  const rest = chosen.values();
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (const file of rest) {
        await once(file);
        resident.push(process.memoryUsage.rss() / 2 ** 20);
      }
    }),
  );
  const mean = (from: number, to: number) => resident.slice(from, to).reduce((sum, mib) => sum + mib, 0) / (to - from);
  const [early, late] = [mean(40, 60), mean(resident.length - 20, resident.length)];
  console.log(
    `resident memory: ${early.toFixed(0)} MiB about picture 50, ${late.toFixed(0)} MiB at picture ${resident.length} (${((late / early - 1) * 100).toFixed(1)} %)`,
  );
} finally {
  await system.close();
  await rm(data, { recursive: true, force: true });
}
