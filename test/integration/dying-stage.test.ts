import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recover } from '../../src/cli/recover.ts';
import type { Announcement, RunStatus, UploadStatus } from '../../src/contracts/messages.ts';
import { storedZip } from '../../src/phantom/zip.ts';
import { createPictureEncoder } from '../../src/pictures/encoder.ts';
import { deliver, handlersOf, putUpload, type StageName } from '../support/deliver.ts';
import { studyOnce } from '../support/drawn-once.ts';
import { type FaultPlan, noFaults, withFaults } from '../support/faults.ts';
import { MemoryObjectStore } from '../support/memory-object-store.ts';
import { MemoryAnnouncer, MemoryQueue } from '../support/memory-queue.ts';
import { MemoryRuns } from '../support/memory-runs.ts';
import { phantomPng } from '../support/phantom-picture.ts';
import { LEASE_MS, startTestSystem, type TestSystem } from '../support/system.ts';

const TENANT = 'tenant';

/** All that the stages change, and what they sent. */
interface World {
  readonly uploads: MemoryObjectStore;
  readonly data: MemoryObjectStore;
  readonly runs: MemoryRuns;
  readonly detectQueue: MemoryQueue<object>;
  readonly analyzeQueue: MemoryQueue<object>;
  readonly announcer: MemoryAnnouncer;
}

/** Ports with side effects, each world's own. */
const OWN_PORTS = ['uploads', 'data', 'runs', 'announcer', 'detectQueue', 'analyzeQueue'] as const;
/** Ports that only compute: they can fail at any call as well. */
const SHARED_PORTS = ['decoder', 'pictures', 'pseudonyms', 'engine'] as const;

interface Way {
  readonly stage: StageName;
  /** Where its run, or the upload that opened none, stands afterwards. */
  readonly ends: ReadonlyArray<RunStatus | UploadStatus>;
  /** What it must have done at least, so that the sweep passes over it. */
  readonly effects: readonly string[];
}

const SETTLE_UPLOAD = ['runs.claimUpload', 'runs.settleUpload', 'announcer.announce', 'runs.markUploadAnnounced'];
const REFUSE_RUN = ['data.put', 'runs.advanceRun', 'announcer.announce', 'runs.markRunAnnounced'];
const END_RUN = ['runs.claimRun', ...REFUSE_RUN];

const WAYS: Readonly<Record<string, Way>> = {
  'ingest of a study': {
    stage: 'ingest',
    ends: ['ingested'],
    effects: [...SETTLE_UPLOAD, 'data.put', 'runs.createRun', 'detectQueue.send'],
  },
  'ingest of a file that it refuses': { stage: 'ingest', ends: ['rejected'], effects: SETTLE_UPLOAD },
  'ingest of a study that it refuses': {
    stage: 'ingest',
    ends: ['rejected'],
    effects: [...SETTLE_UPLOAD, ...REFUSE_RUN, 'runs.createRun'],
  },
  'detect of a study': {
    stage: 'detect',
    ends: ['detected'],
    effects: ['runs.claimRun', 'data.put', 'analyzeQueue.send', 'runs.advanceRun'],
  },
  'detect of a picture that it refuses': { stage: 'detect', ends: ['rejected'], effects: END_RUN },
  'analyze of a study': { stage: 'analyze', ends: ['done', 'needs_review'], effects: END_RUN },
};

let system: TestSystem;
/** Of one network a part: what the stages do about its answers is the same with more. */
let deps: TestSystem['deps'];
/** The world before each way, and the message that starts its stage. */
const starts = new Map<string, { world: World; message: unknown }>();

function worldLike(other?: World): World {
  const world: World = {
    uploads: new MemoryObjectStore(),
    data: new MemoryObjectStore(),
    runs: new MemoryRuns(),
    detectQueue: new MemoryQueue(),
    analyzeQueue: new MemoryQueue(),
    announcer: new MemoryAnnouncer(),
  };
  for (const [key, object] of other?.uploads.objects ?? []) world.uploads.objects.set(key, object);
  for (const [key, object] of other?.data.objects ?? []) world.data.objects.set(key, object);
  for (const [key, item] of other?.runs.items ?? []) world.runs.items.set(key, structuredClone(item));
  return world;
}

const soundHandlers = (world: World) => handlersOf(system, { ...deps, ...world });

function dyingHandlers(world: World, plan: FaultPlan) {
  const wrapped = [
    ...OWN_PORTS.map((name) => [name, withFaults<object>(name, world[name], plan)]),
    ...SHARED_PORTS.map((name) => [name, withFaults<object>(name, deps[name], plan)]),
  ];
  return handlersOf(system, { ...deps, ...Object.fromEntries(wrapped) });
}

/** What must not depend on who died when: objects, states, and messages and announcements less their repeats. */
function outcomeOf(world: World) {
  const objects = [...world.data.objects]
    .filter(([key]) => !/(\/run|detect-timings)\.json$/.test(key))
    .map(([key, { bytes }]) => [key, createHash('sha256').update(bytes).digest('hex')]);
  const items = [...world.runs.items.values()].map((item) => ({
    kind: item.kind,
    status: item.status,
    reasons: item.reasons,
    attempt: item.attempt,
    announced: item.announcedAt !== null,
    runs: item.kind === 'upload' ? item.runs : item.runKey,
  }));
  const subjects = world.announcer.announcements.map(({ subject, status }: Announcement) => `${subject} ${status}`);
  const messages = [...world.detectQueue.messages, ...world.analyzeQueue.messages];
  const sent = messages.map((message) => JSON.stringify({ ...message, traceId: '' }));
  return { objects: Object.fromEntries(objects), items, subjects: [...new Set(subjects)], sent: [...new Set(sent)] };
}

/** Notes the world before a way, then goes it undisturbed; returns the next stage's message. */
async function go(way: string, world: World, message: unknown): Promise<unknown> {
  starts.set(way, { world: worldLike(world), message });
  const { stage } = WAYS[way]!;
  expect(await deliver(soundHandlers(world)[stage], [message]), way).toEqual([]);
  return (stage === 'ingest' ? world.detectQueue : world.analyzeQueue).messages.at(-1);
}

const upload = (world: World, name: string, bytes: Uint8Array) =>
  putUpload({ ...system, uploads: world.uploads }, TENANT, 'upload-1', name, bytes);

beforeAll(async () => {
  system = await startTestSystem();
  deps = { ...system.deps, tier: 'single' };
  const whole = worldLike();
  const detect = await go(
    'ingest of a study',
    whole,
    await upload(whole, 'slice.png', await phantomPng(3, { columns: 240 })),
  );
  await go('analyze of a study', whole, await go('detect of a study', whole, detect));

  const broken = worldLike();
  await go('ingest of a file that it refuses', broken, await upload(broken, 'a.png', Buffer.from('no picture')));

  const withoutT2 = worldLike();
  const { files } = studyOnce({ seed: 5, rows: 96, columns: 80, spacingMm: [3, 3], t1Slices: 3, t2Slices: 0 });
  await go('ingest of a study that it refuses', withoutT2, await upload(withoutT2, 'study.zip', storedZip(files)));

  const noSpine = worldLike();
  const data = Uint8Array.from({ length: 100 * 400 }, (_, at) => 120 + 100 * Math.sin(at / 10_000));
  const png = await createPictureEncoder().pngGrey({ depth: 'u8', width: 100, height: 400, data });
  expect(await deliver(soundHandlers(noSpine).ingest, [await upload(noSpine, 'ramp.png', png)])).toEqual([]);
  await go('detect of a picture that it refuses', noSpine, noSpine.detectQueue.messages.at(-1));
});

afterAll(async () => system.close());

describe('a stage that dies at one of its side effects', () => {
  it.each(Object.keys(WAYS))(
    'converges on the next delivery, wherever %s died',
    async (way) => {
      const { stage, ends, effects } = WAYS[way]!;
      const { world: start, message } = starts.get(way)!;
      const counting = noFaults();
      const undisturbed = worldLike(start);
      expect(await deliver(dyingHandlers(undisturbed, counting)[stage], [message])).toEqual([]);
      const expected = outcomeOf(undisturbed);
      expect(ends).toContain(expected.items.at(-1)?.status);
      for (const effect of effects) expect(counting.calls).toContain(effect);
      for (let failAt = 0; failAt < counting.calls.length; failAt += 1) {
        for (const after of [false, true]) {
          const at = `${counting.calls[failAt]} (call ${failAt}), ${after ? 'after' : 'before'} its effect`;
          const world = worldLike(start);
          const failed = await deliver(dyingHandlers(world, { calls: [], failAt, after })[stage], [message]);
          expect(failed, at).toEqual(['message-0']);
          system.clock.advance(LEASE_MS + 1000);
          for (const receive of [2, 3]) {
            expect(await deliver(soundHandlers(world)[stage], [message], receive), at).toEqual([]);
            expect(outcomeOf(world), at).toEqual(expected);
          }
        }
      }
    },
    600_000,
  );

  it('leaves a study to ingest at the next start that it died refusing, wherever it died', async () => {
    const { world: start, message } = starts.get('ingest of a study that it refuses')!;
    const counting = noFaults();
    await deliver(dyingHandlers(worldLike(start), counting).ingest, [message]);
    const replayUploads = async () => 0;
    for (let failAt = 0; failAt < counting.calls.length; failAt += 1) {
      const world = worldLike(start);
      await deliver(dyingHandlers(world, { calls: [], failAt, after: true }).ingest, [message]);
      await recover({ replayUploads }, { ...deps, ...world });
      const at = `after ${counting.calls[failAt]}`;
      expect(await deliver(soundHandlers(world).detect, world.detectQueue.messages), at).toEqual([]);
      expect(await deliver(soundHandlers(world).ingest, [message]), at).toEqual([]);
      const [upload, run] = [...world.runs.items.values()];
      expect([upload?.status, run?.status], at).toEqual(['expanded', 'rejected']);
      expect(run?.kind === 'run' && run.stages.map(({ stage }) => stage), at).toEqual(['ingest']);
    }
  });
});
