import type { RunItem, UploadItem } from '../contracts/items.ts';
import type { AnalyzeMessage, Announcement, DetectMessage, RunStatus, UploadStatus } from '../contracts/messages.ts';
import type { PackManifest } from '../contracts/pack.ts';
import type { Reason, Stage } from '../contracts/reasons.ts';
import type { DicomObject, DicomOrigin } from '../dicom/object.ts';
import type { Grey8, Grey16, Rgb8 } from '../imaging/image.ts';

/** Objects of one bucket by key. Adapters turn throttling and network errors into `TransientFault`. */
export interface ObjectHead {
  readonly size: number;
  readonly eTag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ObjectStore {
  /** The whole object, or null where there is none. `maxBytes` refuses a larger one with `InputFault('too_large')`. */
  get(key: string, options?: { maxBytes?: number; versionId?: string }): Promise<Buffer | null>;
  /** Metadata by lower-case name. */
  head(key: string, options?: { versionId?: string }): Promise<ObjectHead | null>;
  put(
    key: string,
    body: Uint8Array,
    options: { contentType: string; metadata?: Record<string, string> },
  ): Promise<void>;
  /** Keys under a prefix, in UTF-8 order. */
  list(prefix: string): AsyncIterable<string>;
}

/** A queue of one kind of message. Adapters serialise to JSON; delivery is at least once and unordered. */
export interface Queue<Message> {
  send(message: Message): Promise<void>;
}

/** Where terminal states go: the event bus in the cloud, a queue on one machine. At least once. */
export interface Announcer {
  announce(announcement: Announcement): Promise<void>;
}

/** The answer to a claim: the item under a new fence, or why there is nothing to do. */
export type Claim<Item> =
  | { readonly outcome: 'claimed'; readonly item: Item }
  /** Terminal or beyond this stage: only what is missing is left to do. */
  | { readonly outcome: 'settled'; readonly item: Item }
  /** Another holder's lease lives until then. */
  | { readonly outcome: 'leased'; readonly untilMs: number }
  /** The message is older than the item: attempt or sequencer. */
  | { readonly outcome: 'stale' };

export interface NewUpload {
  readonly tenant: string;
  readonly uploadId: string;
  readonly objectRef: string;
  readonly versionId: string | null;
  readonly sequencer: string | null;
  readonly traceId: string;
}

export interface NewRun {
  readonly tenant: string;
  readonly runKey: string;
  readonly studyKey: string;
  readonly contentHash: string;
  readonly packSha256: string;
  readonly tier: RunItem['tier'];
  readonly clientReference: string | null;
  readonly traceId: string;
}

export interface Page<Item> {
  readonly items: Item[];
  readonly cursor: string | null;
}

/**
 * What waits in a queue, or at an endpoint that was asked to analyse it, is listed as stuck only if it has lain since
 * before this, epoch milliseconds: by then its message or its request is gone.
 */
export interface LostBefore {
  readonly messageMs: number;
  readonly requestMs: number;
}

/** The studies table. Every write is one conditional write on one item; times come from the caller's clock. */
export interface Runs {
  /**
   * Creates the upload item or takes its lease. `settled` when the same object version was expanded or rejected
   * already; `stale` when the item's sequencer is newer. A newer sequencer starts the next attempt.
   */
  claimUpload(upload: NewUpload, leaseMs: number, nowMs: number): Promise<Claim<UploadItem>>;
  /** Notes an upload's reference under its fence; a no-op where the fence has moved on. */
  noteReference(item: UploadItem, clientReference: string | null): Promise<void>;
  /** Ends an upload under its fence; false where the fence has moved on. */
  settleUpload(
    item: UploadItem,
    end: {
      status: Exclude<UploadStatus, 'received'>;
      runs: string[];
      members?: UploadItem['members'];
      reasons: Reason[];
      clientReference: string | null;
    },
    nowMs: number,
  ): Promise<boolean>;
  markUploadAnnounced(item: UploadItem, nowMs: number): Promise<void>;
  getUpload(tenant: string, uploadId: string): Promise<UploadItem[]>;

  /**
   * Creates the run as `ingested` unless it exists; returns the item as it now stands and whether it was created. With
   * `refusingMs` it is created as claimed by ingest for so long: a run that is about to be refused is never one that
   * only waits for detect, whenever ingest dies.
   */
  createRun(run: NewRun, nowMs: number, refusingMs?: number): Promise<{ item: RunItem; created: boolean }>;
  getRun(runKey: string): Promise<RunItem | null>;
  /**
   * Takes the run's lease for a stage and opens or repeats its stage record. `ingest`, which ends a run that it
   * refuses, and `detect` claim `ingested`; `analyze` claims `ingested` or `detected` (its message may overtake
   * detect's table write). `ingest` is never `leased`: it takes a run over from another `ingest`, and one that `detect`
   * holds is `settled` to it. `stale` when `attempt` is older than the item's, or the run is unknown. A `claimed` by
   * analyze makes an `ingested` run `detected` and fences detect off, whose lease may still live: an analyze message
   * exists only after detect's outputs do.
   */
  claimRun(runKey: string, attempt: number, stage: Stage, leaseMs: number, nowMs: number): Promise<Claim<RunItem>>;
  /** Moves a run under its fence, closes the stage record, frees the lease; false where the fence has moved on. */
  advanceRun(
    item: RunItem,
    to: { status: RunStatus; reasons: Reason[]; stage: Stage; costUsd?: number },
    nowMs: number,
  ): Promise<boolean>;
  markRunAnnounced(item: RunItem, nowMs: number): Promise<void>;
  /** Frees a lease early, after a failure that goes back to the queue; a no-op where the fence has moved on. */
  release(item: RunItem | UploadItem, nowMs: number): Promise<void>;
  /**
   * Opens the next attempt of a terminal or stuck run as `ingested` with a higher fence; null where it is unknown or
   * alive. The attempt is told under `clientReference`, where one is given: who asks for it waits for its end.
   */
  reopenRun(runKey: string, nowMs: number, clientReference?: string | null): Promise<RunItem | null>;
  /** Newest first. A cursor that was not given out throws `InputFault('malformed')`. */
  listByTenant(tenant: string, query: { status?: RunStatus; limit?: number; cursor?: string }): Promise<Page<RunItem>>;
  /**
   * Runs and uploads that have not ended, or ended unannounced, and on which nobody works since before `beforeMs`: the
   * later of the lease's end and the last write. Those that lie longest come first. With `lostBefore`, what only waits
   * is passed over and takes nothing of the limit.
   */
  listStuck(beforeMs: number, limit: number, lostBefore?: LostBefore): Promise<Array<RunItem | UploadItem>>;
}

/** Turns raw bytes into headers and pixels in a worker with a memory cap and a deadline. Throws `InputFault`. */
export interface PixelDecoder {
  /** The allow-listed header values of a DICOM file; its pixels are checked against its length, not decoded. */
  readDicom(bytes: Uint8Array): Promise<DicomObject>;
  /** Where a file belongs whose header was refused, as far as it can be followed. */
  readOrigin(bytes: Uint8Array): Promise<DicomOrigin>;
  /** One frame, from 0. */
  decodeFrame(bytes: Uint8Array, frame: number): Promise<Grey16>;
  /** A PNG or JPEG of 8 or 16 bit: grey, upright as its EXIF orientation says, alpha flattened on black. */
  decodePicture(bytes: Uint8Array): Promise<Grey16>;
}

export interface PictureEncoder {
  /** Lossless PNG without metadata. */
  pngGrey(image: Grey8): Promise<Buffer>;
  pngRgb(image: Rgb8): Promise<Buffer>;
  /** A fifth of the PNG's size, for a picture inside a page; without metadata. */
  jpegRgb(image: Rgb8): Promise<Buffer>;
  /** Reads back what `pngGrey` wrote. */
  decodePngGrey(png: Uint8Array): Promise<Grey8>;
}

export interface Tensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** A verified pack whose sessions are loaded once and kept warm. */
export interface LoadedPack {
  readonly manifest: PackManifest;
  /** SHA-256 of manifest.json, which names every file's own hash. */
  readonly sha256: string;
  /** Execution provider that ran last: `cpu` or `cuda`. */
  readonly provider: string;
  /** Whether a member's network takes several inputs in one run, along the first axis. */
  takesBatches(memberId: string): boolean;
  /** Runs one member's network off the event loop; `ms` is the time inside the network alone. */
  run(memberId: string, input: Tensor): Promise<{ output: Tensor; ms: number }>;
}

export interface Engine {
  /** Throws `ModelUnavailable` where no pack of that hash can be loaded and verified. */
  pack(sha256: string): Promise<LoadedPack>;
  close(): Promise<void>;
}

/** HMAC-SHA256 with a tenant's pseudonym key, as `v<version>-<26 characters of base32>`. */
export interface Pseudonyms {
  of(tenant: string, value: string | Uint8Array): Promise<string>;
}

export interface Clock {
  nowMs(): number;
}

/** Allow-listed fields only: codes, keys of ours, counts and times. Never a header value, a name or a path. */
export interface LogFields {
  readonly traceId?: string;
  readonly tenant?: string;
  readonly uploadId?: string;
  readonly studyKey?: string;
  readonly runKey?: string;
  readonly stage?: Stage;
  readonly status?: RunStatus | UploadStatus;
  readonly reason?: string;
  readonly attempt?: number;
  readonly count?: number;
  readonly ms?: number;
  readonly errorName?: string;
}

export interface Logger {
  info(code: string, fields?: LogFields): void;
  warn(code: string, fields?: LogFields): void;
  error(code: string, fields?: LogFields): void;
}

export type DetectQueue = Queue<DetectMessage>;
export type AnalyzeQueue = Queue<AnalyzeMessage>;
