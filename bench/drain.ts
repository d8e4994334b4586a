/**
 * A worker that is told to stop in mid-job: `npx tsx bench/drain.ts [--tries 50]`. The image's own entry point runs in a
 * process of its own over embedded services; SIGTERM comes at a different moment of each job. Fails unless every message
 * is finished or visible again within 5 s, and none is lost.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { layOutWorker } from '../infra/bundling/image.ts';
import { type Drained, drainBench } from '../test/support/drain.ts';

const { values } = parseArgs({ options: { tries: { type: 'string', default: '50' } } });
const tries = Number(values.tries);
const ALLOWED_MS = 5000;
/** Deployed is 2; less shows what happens to jobs that a drain cuts off. */
const DRAIN_SECONDS = [2, 1, 0];

/** A fast machine ends the job before a late signal: that try is made again with an earlier one. */
async function inMidJob(drainSeconds: number, afterMs: number): Promise<Drained> {
  const one = await bench.stopInMidJob({ drainSeconds, afterMs });
  return one.end === 'ended before' ? inMidJob(drainSeconds, Math.floor(afterMs / 2)) : one;
}

const app = mkdtempSync(join(tmpdir(), 'discflow-drain-'));
layOutWorker(app);
const bench = await drainBench(app);
const drained: Drained[] = [];
try {
  for (let index = 0; index < tries; index++) {
    const drainSeconds = DRAIN_SECONDS[index % DRAIN_SECONDS.length] ?? 2;
    const one = await inMidJob(drainSeconds, (index * 137) % 800);
    drained.push(one);
    console.log(`${index + 1}\tdrain ${drainSeconds} s\t${one.end}\tafter ${one.settledAfterMs} ms`);
  }
} finally {
  await bench.close();
  rmSync(app, { recursive: true });
}

const count = (end: Drained['end']) => drained.filter((one) => one.end === end).length;
const slowest = Math.max(...drained.map(({ settledAfterMs }) => settledAfterMs));
console.log(
  `${tries} tries: ${count('finished')} finished, ${count('visible again')} visible again, ${count('lost')} lost; slowest ${slowest} ms`,
);
process.exitCode = count('lost') === 0 && slowest <= ALLOWED_MS ? 0 : 1;
