import { setMaxListeners } from 'node:events';

/** How often a state is read again, should its announcement be lost. */
const REREAD_MS = 1000;

/** Lets callers sleep until a subject is announced. */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  wake(subject: string): void {
    for (const resolve of this.#waiting.get(subject) ?? []) resolve();
  }

  /** Reads until there is a value: at once, at each announcement of the subject, and now and then. */
  async until<Value>(subject: string, signal: AbortSignal, read: () => Promise<Value | null>): Promise<Value> {
    for (;;) {
      const announced = this.#next(subject, signal);
      try {
        const value = await read();
        if (value !== null) return value;
        await announced.promise;
      } finally {
        announced.cancel();
      }
      signal.throwIfAborted();
    }
  }

  #next(subject: string, signal: AbortSignal): { promise: Promise<void>; cancel(): void } {
    let resolve = (): void => undefined;
    const promise = new Promise<void>((settle) => {
      resolve = settle;
    });
    const timer = setTimeout(resolve, REREAD_MS);
    const set = this.#waiting.get(subject) ?? new Set();
    this.#waiting.set(subject, set.add(resolve));
    // Node warns of a leak beyond ten; here one listens a study in flight.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', resolve, { once: true });
    return {
      promise,
      cancel: () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', resolve);
        set.delete(resolve);
        if (set.size === 0 && this.#waiting.get(subject) === set) this.#waiting.delete(subject);
      },
    };
  }
}
