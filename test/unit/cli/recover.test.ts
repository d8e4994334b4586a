import { beforeEach, describe, expect, it } from 'vitest';
import { recover } from '../../../src/cli/recover.ts';
import type { RunItem } from '../../../src/contracts/items.ts';
import type { AnalyzeMessage, DetectMessage } from '../../../src/contracts/messages.ts';
import { claimed, LEASE_MS, newRun, newUpload, T0 } from '../../contract/new-items.ts';
import { MemoryAnnouncer, MemoryQueue } from '../../support/memory-queue.ts';
import { MemoryRuns } from '../../support/memory-runs.ts';

let runs: MemoryRuns;
let announcer: MemoryAnnouncer;
beforeEach(() => {
  runs = new MemoryRuns();
  announcer = new MemoryAnnouncer();
});

/** A start of the command: what it takes up again of runs, by key, and of uploads, by the prefix of their keys. */
async function started(): Promise<{
  detect: string[];
  analyze: string[];
  isUploadWanted: (key: string) => Promise<boolean>;
}> {
  const detectQueue = new MemoryQueue<DetectMessage>();
  const analyzeQueue = new MemoryQueue<AnalyzeMessage>();
  let isUploadWanted = async (_: string) => false;
  const replayUploads = async (wanted: typeof isUploadWanted) => {
    isUploadWanted = wanted;
    return 0;
  };
  await recover({ replayUploads }, { runs, announcer, clock: { nowMs: () => T0 }, detectQueue, analyzeQueue });
  const keysOf = (queue: MemoryQueue<{ runKey: string }>) => queue.messages.map(({ runKey }) => runKey);
  return { detect: keysOf(detectQueue), analyze: keysOf(analyzeQueue), isUploadWanted };
}

const claim = async (runKey: string, stage: 'detect' | 'analyze', attempt = 1): Promise<RunItem> =>
  claimed(await runs.claimRun(runKey, attempt, stage, LEASE_MS, T0));
const created = async (): Promise<string> => (await runs.createRun(newRun(), T0)).item.runKey;

describe('a start after processes that were killed', () => {
  it.each(['detect', 'analyze'] as const)(
    'takes a run up again in %s, and ends it failed after the third',
    async (stage) => {
      const [runKey, waiting] = [await created(), await created()];
      for (let kills = 1; kills <= 2; kills += 1) {
        await claim(runKey, stage);
        expect((await started())[stage]).toContain(runKey);
      }
      await claim(runKey, stage);
      expect(await started()).toMatchObject({ detect: [waiting], analyze: [] });
      const item = await runs.getRun(runKey);
      expect(item).toMatchObject({ status: 'failed', reasons: [{ code: 'internal' }] });
      expect(item?.reasons[0]?.message).toContain(`trace ${item?.traceId}`);
      expect(announcer.announcements).toMatchObject([{ subject: runKey, status: 'failed' }]);
      expect((await runs.reopenRun(runKey, T0))?.attempt).toBe(2);
      expect((await started()).detect.sort()).toEqual([runKey, waiting].sort());
    },
  );

  it('takes a run up again however often it was begun, where its lease was given back', async () => {
    const runKey = await created();
    for (let begun = 1; begun <= 5; begun += 1) {
      await runs.release(await claim(runKey, 'detect'), T0);
      expect((await started()).detect).toEqual([runKey]);
    }
  });

  it('takes an upload up again, and ends it failed after the third', async () => {
    const upload = newUpload();
    const key = `in/${upload.tenant}/${upload.uploadId}/study.zip`;
    for (const wanted of [true, true, false]) {
      claimed(await runs.claimUpload(upload, LEASE_MS, T0));
      expect(await (await started()).isUploadWanted(key)).toBe(wanted);
    }
    expect(await runs.getUpload(upload.tenant, upload.uploadId)).toMatchObject([{ status: 'failed' }]);
    expect(announcer.announcements).toMatchObject([{ subject: upload.uploadId, status: 'failed' }]);
  });
});
