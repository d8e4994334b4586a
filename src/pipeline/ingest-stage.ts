import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { RunItem, UploadItem } from '../contracts/items.ts';
import { keys, type Tier, UNASSIGNED_TENANT, UPLOAD_MANIFEST_NAME } from '../contracts/keys.ts';
import {
  CLIENT_REFERENCE_METADATA,
  clientReferenceSchema,
  isTerminal,
  uploadManifestSchema,
} from '../contracts/messages.ts';
import { InputFault, internalFault, type Reason, reasonOf, TransientFault } from '../contracts/reasons.ts';
import { rejectedReport } from '../reporting/rejected.ts';
import { announceRun, announceUpload, type FinishDeps, failUpload, finishRun, tellOfRun } from './finish.ts';
import type { DetectQueue, Logger, ObjectStore, PixelDecoder, Pseudonyms } from './ports.ts';
import { openUpload, type UploadFile, type UploadLimits } from './prepare-files.ts';
import { prepareUpload } from './prepare-upload.ts';
import type { PreparedStudy, PreparedUpload } from './prepared.ts';
import { runKeyOf } from './run-key.ts';
import type { ParsedRecord, UploadedObject } from './s3-record.ts';
import { encodeSlice } from './slices.ts';

export interface IngestDeps extends FinishDeps {
  readonly uploads: ObjectStore;
  readonly detectQueue: DetectQueue;
  readonly decoder: PixelDecoder;
  readonly pseudonyms: Pseudonyms;
  readonly limits: UploadLimits;
  readonly log: Logger;
  /** What new runs are analysed with. */
  readonly packSha256: string;
  readonly tier: Tier;
  readonly leaseMs: number;
}

/**
 * One notification of the uploads bucket, delivered at least once: reads the upload, stores what the next stage needs
 * under pseudonymous keys, opens a run a study and hands it on.
 */
export async function ingestRecord(deps: IngestDeps, parsed: ParsedRecord, traceId: string): Promise<void> {
  if (parsed.outcome === 'ignored') {
    deps.log.info('ingest.ignored', { traceId, reason: parsed.why });
    return;
  }
  const object = parsed.object ?? (await unassigned(deps, parsed.key));
  const claim = await claimUpload(deps, object, traceId);
  if (claim.outcome === 'leased') throw leaseHeld(claim.untilMs, deps.clock.nowMs());
  if (claim.outcome === 'stale') {
    deps.log.info('ingest.stale', { traceId, tenant: object.tenant });
    return;
  }
  if (claim.outcome === 'settled') {
    await announceUpload(deps, claim.item);
    return;
  }
  try {
    if (parsed.outcome === 'refused') {
      const reference = parsed.object === null ? null : await referenceOfRefused(deps, parsed.object);
      await reject(deps, { ...claim.item, clientReference: reference }, [reasonOf(parsed.code)]);
    } else await expand(deps, claim.item, object);
  } catch (error) {
    await deps.runs.release(claim.item, deps.clock.nowMs()).catch(() => undefined);
    throw error;
  }
}

async function claimUpload(deps: IngestDeps, object: UploadedObject, traceId: string) {
  const { tenant, uploadId, versionId, sequencer } = object;
  const objectRef = await deps.pseudonyms.of(tenant, `name:${object.name}`);
  const upload = { tenant, uploadId, objectRef, versionId, sequencer, traceId };
  return deps.runs.claimUpload(upload, deps.leaseMs, deps.clock.nowMs());
}

/** The last receive of a notification that a bug stops: its upload ends `failed` before the message goes to the dead letters. */
export async function failUploadOnLastReceive(deps: IngestDeps, parsed: ParsedRecord): Promise<void> {
  if (parsed.outcome === 'ignored') return;
  const claim = await claimUpload(deps, parsed.object ?? (await unassigned(deps, parsed.key)), randomUUID());
  if (claim.outcome !== 'claimed') return;
  await failUpload(deps, claim.item, [internalFault(claim.item.traceId)]);
}

export function leaseHeld(untilMs: number, nowMs: number): TransientFault {
  return new TransientFault('another delivery holds the lease', Math.max(1, Math.ceil((untilMs - nowMs) / 1000)));
}

/** The key may name a patient: its upload's id, which is announced, is a pseudonym too. */
async function unassigned({ pseudonyms }: IngestDeps, key: string): Promise<UploadedObject> {
  const uploadId = await pseudonyms.of(UNASSIGNED_TENANT, `key:${key}`);
  return { key, tenant: UNASSIGNED_TENANT, uploadId, name: key, size: null, versionId: null, sequencer: null };
}

async function expand(deps: IngestDeps, claimed: UploadItem, object: UploadedObject): Promise<void> {
  let item = claimed;
  let prepared: PreparedUpload;
  try {
    const isManifest = object.name === UPLOAD_MANIFEST_NAME;
    if (!isManifest) item = await withReference(deps, item, await referenceOf(deps, object));
    const bytes = await readObject(deps, object);
    if (bytes === null) {
      deps.log.info('ingest.deleted', { traceId: item.traceId, tenant: item.tenant });
      await reject(deps, item, [reasonOf('incomplete_upload')]);
      return;
    }
    const manifest = isManifest ? parseJson(bytes) : null;
    if (isManifest) item = await withReference(deps, item, referenceIn(manifest));
    prepared = await prepareUpload({
      tenant: item.tenant,
      files: isManifest ? openParts(deps, object, manifest) : openUpload(object.name, bytes, deps.limits),
      pseudonyms: deps.pseudonyms,
      decoder: deps.decoder,
      limits: deps.limits,
      uploadHash: createHash('sha256').update(bytes).digest('hex'),
    });
  } catch (error) {
    if (!(error instanceof InputFault)) throw error;
    await reject(deps, item, [error.reason]);
    return;
  }
  if (prepared.studies.length === 0) {
    await reject(deps, item, [...prepared.reasons]);
    return;
  }
  const { clientReference } = item;
  const runs: string[] = [];
  for (const study of prepared.studies) runs.push(await openRun(deps, item, study, clientReference));
  const members = prepared.studies.map((study) => study.members);
  const end = { status: 'expanded' as const, runs, members, reasons: [...prepared.reasons], clientReference };
  if (await deps.runs.settleUpload(item, end, deps.clock.nowMs())) await announceUpload(deps, { ...item, ...end });
}

/** Noted before the upload is read: whoever ends it for an ingest that died has nothing but its item. */
async function withReference(deps: IngestDeps, item: UploadItem, clientReference: string | null): Promise<UploadItem> {
  if (clientReference === item.clientReference) return item;
  await deps.runs.noteReference(item, clientReference);
  return { ...item, clientReference };
}

async function reject(deps: IngestDeps, item: UploadItem, reasons: Reason[]): Promise<void> {
  const end = { status: 'rejected' as const, runs: [], reasons, clientReference: item.clientReference };
  deps.log.info('ingest.rejected', { traceId: item.traceId, tenant: item.tenant, reason: reasons[0]?.code ?? '' });
  if (await deps.runs.settleUpload(item, end, deps.clock.nowMs())) await announceUpload(deps, { ...item, ...end });
}

/** Null where the object is gone: deleted between its notification and this delivery. */
const readObject = ({ uploads, limits }: IngestDeps, { key, versionId }: UploadedObject): Promise<Buffer | null> =>
  uploads.get(key, { maxBytes: limits.maxUploadBytes, ...(versionId === null ? {} : { versionId }) });

/** Null where the object carries none, or one that breaks the contract: that refuses no study. */
async function referenceOf({ uploads }: IngestDeps, { key, versionId }: UploadedObject): Promise<string | null> {
  const head = await uploads.head(key, versionId === null ? {} : { versionId });
  return clientReferenceSchema.safeParse(head?.metadata[CLIENT_REFERENCE_METADATA]).data ?? null;
}

/** An object that a malware scan holds back may not be asked about: that must not stop its refusal. */
const referenceOfRefused = (deps: IngestDeps, object: UploadedObject): Promise<string | null> =>
  referenceOf(deps, object).catch((error: unknown) => {
    if (error instanceof TransientFault) throw error;
    return null;
  });

/** Also that of a manifest which breaks the contract elsewhere: it is refused, and its sender waits for the answer. */
const referenceIn = (manifest: unknown): string | null =>
  z.looseObject({ clientReference: clientReferenceSchema }).safeParse(manifest).data?.clientReference ?? null;

function openParts(deps: IngestDeps, object: UploadedObject, json: unknown): AsyncIterable<UploadFile> {
  const manifest = uploadManifestSchema.safeParse(json);
  if (!manifest.success) {
    const tooMany = manifest.error.issues.some(({ code, path }) => code === 'too_big' && path.join() === 'parts');
    if (tooMany) throw new InputFault('archive_limit', 'files', { cause: manifest.error });
    throw new InputFault('malformed', 'upload manifest', { cause: manifest.error });
  }
  const { parts } = manifest.data;
  const prefix = keys.part(object.tenant, object.uploadId, '');
  if (parts.some((part) => !part.key.startsWith(prefix) || part.key.includes('/../'))) {
    throw new InputFault('invalid_key', 'a part outside the upload');
  }
  if (parts.reduce((sum, { size }) => sum + size, 0) > deps.limits.maxUploadBytes) throw new InputFault('too_large');
  const files = async function* (): AsyncIterable<UploadFile> {
    for (const part of parts) {
      yield { name: part.key.slice(prefix.length), size: part.size, read: () => readPart(deps.uploads, part) };
    }
  };
  return files();
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new InputFault('malformed', 'upload manifest', { cause: error });
  }
}

/** A part beyond its listed size differs as well: `too_large` would leave that file out and answer from the others. */
async function readPart(store: ObjectStore, part: { key: string; size: number; sha256: string }): Promise<Buffer> {
  const bytes = await store.get(part.key, { maxBytes: part.size }).catch((error: unknown) => {
    const longer = error instanceof InputFault && error.code === 'too_large';
    throw longer ? new InputFault('incomplete_upload', undefined, { cause: error }) : error;
  });
  if (bytes === null || bytes.length !== part.size) throw new InputFault('incomplete_upload');
  if (createHash('sha256').update(bytes).digest('hex') !== part.sha256) throw new InputFault('incomplete_upload');
  return bytes;
}

/** Stores the study's content, opens its run and hands it on, or ends it where ingest refuses it. */
async function openRun(
  deps: IngestDeps,
  upload: UploadItem,
  prepared: PreparedStudy,
  clientReference: string | null,
): Promise<string> {
  const { study, verdict } = prepared;
  const { tenant, studyKey, contentHash } = study;
  const run = { tenant, studyKey, contentHash, packSha256: deps.packSha256, tier: deps.tier };
  const runKey = runKeyOf(run);
  await putContent(deps.data, prepared);
  const opened = await deps.runs.createRun(
    { ...run, runKey, clientReference, traceId: upload.traceId },
    deps.clock.nowMs(),
    verdict === 'ok' ? undefined : deps.leaseMs,
  );
  const item = opened.item.status === 'failed' ? await reopen(deps, opened.item, clientReference) : opened.item;
  if (isTerminal(item.status)) {
    await announceRun(deps, item);
    // Its end was told under the reference of the upload that opened it.
    if (clientReference !== null && clientReference !== item.clientReference)
      await tellOfRun(deps, { ...item, clientReference });
  } else if (verdict !== 'ok') {
    const held = opened.created ? item : await claimToRefuse(deps, item);
    if (held !== null) await refuse(deps, held, prepared, verdict);
  } else if (item.status === 'ingested') {
    await deps.detectQueue.send({
      schema: 'discflow.detect/1',
      ...run,
      runKey,
      attempt: item.attempt,
      traceId: item.traceId,
    });
  }
  return runKey;
}

async function reopen(deps: IngestDeps, item: RunItem, clientReference: string | null): Promise<RunItem> {
  return (await deps.runs.reopenRun(item.runKey, deps.clock.nowMs(), clientReference)) ?? item;
}

/** Pixels of a study that ends here are not kept: nothing reads them, and what is burned in may name the patient. */
async function putContent(data: ObjectStore, { study, slices, verdict }: PreparedStudy): Promise<void> {
  const handedOn = verdict === 'ok' ? slices : [];
  const key = (name: string) => keys.content(study.tenant, study.studyKey, study.contentHash, name);
  await Promise.all(
    handedOn.map((slice, index) =>
      data.put(key(study.slices[index]!.file), encodeSlice(slice), { contentType: 'application/octet-stream' }),
    ),
  );
  await data.put(key('study.json'), Buffer.from(JSON.stringify(study)), { contentType: 'application/json' });
}

/** Null where somebody else ended the run or works on it. */
async function claimToRefuse(deps: IngestDeps, item: RunItem): Promise<RunItem | null> {
  const claim = await deps.runs.claimRun(item.runKey, item.attempt, 'ingest', deps.leaseMs, deps.clock.nowMs());
  if (claim.outcome === 'settled' && isTerminal(claim.item.status)) await announceRun(deps, claim.item);
  return claim.outcome === 'claimed' ? claim.item : null;
}

async function refuse(
  deps: IngestDeps,
  held: RunItem,
  prepared: PreparedStudy,
  verdict: Exclude<PreparedStudy['verdict'], 'ok'>,
): Promise<void> {
  const { study } = prepared;
  const report = rejectedReport({ ...verdict, tenant: held.tenant, study, runKey: held.runKey });
  await finishRun(deps, held, 'ingest', { report, record: null, ground: null, mask: null });
}
