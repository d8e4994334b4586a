import { InputFault } from '../contracts/reasons.ts';

/** What an archive may hold before any of it is inflated. */
export interface ArchiveLimits {
  /** Entries, folders counted. */
  readonly maxEntries: number;
  /** Inflated bytes of one entry. */
  readonly maxFileBytes: number;
  /** Inflated bytes of all entries. */
  readonly maxTotalBytes: number;
  /** Inflated over packed size, of the archive and of an entry beyond a megabyte. */
  readonly maxRatio: number;
}

/** Below this an entry's ratio says nothing: a blank slice packs a thousandfold. */
const RATIO_FREE_BYTES = 1024 * 1024;

export interface EntrySizes {
  readonly packed: number;
  readonly inflated: number;
}

/** Counts what the archive's directory declares. Throws `InputFault('archive_limit')` at the first excess. */
export class ArchiveBudget {
  readonly #limits: ArchiveLimits;
  readonly #archiveBytes: number;
  #entries = 0;
  #packed = 0;
  #inflated = 0;

  constructor(limits: ArchiveLimits, archiveBytes: number) {
    this.#limits = limits;
    this.#archiveBytes = archiveBytes;
  }

  add({ packed, inflated }: EntrySizes): void {
    const { maxEntries, maxFileBytes, maxTotalBytes, maxRatio } = this.#limits;
    this.#entries += 1;
    this.#packed += packed;
    this.#inflated += inflated;
    if (this.#entries > maxEntries) throw new InputFault('archive_limit', 'entries');
    if (inflated > maxFileBytes) throw new InputFault('archive_limit', 'the size of an entry');
    if (this.#inflated > maxTotalBytes) throw new InputFault('archive_limit', 'the size of all entries');
    if (inflated > RATIO_FREE_BYTES && inflated > maxRatio * packed)
      throw new InputFault('archive_limit', 'the ratio of an entry');
    if (this.#inflated > RATIO_FREE_BYTES && this.#inflated > maxRatio * this.#archiveBytes) {
      throw new InputFault('archive_limit', 'the ratio of the archive');
    }
    // Entries that share bytes are packed into more than the archive holds.
    if (this.#packed > this.#archiveBytes) throw new InputFault('archive_limit', 'overlapping entries');
  }
}
