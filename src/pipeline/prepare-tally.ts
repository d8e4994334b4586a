import { InputFault, REASONS, type Reason, type ReasonCode, reasonOf } from '../contracts/reasons.ts';

interface Counted {
  count: number;
  /** Undefined once two files of one code differ in it. */
  detail: string | undefined;
}

/** Counts why files of an upload were left out: one reason a code, in the order of their first appearance. */
export class FileTally {
  readonly #counts = new Map<ReasonCode, Counted>();

  add(code: ReasonCode, detail?: string): void {
    const counted = this.#counts.get(code);
    if (counted === undefined) this.#counts.set(code, { count: 1, detail });
    else this.#counts.set(code, { count: counted.count + 1, detail: counted.detail === detail ? detail : undefined });
  }

  /** Takes a file's fault, or throws what is none, and what speaks of the whole upload. */
  addFault(error: unknown): void {
    if (!(error instanceof InputFault) || error.code === 'incomplete_upload') throw error;
    this.add(error.code, error.detail);
  }

  reasons(): Reason[] {
    return [...this.#counts].map(([code, { count, detail }]) =>
      reasonOf(code, { count, ...(detail === undefined ? {} : { detail }) }),
    );
  }

  /** The reasons of an upload without a study: faults first; `no_images` where no file was even a candidate. */
  endReasons(): Reason[] {
    const reasons = this.reasons();
    const faults = reasons.filter(({ code }) => REASONS[code].status !== 'flag');
    const flags = reasons.filter(({ code }) => REASONS[code].status === 'flag');
    return [...(faults.length > 0 ? faults : [reasonOf('no_images')]), ...flags];
  }
}
