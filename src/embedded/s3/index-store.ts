import { ClassicLevel } from 'classic-level';
import { damageOf } from '../data-folder.ts';
import type { ChecksumAlgorithm } from './checksums.ts';

export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; a composite one ends with `-<parts>`. */
  readonly value: string;
  readonly type: 'FULL_OBJECT' | 'COMPOSITE';
}

/** What travels with an object beside its bytes. */
export interface ObjectHeaders {
  readonly contentType: string;
  /** Cache-Control, Content-Disposition, Content-Encoding, Content-Language, Expires, by lower-case name. */
  readonly standard: Readonly<Record<string, string>>;
  /** User metadata by lower-case name, without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ObjectRecord extends ObjectHeaders {
  readonly blob: string;
  readonly size: number;
  /** Without quotes: MD5 in hex, or `<md5 of part md5s>-<parts>`. */
  readonly eTag: string;
  readonly modifiedMs: number;
  readonly sequencer: string;
  readonly checksum?: StoredChecksum;
}

export interface UploadRecord extends ObjectHeaders {
  readonly startedMs: number;
  readonly algorithm?: ChecksumAlgorithm;
  readonly checksumType?: 'FULL_OBJECT' | 'COMPOSITE';
}

export interface PartRecord {
  readonly blob: string;
  readonly size: number;
  readonly eTag: string;
  readonly modifiedMs: number;
  readonly checksum?: StoredChecksum;
}

export interface ListedObject {
  readonly key: string;
  readonly record: ObjectRecord;
}

/** The place behind every key that starts with `text`: no UTF-8 text holds the byte 0xff. */
const behind = (text: string): Buffer => Buffer.concat([Buffer.from(text), Buffer.of(0xff)]);

/**
 * Which blob a key names, in a LevelDB of the folder: ordered by the bytes of the key as S3 lists, on disk, and locked
 * by the operating system while a process holds it open.
 */
export class S3Index {
  readonly #level: ClassicLevel<string, unknown>;

  private constructor(level: ClassicLevel<string, unknown>) {
    this.#level = level;
  }

  /** Null where another process (or this one) holds the index. Throws `DamagedFolderError`. */
  static async open(folder: string): Promise<S3Index | null> {
    const level = new ClassicLevel<string, unknown>(folder, { keyEncoding: 'utf8', valueEncoding: 'json' });
    try {
      await level.open();
    } catch (error) {
      if (isLocked(error)) return null;
      throw damageOf(folder, error) ?? error;
    }
    return new S3Index(level);
  }

  close(): Promise<void> {
    return this.#level.close();
  }

  object(bucket: string, key: string): ObjectRecord | undefined {
    return this.#get<ObjectRecord>(objectKey(bucket, key));
  }

  putObject(bucket: string, key: string, record: ObjectRecord): Promise<void> {
    return this.#level.put(objectKey(bucket, key), record);
  }

  deleteObject(bucket: string, key: string): Promise<void> {
    return this.#level.del(objectKey(bucket, key));
  }

  /**
   * Objects in UTF-8 order whose keys start with `prefix` and lie behind `after`. With `next(skip)` the walk jumps
   * behind every key that starts with `skip`.
   */
  async *walk(bucket: string, prefix: string, after: string): AsyncGenerator<ListedObject, void, string | undefined> {
    const base = objectKey(bucket, '');
    const start = Buffer.from(base + prefix);
    const from = Buffer.from(base + after);
    const first = Buffer.compare(from, start) >= 0 && after !== '' ? { gt: from } : { gte: start };
    const iterator = this.#level.iterator<Buffer, unknown>({
      ...first,
      lt: behind(base + prefix),
      keyEncoding: 'buffer',
    });
    try {
      for (let entry = await iterator.next(); entry !== undefined; entry = await iterator.next()) {
        const key = entry[0].toString('utf8').slice(base.length);
        const skip = yield { key, record: entry[1] as ObjectRecord };
        if (skip !== undefined) iterator.seek(behind(base + skip));
      }
    } finally {
      await iterator.close();
    }
  }

  /** The blobs of all objects and parts. */
  async blobs(): Promise<Set<string>> {
    const found = new Set<string>();
    for await (const record of this.#level.values()) {
      const { blob } = record as Partial<ObjectRecord>;
      if (blob !== undefined) found.add(blob);
    }
    return found;
  }

  upload(bucket: string, key: string, uploadId: string): UploadRecord | undefined {
    return this.#get<UploadRecord>(uploadKey(bucket, key, uploadId));
  }

  putUpload(bucket: string, key: string, uploadId: string, record: UploadRecord): Promise<void> {
    return this.#level.put(uploadKey(bucket, key, uploadId), record);
  }

  part(uploadId: string, number: number): PartRecord | undefined {
    return this.#get<PartRecord>(partKey(uploadId, number));
  }

  putPart(uploadId: string, number: number, record: PartRecord): Promise<void> {
    return this.#level.put(partKey(uploadId, number), record);
  }

  async parts(uploadId: string): Promise<Array<{ number: number; record: PartRecord }>> {
    const base = `p\0${uploadId}\0`;
    const entries = await this.#level.iterator({ gte: base, lt: `p\0${uploadId}\u0001` }).all();
    return entries.map(([key, record]) => ({ number: Number(key.slice(base.length)), record: record as PartRecord }));
  }

  /** Ends a multipart upload: its record and its parts go, the object it made comes, in one step. */
  async endUpload(
    bucket: string,
    key: string,
    uploadId: string,
    parts: readonly number[],
    object?: ObjectRecord,
  ): Promise<void> {
    const gone = [uploadKey(bucket, key, uploadId), ...parts.map((number) => partKey(uploadId, number))];
    await this.#level.batch([
      ...gone.map((name) => ({ type: 'del' as const, key: name })),
      ...(object === undefined
        ? []
        : [{ type: 'put' as const, key: objectKey(bucket, key), value: object as unknown }]),
    ]);
  }

  /** A point read of LevelDB takes microseconds; a turn through the thread pool takes more. */
  #get<T>(key: string): T | undefined {
    return this.#level.getSync(key) as T | undefined;
  }
}

const objectKey = (bucket: string, key: string): string => `o\0${bucket}\0${key}`;
const uploadKey = (bucket: string, key: string, uploadId: string): string => `u\0${bucket}\0${key}\0${uploadId}`;
const partKey = (uploadId: string, number: number): string => `p\0${uploadId}\0${String(number).padStart(5, '0')}`;

function isLocked(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && at.code === 'LEVEL_LOCKED') return true;
  }
  return false;
}
