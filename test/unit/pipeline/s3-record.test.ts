import { describe, expect, it } from 'vitest';
import { UNASSIGNED_TENANT } from '../../../src/contracts/keys.ts';
import { CLIENT_REFERENCE_METADATA, type S3Record } from '../../../src/contracts/messages.ts';
import { type IngestDeps, ingestRecord } from '../../../src/pipeline/ingest-stage.ts';
import type { ObjectStore } from '../../../src/pipeline/ports.ts';
import { DEFAULT_LIMITS } from '../../../src/pipeline/prepare-files.ts';
import { parseS3Record } from '../../../src/pipeline/s3-record.ts';
import { MemoryObjectStore } from '../../support/memory-object-store.ts';
import { MemoryRuns } from '../../support/memory-runs.ts';
import { testPseudonyms } from '../../support/prepared.ts';

const record = (object: S3Record['s3']['object']): S3Record => ({
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  eventName: 'ObjectCreated:Scanned',
  s3: { bucket: { name: 'uploads' }, object },
});
const parsed = (object: S3Record['s3']['object']) =>
  parseS3Record(record(object), { uploadsBucket: 'uploads', maxUploadBytes: 1000 });

/** Ingest that may refuse an upload and announce its end, and touches nothing else. */
function refusingIngest() {
  const runs = new MemoryRuns();
  const announced: string[] = [];
  const deps = {
    runs,
    announcer: { announce: async ({ status }: { status: string }) => void announced.push(status) },
    pseudonyms: testPseudonyms,
    clock: { nowMs: () => 1000 },
    log: { info() {}, warn() {}, error() {} },
    leaseMs: 1000,
  } as unknown as IngestDeps;
  return { runs, announced, deps };
}

describe('a record of the uploads bucket', () => {
  it('has its key decoded once, unless it says that the key is not encoded', () => {
    expect(parsed({ key: 'in/demo/u1/a+b%2520c.zip' })).toMatchObject({ key: 'in/demo/u1/a b%20c.zip' });
    const raw = { key: 'in/demo/u1/a+b 100%.zip', keyEncoding: 'none' as const };
    expect(parsed(raw)).toMatchObject({ outcome: 'object', key: raw.key });
  });

  it.each([
    ['of another bucket', 'in/demo/u1/a.zip', 'foreign'],
    ['deeper than an upload', 'in/demo/u1/a/b.zip', 'uploads'],
    ['of no tenant', 'in/De_mo/u1/a.zip', 'uploads'],
  ])('names no upload where its object is %s', (_, key, bucket) => {
    const foreign = { ...record({ key, size: 10 }), s3: { bucket: { name: bucket }, object: { key, size: 10 } } };
    const answer = parseS3Record(foreign, { uploadsBucket: 'uploads', maxUploadBytes: 1000 });
    expect(answer).toMatchObject({ outcome: 'refused', code: 'invalid_key', object: null });
  });

  it('that names no upload ends one of its own under the tenant of nobody, the same one at each delivery', async () => {
    const { runs, announced, deps } = refusingIngest();
    for (const key of ['in/De_mo/u1/a.zip', 'in/De_mo/u1/a.zip', 'in/De_mo/u1/b.zip'])
      await ingestRecord(deps, parsed({ key, size: 10 }), 'trace');
    const items = [...runs.items.values()];
    expect(items).toMatchObject(Array(2).fill({ tenant: UNASSIGNED_TENANT, reasons: [{ code: 'invalid_key' }] }));
    expect(announced).toEqual(['rejected', 'rejected']);
  });

  it('takes an object of the largest size, and none beyond', () => {
    expect(parsed({ key: 'in/demo/u1/a.zip', size: 1000 })).toMatchObject({ outcome: 'object' });
    expect(parsed({ key: 'in/demo/u1/a.zip', size: 1001 })).toMatchObject({ outcome: 'refused', code: 'too_large' });
  });

  it('without a sequencer has no order, whatever its ETag: another version is the newer one', async () => {
    const { runs, deps } = refusingIngest();
    for (const [versionId, eTag] of [
      ['v1', 'ffff'],
      ['v2', '0000'],
    ]) {
      const object = { key: 'in/demo/u1/a.zip', versionId, eTag, size: 2000 };
      expect(parsed(object)).toMatchObject({ object: { sequencer: null } });
      await ingestRecord(deps, parsed(object), 'trace');
      expect(await runs.getUpload('demo', 'u1')).toMatchObject([{ versionId, status: 'rejected' }]);
    }
  });

  it('that tells no size ends its upload too_large as soon as the store tells it', async () => {
    const { runs, deps } = refusingIngest();
    const uploads = new MemoryObjectStore();
    await uploads.put('in/demo/u1/a.zip', Buffer.alloc(1001), { contentType: 'application/zip' });
    const limits = { ...DEFAULT_LIMITS, maxUploadBytes: 1000 };
    await ingestRecord({ ...deps, uploads, limits }, parsed({ key: 'in/demo/u1/a.zip' }), 'trace');
    expect(await runs.getUpload('demo', 'u1')).toMatchObject([
      { status: 'rejected', reasons: [{ code: 'too_large' }] },
    ]);
  });

  it('that names a version is answered from that version, reference and all, not from what lies there by now', async () => {
    const { runs, deps } = refusingIngest();
    const [asked, now] = [new MemoryObjectStore(), new MemoryObjectStore()];
    const metadata = (reference: string) => ({
      contentType: 'x',
      metadata: { [CLIENT_REFERENCE_METADATA]: reference },
    });
    await asked.put('in/demo/u1/a.dcm', Buffer.from('no DICOM'), metadata('order-1'));
    await now.put('in/demo/u1/a.dcm', Buffer.from('PK\u0003\u0004'), metadata('order-2'));
    const version = (options?: { versionId?: string }) => (options?.versionId === 'v1' ? asked : now);
    const uploads: Partial<ObjectStore> = {
      get: (key, options) => version(options).get(key),
      head: (key, options) => version(options).head(key),
    };
    const ingest = { ...deps, uploads, limits: DEFAULT_LIMITS } as IngestDeps;
    await ingestRecord(ingest, parsed({ key: 'in/demo/u1/a.dcm', versionId: 'v1' }), 'trace');
    expect(await runs.getUpload('demo', 'u1')).toMatchObject([
      { status: 'rejected', reasons: [{ code: 'not_dicom' }], clientReference: 'order-1' },
    ]);
  });

  it('of an object that is gone by now ends its upload incomplete_upload', async () => {
    const { runs, announced, deps } = refusingIngest();
    const ingest = { ...deps, uploads: new MemoryObjectStore(), limits: DEFAULT_LIMITS };
    await ingestRecord(ingest, parsed({ key: 'in/demo/u1/a.dcm', size: 10 }), 'trace');
    expect(await runs.getUpload('demo', 'u1')).toMatchObject([{ reasons: [{ code: 'incomplete_upload' }] }]);
    expect(announced).toEqual(['rejected']);
  });

  it.each([
    ['THREATS_FOUND', 'threat_found'],
    ['UNSUPPORTED', 'not_scanned'],
    ['ACCESS_DENIED', 'not_scanned'],
    ['FAILED', 'not_scanned'],
  ])('of an object that was scanned with %s ends its upload rejected: %s', async (scanResult, code) => {
    const { runs, announced, deps } = refusingIngest();
    await ingestRecord(deps, parsed({ key: 'in/demo/u1/a.zip', versionId: 'v1', scanResult }), 'trace');
    expect(await runs.getUpload('demo', 'u1')).toMatchObject([{ status: 'rejected', reasons: [{ code }] }]);
    expect(announced).toEqual(['rejected']);
  });
});
