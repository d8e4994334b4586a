import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Announcement } from '../../src/contracts/messages.ts';
import { deliver, handlersOf, putUpload, type StageName } from '../support/deliver.ts';
import { type FaultPlan, noFaults, withFaults } from '../support/faults.ts';
import { MemoryObjectStore } from '../support/memory-object-store.ts';
import { MemoryAnnouncer, MemoryQueue } from '../support/memory-queue.ts';
import { MemoryRuns } from '../support/memory-runs.ts';
import { phantomPng } from '../support/phantom-picture.ts';
import { LEASE_MS, startTestSystem, type TestSystem } from '../support/system.ts';

const TENANT = 'tenant';
const STAGES: readonly StageName[] = ['ingest', 'detect', 'analyze'];

/** All that the stages change, and what they sent. */
interface World {
  readonly uploads: MemoryObjectStore;
  readonly data: MemoryObjectStore;
  readonly runs: MemoryRuns;
  readonly detectQueue: MemoryQueue<object>;
  readonly analyzeQueue: MemoryQueue<object>;
  readonly announcer: MemoryAnnouncer;
}

const PORTS = ['uploads', 'data', 'runs', 'announcer', 'detectQueue', 'analyzeQueue'] as const;

let system: TestSystem;
/** The world before each stage, and the message that starts the stage. */
const before = new Map<StageName, { world: World; message: unknown }>();

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

const soundHandlers = (world: World) => handlersOf(system, { ...system.deps, ...world });

function dyingHandlers(world: World, plan: FaultPlan) {
  const wrapped = PORTS.map((name) => [name, withFaults<object>(name, world[name], plan)]);
  return handlersOf(system, { ...system.deps, ...Object.fromEntries(wrapped) });
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

beforeAll(async () => {
  system = await startTestSystem();
  const world = worldLike();
  const picture = await phantomPng(3);
  let message: unknown = await putUpload(
    { ...system, uploads: world.uploads },
    TENANT,
    'upload-1',
    'slice.png',
    picture,
  );
  for (const stage of STAGES) {
    before.set(stage, { world: worldLike(world), message });
    expect(await deliver(soundHandlers(world)[stage], [message])).toEqual([]);
    message = (stage === 'ingest' ? world.detectQueue : world.analyzeQueue).messages.at(-1);
  }
});

afterAll(async () => system.close());

describe('a stage that dies at one of its side effects', () => {
  it.each(STAGES)('converges on the next delivery, wherever %s died', async (stage) => {
    const { world: start, message } = before.get(stage)!;
    const counting = noFaults();
    const undisturbed = worldLike(start);
    expect(await deliver(dyingHandlers(undisturbed, counting)[stage], [message])).toEqual([]);
    const expected = outcomeOf(undisturbed);
    expect(counting.calls.length).toBeGreaterThan(4);
    for (let failAt = 0; failAt < counting.calls.length; failAt += 1) {
      for (const after of [false, true]) {
        const at = `${counting.calls[failAt]} (call ${failAt}), ${after ? 'after' : 'before'} its effect`;
        const world = worldLike(start);
        const failed = await deliver(dyingHandlers(world, { calls: [], failAt, after })[stage], [message]);
        expect(failed, at).toEqual(['message-0']);
        system.clock.advance(LEASE_MS + 1000);
        expect(await deliver(soundHandlers(world)[stage], [message], 2), at).toEqual([]);
        expect(outcomeOf(world), at).toEqual(expected);
      }
    }
  });
});
