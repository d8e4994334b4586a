import type { Readable } from 'node:stream';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { InputFault, TransientFault } from '../contracts/reasons.ts';
import type { ObjectHead, ObjectStore } from '../pipeline/ports.ts';
import { translated } from './faults.ts';

/** Objects that one DeleteObjects takes. */
const DELETE_BATCH = 1000;

/** Objects of one bucket in S3. */
export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  get(key: string, options: { maxBytes?: number; versionId?: string } = {}): Promise<Buffer | null> {
    const { maxBytes, versionId } = options;
    return translated('GetObject', async () => {
      try {
        const answer = await this.#client.send(
          new GetObjectCommand({ Bucket: this.#bucket, Key: key, VersionId: versionId }),
        );
        if (answer.Body === undefined) return Buffer.alloc(0);
        const body = answer.Body as Readable;
        const size = answer.ContentLength ?? 0;
        if (size > (maxBytes ?? size)) {
          body.destroy();
          throw new InputFault('too_large');
        }
        return await readWhole(body, size);
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    });
  }

  head(key: string, options: { versionId?: string } = {}): Promise<ObjectHead | null> {
    return translated('HeadObject', async () => {
      try {
        const answer = await this.#client.send(
          new HeadObjectCommand({ Bucket: this.#bucket, Key: key, VersionId: options.versionId }),
        );
        const { ContentLength: size = 0, ETag: eTag = '', Metadata: metadata = {} } = answer;
        return { size, eTag: eTag.replaceAll('"', ''), metadata };
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    });
  }

  async put(
    key: string,
    body: Uint8Array,
    options: { contentType: string; metadata?: Record<string, string> },
  ): Promise<void> {
    await translated('PutObject', () =>
      this.#client.send(
        new PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Body: body,
          ContentType: options.contentType,
          Metadata: options.metadata,
        }),
      ),
    );
  }

  /** Deletes objects; one that is not there is no fault. */
  async delete(keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += DELETE_BATCH) {
      const Objects = keys.slice(from, from + DELETE_BATCH).map((Key) => ({ Key }));
      await translated('DeleteObjects', () =>
        this.#client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } })),
      );
    }
  }

  async *list(prefix: string): AsyncIterable<string> {
    let token: string | undefined;
    do {
      const page = await translated('ListObjectsV2', () =>
        this.#client.send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token })),
      );
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }
}

/** The body in one buffer of its size: gathered in pieces first, an object would be in memory twice. */
async function readWhole(body: Readable, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let read = 0;
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    if (read + piece.length <= size) bytes.set(piece, read);
    read += piece.length;
  }
  if (read !== size) throw new TransientFault('GetObject gave another size than it told');
  return bytes;
}

function isMissing(error: unknown): boolean {
  if (error instanceof NoSuchKey || error instanceof NotFound) return true;
  return error instanceof Error && error.name === 'NoSuchVersion';
}
