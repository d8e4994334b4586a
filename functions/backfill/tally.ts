type Counts = Readonly<Record<string, number>>;

/** What became of a job's uploads that were opened before `until`: all have ended, and need not be read again. */
export interface Counted {
  readonly until: string;
  readonly counts: Counts;
}

/**
 * Counts uploads by status in the order in which they were opened, and tells up to where all have ended: a job of
 * millions is read once, and after that from there on.
 */
export class Tally {
  readonly #young: string;
  #before: Counted | undefined;
  #counts: Record<string, number>;
  #closed = false;

  /** `youngMs`: what was opened since then is counted, but not settled. */
  constructor(counted: Counted | undefined, youngMs: number) {
    this.#young = new Date(youngMs).toISOString();
    this.#before = counted;
    this.#counts = { ...counted?.counts };
  }

  /** `ours`: of the job; others move the time on. */
  read({ status, createdAt }: { status: string; createdAt: string }, ours: boolean): void {
    // Those of one millisecond are settled together: the next count begins at a time, not at an upload.
    if (!this.#closed && createdAt !== this.#before?.until) this.#before = { until: createdAt, counts: this.counts };
    if ((ours && status === 'received') || createdAt >= this.#young) this.#closed = true;
    if (ours) this.#counts[status] = (this.#counts[status] ?? 0) + 1;
  }

  /** Whether an upload was met that has not ended, or is too young to be sure: what follows is not settled. */
  get closed(): boolean {
    return this.#closed;
  }

  get counts(): Counts {
    return { ...this.#counts };
  }

  get settled(): Counted | undefined {
    return this.#before;
  }
}
