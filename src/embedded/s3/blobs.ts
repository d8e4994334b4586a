import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Bodies up to this size are written and read in one piece on the event loop: a megabyte of page cache costs less than
 * the four turns through the thread pool that open, write, close and rename take.
 */
export const ONE_PIECE_BYTES = 1 << 20;

/** Bodies as files under random names: immutable once kept, so that a key never becomes a path. */
export class BlobFolder {
  readonly #kept: string;
  readonly #incoming: string;

  private constructor(folder: string) {
    this.#kept = join(folder, 'blobs');
    this.#incoming = join(folder, 'incoming');
  }

  /** Makes the folders and drops what a killed process left half written. */
  static async open(folder: string): Promise<BlobFolder> {
    const blobs = new BlobFolder(folder);
    await rm(blobs.#incoming, { recursive: true, force: true });
    await mkdir(blobs.#incoming, { recursive: true });
    await mkdir(blobs.#kept, { recursive: true });
    const present = new Set(await readdir(blobs.#kept));
    const shards = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, '0'));
    await Promise.all(shards.filter((shard) => !present.has(shard)).map((shard) => mkdir(join(blobs.#kept, shard))));
    return blobs;
  }

  create(): BlobWriter {
    const id = randomBytes(16).toString('hex');
    return new BlobWriter(id, join(this.#incoming, id));
  }

  /** Moves a finished blob to its place; until then it is dropped at the next start. */
  keep(id: string): void {
    renameSync(join(this.#incoming, id), this.#path(id));
  }

  discard(id: string): void {
    rmSync(join(this.#incoming, id), { force: true });
  }

  /** A second name of the same immutable bytes, not yet kept. */
  async duplicate(id: string): Promise<string> {
    const copy = randomBytes(16).toString('hex');
    const target = join(this.#incoming, copy);
    try {
      await link(this.#path(id), target);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) throw error;
      await copyFile(this.#path(id), target);
    }
    return copy;
  }

  /** Null where another write replaced and removed the blob in the meantime. */
  async read(id: string): Promise<FileHandle | null> {
    return orMissing(() => open(this.#path(id), 'r'));
  }

  /** The bytes from `start` to `end`, both included, of a blob; fewer where it is shorter; null where it is gone. */
  readPiece(id: string, start: number, end: number): Buffer | null {
    let file: number;
    try {
      file = openSync(this.#path(id), 'r');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
      throw error;
    }
    try {
      const last = Math.min(end, fstatSync(file).size - 1);
      const bytes = Buffer.allocUnsafe(Math.max(0, last - start + 1));
      let offset = 0;
      while (offset < bytes.length) {
        const count = readSync(file, bytes, offset, bytes.length - offset, start + offset);
        if (count === 0) break;
        offset += count;
      }
      return bytes.subarray(0, offset);
    } finally {
      closeSync(file);
    }
  }

  remove(id: string): void {
    rmSync(this.#path(id), { force: true });
  }

  /** Removes kept blobs that nothing names. */
  async removeUnnamed(named: ReadonlySet<string>): Promise<void> {
    for (const shard of await readdir(this.#kept)) {
      for (const id of await readdir(join(this.#kept, shard))) {
        if (!named.has(id)) this.remove(id);
      }
    }
  }

  #path(id: string): string {
    return join(this.#kept, id.slice(0, 2), id);
  }
}

/** Gathers a body; a large one goes to disk while it comes. */
export class BlobWriter {
  readonly id: string;
  readonly #path: string;
  #file: FileHandle | null = null;
  #gathered: Uint8Array[] = [];
  #bytes = 0;

  constructor(id: string, path: string) {
    this.id = id;
    this.#path = path;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#gathered.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > ONE_PIECE_BYTES) await this.#flush();
  }

  async finish(): Promise<void> {
    if (this.#file === null) {
      const file = openSync(this.#path, 'wx', 0o600);
      try {
        for (const chunk of this.#gathered) writeFileSync(file, chunk);
      } finally {
        closeSync(file);
      }
      return;
    }
    await this.#flush();
    await this.#file.close();
  }

  async abort(): Promise<void> {
    this.#gathered = [];
    await this.#file?.close();
    await rm(this.#path, { force: true });
  }

  async #flush(): Promise<void> {
    this.#file ??= await open(this.#path, 'wx', 0o600);
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#bytes = 0;
    let offset = 0;
    while (offset < bytes.length) offset += (await this.#file.write(bytes, offset)).bytesWritten;
  }
}

async function orMissing<T>(action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

export const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
