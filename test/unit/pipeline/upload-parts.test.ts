import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keys, UPLOAD_MANIFEST_NAME } from '../../../src/contracts/keys.ts';
import type { UploadManifest } from '../../../src/contracts/messages.ts';
import { InputFault } from '../../../src/contracts/reasons.ts';
import { type IngestDeps, ingestRecord } from '../../../src/pipeline/ingest-stage.ts';
import { DEFAULT_LIMITS } from '../../../src/pipeline/prepare-files.ts';
import { MemoryObjectStore } from '../../support/memory-object-store.ts';
import { MemoryRuns } from '../../support/memory-runs.ts';
import { testPseudonyms } from '../../support/prepared.ts';

const [TENANT, UPLOAD] = ['clinic', 'upload-1'];
const manifestKey = keys.upload(TENANT, UPLOAD, UPLOAD_MANIFEST_NAME);

type Part = UploadManifest['parts'][number];

/** Bytes that begin as a DICOM file does. */
function dicomLike(text: string): Buffer {
  return Buffer.concat([Buffer.alloc(128), Buffer.from(`DICM${text}`)]);
}

/** An upload of two parts; `change` is made to the manifest or to the store before it is ingested. */
async function ingestParts(change: (bench: { parts: Part[]; uploads: MemoryObjectStore }) => void = () => undefined) {
  const uploads = new MemoryObjectStore();
  const runs = new MemoryRuns();
  const read: string[] = [];
  const parts: Part[] = [];
  for (const name of ['0.dcm', '1.dcm']) {
    const [key, bytes] = [keys.part(TENANT, UPLOAD, name), dicomLike(name)];
    await uploads.put(key, bytes, { contentType: 'application/dicom' });
    parts.push({ key, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  }
  change({ parts, uploads });
  const manifest: UploadManifest = { schema: 'discflow.upload/1', parts };
  await uploads.put(manifestKey, Buffer.from(JSON.stringify(manifest)), { contentType: 'application/json' });
  const deps = {
    ...{ uploads, runs },
    announcer: { announce: async () => undefined },
    pseudonyms: testPseudonyms,
    decoder: {
      readDicom: async (bytes: Uint8Array) => {
        read.push(Buffer.from(bytes).subarray(132).toString());
        throw new InputFault('truncated');
      },
      readOrigin: async () => ({ studyInstanceUid: null, seriesInstanceUid: null, modality: null, sopClassUid: null }),
    },
    clock: { nowMs: () => 1000 },
    log: { info() {}, warn() {}, error() {} },
    limits: { ...DEFAULT_LIMITS, maxUploadBytes: 1000 },
    leaseMs: 1000,
  } as unknown as IngestDeps;
  const object = { key: manifestKey, tenant: TENANT, uploadId: UPLOAD, name: UPLOAD_MANIFEST_NAME, size: 10 };
  const upload = { ...object, versionId: null, sequencer: null };
  await ingestRecord(deps, { outcome: 'object', object: upload, key: manifestKey }, 'trace');
  const [item] = await runs.getUpload(TENANT, UPLOAD);
  return { status: item?.status, codes: item?.reasons.map(({ code }) => code), read };
}

const put = (uploads: MemoryObjectStore, key: string, bytes: Buffer): void => {
  uploads.objects.set(key, { bytes, contentType: 'application/dicom', metadata: {} });
};

describe('an upload of parts', () => {
  it('is read where every part is the one that its manifest lists', async () => {
    expect((await ingestParts()).read.sort()).toEqual(['0.dcm', '1.dcm']);
  });

  it.each<[string, (part: Part, uploads: MemoryObjectStore) => Partial<Part> | undefined]>([
    ['is missing', ({ key }, uploads) => void uploads.objects.delete(key)],
    ['has other bytes of the same length', ({ key }, uploads) => void put(uploads, key, dicomLike('2.dcm'))],
    ['is longer than its manifest says', ({ key }, uploads) => void put(uploads, key, dicomLike('1.dcm and more'))],
    ['is shorter than its manifest says', ({ size }) => ({ size: size + 1 })],
  ])('ends incomplete_upload where a part %s', async (_, spoil) => {
    const end = await ingestParts(({ parts, uploads }) => {
      parts[1] = { ...parts[1]!, ...spoil(parts[1]!, uploads) };
    });
    expect(end).toMatchObject({ status: 'rejected', codes: ['incomplete_upload'] });
  });

  it.each([
    ['of another tenant', keys.part('other', UPLOAD, '0.dcm')],
    ['of another upload', keys.part(TENANT, 'upload-2', '0.dcm')],
    ['of an upload whose id begins with its own', keys.part(TENANT, `${UPLOAD}0`, '0.dcm')],
    ['reached through ..', keys.part(TENANT, UPLOAD, '../../other/upload-1/0.dcm')],
    ['among whole uploads', keys.upload(TENANT, UPLOAD, '0.dcm')],
  ])('ends invalid_key where a part is one %s, and reads none', async (_, key) => {
    const bytes = dicomLike('foreign');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const end = await ingestParts(({ parts, uploads }) => {
      put(uploads, key, bytes);
      parts.push({ key, size: bytes.length, sha256 });
    });
    expect(end).toEqual({ status: 'rejected', codes: ['invalid_key'], read: [] });
  });

  it('ends too_large where its parts together are, and reads none', async () => {
    const end = await ingestParts(({ parts }) => {
      parts[0] = { ...parts[0]!, size: 1000 };
    });
    expect(end).toEqual({ status: 'rejected', codes: ['too_large'], read: [] });
  });
});
