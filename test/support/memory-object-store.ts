import { createHash } from 'node:crypto';
import { InputFault } from '../../src/contracts/reasons.ts';
import type { ObjectHead, ObjectStore } from '../../src/pipeline/ports.ts';

interface StoredObject {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Objects in a map; keys list in UTF-8 order. The only version is the current one. */
export class MemoryObjectStore implements ObjectStore {
  readonly objects = new Map<string, StoredObject>();

  async get(key: string, options: { maxBytes?: number; versionId?: string } = {}): Promise<Buffer | null> {
    const object = this.#find(key, options.versionId);
    if (object === undefined) return null;
    if (options.maxBytes !== undefined && object.bytes.length > options.maxBytes) throw new InputFault('too_large');
    return Buffer.from(object.bytes);
  }

  async head(key: string, options: { versionId?: string } = {}): Promise<ObjectHead | null> {
    const object = this.#find(key, options.versionId);
    if (object === undefined) return null;
    const eTag = createHash('md5').update(object.bytes).digest('hex');
    return { size: object.bytes.length, eTag, metadata: { ...object.metadata } };
  }

  async put(
    key: string,
    body: Uint8Array,
    options: { contentType: string; metadata?: Record<string, string> },
  ): Promise<void> {
    this.objects.set(key, {
      bytes: Buffer.from(body),
      contentType: options.contentType,
      metadata: { ...options.metadata },
    });
  }

  async *list(prefix: string): AsyncIterable<string> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix));
    yield* keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  #find(key: string, versionId: string | undefined): StoredObject | undefined {
    return versionId === undefined || versionId === 'null' ? this.objects.get(key) : undefined;
  }
}
