import { setTimeout as later } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { Waiters } from '../../../src/cli/waiters.ts';

afterEach(() => vi.useRealTimers());

it('lets as many wait at once as studies may be in flight, without a warning of a leak', async () => {
  const warnings: string[] = [];
  const note = ({ name }: Error) => void warnings.push(name);
  process.on('warning', note);
  try {
    const waiters = new Waiters();
    const { signal } = new AbortController();
    let ended = false;
    const waiting = Array.from({ length: 64 }, () => waiters.until('a', signal, async () => (ended ? true : null)));
    await later(0);
    ended = true;
    waiters.wake('a');
    await Promise.all(waiting);
    await later(0);
    expect(warnings).not.toContain('MaxListenersExceededWarning');
  } finally {
    process.off('warning', note);
  }
});

it('misses no announcement that comes while the state is read', async () => {
  vi.useFakeTimers();
  const waiters = new Waiters();
  let reads = 0;
  const read = async () => {
    reads += 1;
    if (reads === 1) waiters.wake('a');
    return reads > 1 ? 'ended' : null;
  };
  expect(await waiters.until('a', new AbortController().signal, read)).toBe('ended');
});

it('reads again now and then where no announcement comes', async () => {
  vi.useFakeTimers();
  let reads = 0;
  const waiting = new Waiters().until('a', new AbortController().signal, async () => (++reads > 3 ? reads : null));
  await vi.runAllTimersAsync();
  expect(await waiting).toBe(4);
});

it('stops waiting with the reason of its signal once that aborts', async () => {
  vi.useFakeTimers();
  const call = new AbortController();
  const waiting = new Waiters().until('a', call.signal, async () => null);
  call.abort(new Error('the call was interrupted'));
  await expect(waiting).rejects.toThrow('the call was interrupted');
});
