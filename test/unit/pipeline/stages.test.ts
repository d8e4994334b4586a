import { beforeEach, describe, expect, test } from 'vitest';
import { keys, RUN_FILES } from '../../../src/contracts/keys.ts';
import type { AnalyzeMessage, DetectMessage } from '../../../src/contracts/messages.ts';
import { reasonOf, TransientFault } from '../../../src/contracts/reasons.ts';
import type { Study } from '../../../src/contracts/study.ts';
import { createPictureEncoder } from '../../../src/pictures/encoder.ts';
import { type AnalyzeDeps, analyzeRun } from '../../../src/pipeline/analyze-stage.ts';
import { failOnLastReceive } from '../../../src/pipeline/claimed-run.ts';
import { type DetectDeps, detectRun } from '../../../src/pipeline/detect-stage.ts';
import type { LoadedPack, PictureEncoder } from '../../../src/pipeline/ports.ts';
import { encodeSlice } from '../../../src/pipeline/slices.ts';
import { DISCS, discAnswer, drawnStudy, regionAnswer, slicePixels } from '../../support/drawn-study.ts';
import { fakePack } from '../../support/fake-pack.ts';
import { MemoryObjectStore } from '../../support/memory-object-store.ts';
import { MemoryAnnouncer, MemoryQueue } from '../../support/memory-queue.ts';
import { MemoryRuns } from '../../support/memory-runs.ts';
import { tinyPack } from '../../support/tiny-pack.ts';

const { manifest } = tinyPack();
const LEASE_MS = 60_000;
const RUN_KEY = 'b'.repeat(26);

/** Networks that find the drawn column, call nothing herniated and see vertebra everywhere. */
const sound = () =>
  fakePack(manifest, {
    lumbar: () => regionAnswer(manifest, 0.9),
    disc: () => discAnswer(manifest, DISCS, 0.8),
    'classifier-a': ({ dims }) => ({ dims: [dims[0]!, 2], data: new Float32Array(dims[0]! * 2).fill(-3) }),
    'classifier-b': ({ dims }) => ({ dims: [dims[0]!, 2], data: new Float32Array(dims[0]! * 2).fill(-3) }),
    segmenter: ({ dims: [, , height = 0, width = 0] }) => ({
      dims: [1, 4, height, width],
      data: new Float32Array(4 * height * width).fill(1, height * width, 2 * height * width),
    }),
  });
const blind = () => fakePack(manifest, { lumbar: () => ({ dims: [1, 5, 0], data: new Float32Array() }) });

let now: number;
let data: MemoryObjectStore;
let runs: MemoryRuns;
let announcer: MemoryAnnouncer;
let analyzeQueue: MemoryQueue<AnalyzeMessage>;

beforeEach(() => {
  now = Date.parse('2026-01-05T10:00:00Z');
  data = new MemoryObjectStore();
  runs = new MemoryRuns();
  announcer = new MemoryAnnouncer();
  analyzeQueue = new MemoryQueue();
});

const stageOf = (pack: LoadedPack): DetectDeps & AnalyzeDeps => ({
  ...{ data, runs, announcer, analyzeQueue },
  pictures: createPictureEncoder(),
  clock: { nowMs: () => now },
  log: { info() {}, warn() {}, error() {} },
  leaseMs: LEASE_MS,
  engine: { pack: async () => pack, close: async () => undefined },
  host: { node: 'test', platform: 'test', onnxruntime: 'test' },
});

/** A run that ingest opened, its content stored; returns what detect is sent. */
async function opened(study: Study): Promise<DetectMessage> {
  const { tenant, studyKey, contentHash } = study;
  const at = (name: string) => keys.content(tenant, studyKey, contentHash, name);
  for (const { index, file } of study.slices)
    await data.put(at(file), encodeSlice(slicePixels(index)), { contentType: 'application/octet-stream' });
  await data.put(at('study.json'), Buffer.from(JSON.stringify(study)), { contentType: 'application/json' });
  const run = { tenant, studyKey, contentHash, runKey: RUN_KEY, packSha256: 'f'.repeat(64), tier: 'ensemble' as const };
  const { item } = await runs.createRun({ ...run, clientReference: 'order-1', traceId: 'trace-1' }, now);
  return { schema: 'discflow.detect/1', ...run, attempt: item.attempt, traceId: item.traceId };
}

const outputOf = async ({ tenant, studyKey }: DetectMessage, name: string) =>
  JSON.parse(String(await data.get(keys.run(tenant, studyKey, RUN_KEY, name))));

describe('the stages', () => {
  test('a study that detect refuses tells what its upload lost, and nothing else that ingest flagged', async () => {
    const flags = [reasonOf('age_unknown'), reasonOf('series_incomplete')];
    const message = await opened({ ...drawnStudy('dicom', 1, [0.7, 0.7]), flags });
    await detectRun(stageOf(blind()), message);
    const { status, reasons, models } = await outputOf(message, RUN_FILES.report);
    expect(status).toBe('rejected');
    expect(reasons.map(({ code }: { code: string }) => code)).toEqual(['lumbar_region_not_found', 'series_incomplete']);
    expect(models).toMatchObject({ pack: manifest.name, tier: 'ensemble' });
    expect(analyzeQueue.messages).toEqual([]);
    expect(announcer.announcements).toMatchObject([{ status: 'rejected', clientReference: 'order-1' }]);
  });

  test('the record of a run tells the networks of both stages, how long detect took, and the reference', async () => {
    const message = await opened(drawnStudy('dicom', 2, [0.7, 0.7]));
    const detect = stageOf(sound());
    const { pictures } = detect;
    const slow: PictureEncoder = {
      ...pictures,
      pngGrey: async (image) => {
        now += 700;
        return pictures.pngGrey(image);
      },
    };
    await detectRun({ ...detect, pictures: slow }, message);
    await analyzeRun(stageOf(sound()), analyzeQueue.messages[0]!);
    const record = await outputOf(message, RUN_FILES.run);
    expect(record).toMatchObject({ clientReference: 'order-1', attempt: 1, traceId: 'trace-1' });
    expect(record.timings.detectMs).toBe(700);
    expect(record.timings.networksMs).toEqual({
      lumbar: 2,
      disc: 2,
      'classifier-a': 1,
      'classifier-b': 1,
      segmenter: 1,
    });
  });

  test('a message of an earlier attempt, at its last receive, leaves the run that was opened anew alone', async () => {
    const message = await opened(drawnStudy('image'));
    const deps = stageOf(sound());
    await failOnLastReceive(deps, 'detect', JSON.stringify(message));
    expect(await runs.getRun(RUN_KEY)).toMatchObject({ status: 'failed', attempt: 1 });
    const again = await runs.reopenRun(RUN_KEY, now);
    await failOnLastReceive(deps, 'detect', JSON.stringify(message));
    expect(await runs.getRun(RUN_KEY)).toEqual(again);
    await failOnLastReceive(deps, 'detect', JSON.stringify({ ...message, attempt: 2 }));
    expect(await runs.getRun(RUN_KEY)).toMatchObject({ status: 'failed', attempt: 2 });
    expect(announcer.announcements.map(({ status, attempt }) => [status, attempt])).toEqual([
      ['failed', 1],
      ['failed', 2],
    ]);
    expect(announcer.announcements[0]).not.toHaveProperty('reportKey');
  });

  test('a message at its last receive leaves an ended run as it ended, and one that nobody opened unwritten', async () => {
    const message = await opened(drawnStudy('image'));
    const deps = stageOf(blind());
    await detectRun(deps, message);
    const ended = await runs.getRun(RUN_KEY);
    await failOnLastReceive(deps, 'detect', JSON.stringify(message));
    await failOnLastReceive(deps, 'detect', JSON.stringify({ ...message, runKey: 'c'.repeat(26) }));
    expect([...runs.items.values()]).toEqual([ended]);
    expect(announcer.announcements).toHaveLength(1);
  });

  test('a stage whose fence has moved on while it worked announces nothing and leaves the other holder its run', async () => {
    const message = await opened(drawnStudy('image'));
    const pack = blind();
    const overtaken: LoadedPack = {
      ...pack,
      run: async (member, input) => {
        now += LEASE_MS + 1;
        await runs.claimRun(RUN_KEY, 1, 'detect', LEASE_MS, now);
        return pack.run(member, input);
      },
    };
    await detectRun(stageOf(overtaken), message);
    expect(await runs.getRun(RUN_KEY)).toMatchObject({ status: 'ingested', leaseUntil: now + LEASE_MS });
    expect(announcer.announcements).toEqual([]);
  });

  test('a message whose run another delivery holds goes back until that lease ends', async () => {
    const message = await opened(drawnStudy('image'));
    await runs.claimRun(RUN_KEY, 1, 'detect', LEASE_MS, now);
    now += 20_500;
    const held = detectRun(stageOf(blind()), message);
    await expect(held).rejects.toThrow(TransientFault);
    await expect(held).rejects.toMatchObject({ retryAfterSeconds: 40 });
  });

  test('a bug frees the lease, so that the next delivery need not wait for its end', async () => {
    const message = await opened(drawnStudy('image'));
    await expect(detectRun(stageOf(fakePack(manifest, {})), message)).rejects.toThrow('nobody answers');
    await detectRun(stageOf(blind()), message);
    expect(await runs.getRun(RUN_KEY)).toMatchObject({ status: 'rejected', attempt: 1 });
  });

  test('a redelivery of an ended run announces it only where that is missing', async () => {
    const message = await opened(drawnStudy('image'));
    const deps = stageOf(blind());
    const silent = { ...deps, announcer: { announce: async () => Promise.reject(new Error('no bus')) } };
    await expect(detectRun(silent, message)).rejects.toThrow('no bus');
    for (let receive = 2; receive < 4; receive++) await detectRun(deps, message);
    expect(announcer.announcements).toMatchObject([{ status: 'rejected', subject: RUN_KEY }]);
  });
});
