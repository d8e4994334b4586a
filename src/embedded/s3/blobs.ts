import { randomBytes } from 'node:crypto';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes that a writer gathers before it touches the disk, so that a small object costs one write. */
const GATHER_BYTES = 1 << 20;

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

  async create(): Promise<BlobWriter> {
    const id = randomBytes(16).toString('hex');
    const path = join(this.#incoming, id);
    return new BlobWriter(id, path, await open(path, 'wx', 0o600));
  }

  /** Moves a finished blob to its place; until then it is dropped at the next start. */
  async keep(id: string): Promise<void> {
    await rename(join(this.#incoming, id), this.#path(id));
  }

  async discard(id: string): Promise<void> {
    await rm(join(this.#incoming, id), { force: true });
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
    try {
      return await open(this.#path(id), 'r');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
      throw error;
    }
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
  }

  #path(id: string): string {
    return join(this.#kept, id.slice(0, 2), id);
  }
}

export class BlobWriter {
  readonly id: string;
  readonly #path: string;
  readonly #file: FileHandle;
  #gathered: Uint8Array[] = [];
  #bytes = 0;

  constructor(id: string, path: string, file: FileHandle) {
    this.id = id;
    this.#path = path;
    this.#file = file;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#gathered.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= GATHER_BYTES) await this.#flush();
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#file.close();
  }

  async abort(): Promise<void> {
    this.#gathered = [];
    await this.#file.close();
    await rm(this.#path, { force: true });
  }

  async #flush(): Promise<void> {
    const chunks = this.#gathered;
    this.#gathered = [];
    this.#bytes = 0;
    for (const chunk of chunks.length > 1 ? [Buffer.concat(chunks)] : chunks) {
      let offset = 0;
      while (offset < chunk.length) offset += (await this.#file.write(chunk, offset)).bytesWritten;
    }
  }
}

export const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
