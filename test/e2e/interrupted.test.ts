import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { reportSchema } from '../../src/contracts/report.ts';
import { startEmbedded } from '../../src/embedded/index.ts';
import { commandIn } from '../support/command.ts';
import { phantomPngs } from '../support/phantom-picture.ts';
import { putAnsweringPack } from '../support/tiny-pack.ts';

/** More than one analyze works off while a second process starts. */
const PICTURES = 10;
const ANSWERED = ['done', 'needs_review'];
const TIME_LIMIT_MS = 600_000;

let folder: string;
let pictures: Buffer[];
let pack: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-interrupted-'));
  pack = join(folder, 'pack');
  await putAnsweringPack(pack);
  pictures = await phantomPngs(30, PICTURES);
}, TIME_LIMIT_MS);

afterAll(async () => rm(folder, { recursive: true, force: true }));

/** The pictures as files `a.png` and on, in a folder of their own. */
async function putPictures(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await Promise.all(
    pictures.map((picture, index) => writeFile(join(path, `${String.fromCharCode(97 + index)}.png`), picture)),
  );
  return path;
}

/** Until the command that works below `home` has a run in hand that has not ended. */
async function untilRunInHand(home: string): Promise<void> {
  const embedded = await startEmbedded({ dataDir: join(home, 'cache', 'discflow') });
  const clients = createClients(embedded);
  const runs = new DynamoRuns(clients.documents, embedded.table);
  try {
    for (;;) {
      const { items } = await runs.listByTenant('local', { limit: PICTURES });
      if (items.some(({ status }) => !ANSWERED.includes(status))) return;
    }
  } finally {
    clients.close();
    await embedded.close();
  }
}

const runsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { runKey: string; status: string; attempt: number });

describe('an analyze that does not come to its end', () => {
  it(
    'is seen by status in a second process, and taken up again by the next after a kill',
    async () => {
      const home = join(folder, 'killed');
      const { run, start } = commandIn(home);
      const all = await putPictures('all');
      const killed = start('analyze', all, '--pack', pack, '--out', join(home, 'out'), '--concurrency', '1');
      await killed.says(`[1/${PICTURES}]`);
      const table = await run('status');
      expect(table.stdout).toContain(`Process ${killed.child.pid} works on this folder.`);
      expect(table.stdout).toMatch(/│ (?:done|needs_review) +│/);
      await untilRunInHand(home);
      killed.child.kill('SIGKILL');
      expect(await killed.ended).toEqual([null, 'SIGKILL']);
      const before = runsOf((await run('status', '--json')).stdout);

      const { code, stdout } = await run('analyze', all, '--pack', pack, '--out', join(home, 'again'), '--json');
      expect(code).toBe(0);
      const reports = stdout
        .trim()
        .split('\n')
        .map((line) => {
          const { source: _, folder: __, ...report } = JSON.parse(line) as { source: string; folder: string };
          return reportSchema.parse(report);
        });
      expect(reports).toHaveLength(PICTURES);
      expect(new Set(reports.map(({ study }) => study.runKey)).size).toBe(PICTURES);
      const after = new Map(runsOf((await run('status', '--json')).stdout).map((item) => [item.runKey, item]));
      for (const { runKey } of before) {
        expect(ANSWERED).toContain(after.get(runKey)?.status);
        expect(after.get(runKey)?.attempt).toBe(1);
      }
      const kept = await readFile(join(home, 'out', 'a', 'report.json'));
      expect(await readFile(join(home, 'again', 'a', 'report.json'))).toEqual(kept);
    },
    TIME_LIMIT_MS,
  );

  it(
    'ends on Ctrl-C with 130, says how far it came, and leaves the folder to the next',
    async () => {
      const home = join(folder, 'stopped');
      const { run, start } = commandIn(home);
      const call = ['analyze', join(folder, 'all'), '--pack', pack, '--out', join(home, 'out')];
      const stopped = start(...call, '--concurrency', '2');
      await stopped.says(`[1/${PICTURES}]`);
      stopped.child.kill('SIGINT');
      expect(await stopped.ended).toEqual([130, null]);
      expect(stopped.stderr).toMatch(
        /interrupted: \d+ (?:study|studies) ended; the same call takes the others up again/,
      );
      expect((await run('status')).stdout).toContain('No discflow works on this folder.');
      for (const name of await readdir(join(home, 'out'))) {
        expect(await readdir(join(home, 'out', name))).toContain('report.json');
      }
    },
    TIME_LIMIT_MS,
  );
});
