import { createHash, randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { S3ObjectStore } from '../aws/s3-object-store.ts';
import { keys, UPLOAD_MANIFEST_NAME } from '../contracts/keys.ts';
import type { UploadManifest } from '../contracts/messages.ts';
import { type Reason, reasonOf } from '../contracts/reasons.ts';
import type { Runs } from '../pipeline/ports.ts';
import { DEFAULT_LIMITS } from '../pipeline/prepare-files.ts';
import type { PlannedUpload } from './plan.ts';

const PARTS_IN_FLIGHT = 8;

/** A file of the user's that was there when the call was planned can no longer be read. */
export class SourceUnreadable extends Error {
  override readonly name = 'SourceUnreadable';
}

const readSource = <T>(reading: Promise<T>): Promise<T> =>
  reading.catch((error: Error) => {
    throw new SourceUnreadable(error.message, { cause: error });
  });

/**
 * Why ingest would refuse an upload for its size or its number of files, before any is copied; null where it would not.
 * @throws SourceUnreadable where a file is gone.
 */
export async function refusalBySize({ files }: PlannedUpload): Promise<Reason | null> {
  if (files.length > DEFAULT_LIMITS.maxEntries) return reasonOf('archive_limit', { detail: 'files' });
  let bytes = 0;
  for (const file of files) bytes += (await readSource(stat(file))).size;
  return bytes > DEFAULT_LIMITS.maxUploadBytes ? reasonOf('too_large') : null;
}

/**
 * Puts an upload under a fresh id; returns the id. File names can name patients: keys carry neutral ones.
 * @throws SourceUnreadable where a file is gone; nothing of the upload stays in the store.
 */
export async function submitUpload(store: S3ObjectStore, tenant: string, upload: PlannedUpload): Promise<string> {
  const uploadId = randomUUID();
  try {
    await putUpload(store, tenant, uploadId, upload);
  } catch (error) {
    if (error instanceof SourceUnreadable) await forgetUpload(store, tenant, uploadId);
    throw error;
  }
  return uploadId;
}

async function putUpload(store: S3ObjectStore, tenant: string, uploadId: string, upload: PlannedUpload) {
  if (upload.extension !== null) {
    const [file = ''] = upload.files;
    const key = keys.upload(tenant, uploadId, `upload${upload.extension}`);
    await store.put(key, await readSource(readFile(file)), { contentType: 'application/octet-stream' });
    return;
  }
  const parts: UploadManifest['parts'] = [];
  for (let from = 0; from < upload.files.length; from += PARTS_IN_FLIGHT) {
    const batch = upload.files.slice(from, from + PARTS_IN_FLIGHT);
    const put = await Promise.allSettled(
      batch.map((file, index) => putPart(store, tenant, uploadId, from + index, file)),
    );
    for (const part of put) {
      if (part.status === 'rejected') throw part.reason;
      parts.push(part.value);
    }
  }
  const manifest: UploadManifest = { schema: 'discflow.upload/1', parts };
  const body = Buffer.from(JSON.stringify(manifest));
  await store.put(keys.upload(tenant, uploadId, UPLOAD_MANIFEST_NAME), body, { contentType: 'application/json' });
}

async function putPart(store: S3ObjectStore, tenant: string, uploadId: string, index: number, file: string) {
  const bytes = await readSource(readFile(file));
  const key = keys.part(tenant, uploadId, `${String(index).padStart(5, '0')}.dcm`);
  await store.put(key, bytes, { contentType: 'application/dicom' });
  return { key, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Deletes an upload that has ended: the user keeps the original, and a copy of it would hold the patient's name. */
export async function forgetUpload(store: S3ObjectStore, tenant: string, uploadId: string): Promise<void> {
  for (const prefix of [keys.upload(tenant, uploadId, ''), keys.part(tenant, uploadId, '')]) {
    const found: string[] = [];
    for await (const key of store.list(prefix)) found.push(key);
    await store.delete(found);
  }
}

/**
 * Deletes what ended in a process that was killed before it could do so itself, and what no ingest had begun to read by
 * then: nobody waits for it, and the same call puts it again.
 */
export async function forgetEndedUploads(store: S3ObjectStore, runs: Runs): Promise<void> {
  const found = new Map<string, { tenant: string; uploadId: string }>();
  for (const root of ['in/', 'parts/']) {
    for await (const key of store.list(root)) {
      const [, tenant = '', uploadId = ''] = key.split('/');
      found.set(`${tenant}/${uploadId}`, { tenant, uploadId });
    }
  }
  for (const { tenant, uploadId } of found.values()) {
    const items = await runs.getUpload(tenant, uploadId);
    if (items.every(({ status }) => status !== 'received')) {
      await forgetUpload(store, tenant, uploadId);
    }
  }
}
