import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobFolder, type BlobWriter } from './blobs.ts';
import { S3Error } from './errors.ts';
import { type ObjectHeaders, type ObjectRecord, S3Index, type StoredChecksum } from './index-store.ts';

/** Conditions of RFC 9110 that a write must meet at the moment it takes effect. */
export interface WriteConditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

export type CreatedBy = 'Put' | 'Post' | 'Copy' | 'CompleteMultipartUpload';

export interface ObjectCreated {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly eTag: string;
  readonly sequencer: string;
  readonly by: CreatedBy;
  readonly atMs: number;
}

export interface FinishedBlob {
  readonly id: string;
  readonly size: number;
  readonly eTag: string;
  readonly checksum?: StoredChecksum | undefined;
}

export interface S3StoreOptions {
  readonly folder: string;
  readonly buckets: readonly string[];
  /** Awaited before the write is answered, so that no object that was acknowledged goes unnoticed. */
  readonly onCreated: (event: ObjectCreated) => Promise<void>;
}

/** A file of the folder that a clean close takes away. */
const OPEN_MARK = 'open';

/** Buckets on a folder: an index in LevelDB and one immutable file a body. Memory does not grow with the objects. */
export class S3Store {
  readonly index: S3Index;
  readonly blobs: BlobFolder;
  readonly #buckets: ReadonlySet<string>;
  readonly #onCreated: S3StoreOptions['onCreated'];
  readonly #locks = new KeyedLocks();
  readonly #mark: string;
  #lastSequence = 0n;

  private constructor(index: S3Index, blobs: BlobFolder, options: S3StoreOptions) {
    this.index = index;
    this.blobs = blobs;
    this.#buckets = new Set(options.buckets);
    this.#onCreated = options.onCreated;
    this.#mark = join(options.folder, OPEN_MARK);
  }

  /** Null where another process holds the folder. */
  static async open(options: S3StoreOptions): Promise<S3Store | null> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const index = await S3Index.open(join(options.folder, 'index'));
    if (index === null) return null;
    try {
      const blobs = await BlobFolder.open(options.folder);
      // A blob is kept before the index names it: a process that was killed in between left one that no key leads to.
      const mark = join(options.folder, OPEN_MARK);
      if ((await stat(mark).catch(() => null)) !== null) await blobs.removeUnnamed(await index.blobs());
      await writeFile(mark, '');
      return new S3Store(index, blobs, options);
    } catch (error) {
      await index.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await rm(this.#mark, { force: true });
    await this.index.close();
  }

  get bucketNames(): string[] {
    return [...this.#buckets].sort();
  }

  checkBucket(bucket: string): void {
    if (!this.#buckets.has(bucket)) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist');
  }

  /** Runs `fill` on a fresh blob; a blob whose filling throws is dropped. */
  async receive<T>(fill: (writer: BlobWriter) => Promise<T>): Promise<{ id: string; result: T }> {
    const writer = this.blobs.create();
    try {
      const result = await fill(writer);
      await writer.finish();
      return { id: writer.id, result };
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  /** Makes a finished blob the object of the key, if the conditions hold now. Drops the blob otherwise. */
  async commit(
    bucket: string,
    key: string,
    blob: FinishedBlob,
    headers: ObjectHeaders,
    by: CreatedBy,
    conditions: WriteConditions = {},
    write: (record: ObjectRecord) => Promise<void> = (record) => this.index.putObject(bucket, key, record),
  ): Promise<ObjectRecord> {
    const record = await this.#locks.run(`${bucket}\0${key}`, async () => {
      const before = this.index.object(bucket, key);
      try {
        checkConditions(before, conditions);
      } catch (error) {
        this.blobs.discard(blob.id);
        throw error;
      }
      this.blobs.keep(blob.id);
      const next = this.#record(blob, headers);
      await write(next);
      if (before !== undefined) this.blobs.remove(before.blob);
      return next;
    });
    const { size, eTag, sequencer, modifiedMs } = record;
    await this.#onCreated({ bucket, key, size, eTag, sequencer, by, atMs: modifiedMs });
    return record;
  }

  async remove(bucket: string, key: string, conditions: WriteConditions = {}): Promise<void> {
    await this.#locks.run(`${bucket}\0${key}`, async () => {
      const before = this.index.object(bucket, key);
      if (before === undefined && conditions.ifMatch === undefined) return;
      checkConditions(before, conditions);
      await this.index.deleteObject(bucket, key);
      if (before !== undefined) this.blobs.remove(before.blob);
    });
  }

  find(bucket: string, key: string): ObjectRecord {
    const record = this.index.object(bucket, key);
    if (record === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist.');
    return record;
  }

  #record(blob: FinishedBlob, headers: ObjectHeaders): ObjectRecord {
    const { contentType, standard, metadata } = headers;
    return {
      blob: blob.id,
      size: blob.size,
      eTag: blob.eTag,
      modifiedMs: Date.now(),
      sequencer: this.#nextSequencer(),
      contentType,
      standard,
      metadata,
      ...(blob.checksum === undefined ? {} : { checksum: blob.checksum }),
    };
  }

  /** Rises with every write, over restarts too, as long as the clock does not run backwards. */
  #nextSequencer(): string {
    const now = BigInt(Date.now()) << 20n;
    this.#lastSequence = now > this.#lastSequence ? now : this.#lastSequence + 1n;
    return this.#lastSequence.toString(16).toUpperCase().padStart(18, '0');
  }
}

function checkConditions(record: ObjectRecord | undefined, conditions: WriteConditions): void {
  const { ifMatch, ifNoneMatch } = conditions;
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*') throw new S3Error('NotImplemented', 'If-None-Match on a write takes * alone.');
    if (record !== undefined) throw preconditionFailed();
  }
  if (ifMatch !== undefined) {
    if (record === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist.');
    if (!matchesETag(ifMatch, record.eTag)) throw preconditionFailed();
  }
}

export const preconditionFailed = (): S3Error =>
  new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');

/** A list of entity tags as If-Match and If-None-Match carry it. */
export function matchesETag(condition: string, eTag: string): boolean {
  return condition.split(',').some((item) => {
    const tag = item
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return tag === '*' || tag === eTag;
  });
}

/** One holder a name at a time, in the order of asking. */
class KeyedLocks {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<T>(name: string, action: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    const turn = before.then(action, action);
    this.#tails.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#tails.get(name) === turn) this.#tails.delete(name);
    }
  }
}
