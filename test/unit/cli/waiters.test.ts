import { setTimeout as later } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Waiters } from '../../../src/cli/waiters.ts';

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
