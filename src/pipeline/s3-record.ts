import { extname } from 'node:path/posix';
import { tenantSchema, UPLOAD_EXTENSIONS, UPLOAD_MANIFEST_NAME, uploadIdSchema } from '../contracts/keys.ts';
import { type S3Record, s3EventSchema, s3RecordSchema } from '../contracts/messages.ts';
import type { ReasonCode } from '../contracts/reasons.ts';

/** An object that a notification names. `name` is the client's file name: in memory only, never stored or logged. */
export interface UploadedObject {
  readonly key: string;
  readonly tenant: string;
  readonly uploadId: string;
  readonly name: string;
  readonly size: number | null;
  readonly versionId: string | null;
  readonly sequencer: string | null;
}

export type ParsedRecord =
  | { readonly outcome: 'object'; readonly object: UploadedObject; readonly key: string }
  /** Nothing to do: a test event, a deletion, a folder marker, our own output. */
  | { readonly outcome: 'ignored'; readonly why: 'event' | 'prefix' | 'folder' }
  /** A key that names no upload or no tenant of the deployment, or an object refused before it is read. */
  | {
      readonly outcome: 'refused';
      readonly code: ReasonCode;
      readonly object: UploadedObject | null;
      readonly key: string;
    };

const MAX_NAME_BYTES = 1024;

/**
 * The records of an SQS body that holds an S3 event notification; an `s3:TestEvent` has none.
 * @throws ZodError or SyntaxError where the body is no such event: the message goes to the dead-letter queue.
 */
export function s3RecordsOf(body: string): S3Record[] {
  const event = s3EventSchema.parse(JSON.parse(body));
  return 'Records' in event ? (event.Records as unknown[]).map((record) => s3RecordSchema.parse(record)) : [];
}

/** S3 encodes keys in events like a form: `+` for a space, the rest by percent. Decoded once; null where malformed. */
export function decodeKey(key: string): string | null {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

export interface RecordLimits {
  readonly uploadsBucket: string;
  readonly maxUploadBytes: number;
  /** Whose uploads are read; absent: everybody's. A tenant that is not there has no key to make pseudonyms with. */
  readonly tenants?: readonly string[] | undefined;
}

/**
 * Reads one record of the uploads bucket.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export function parseS3Record(record: S3Record, limits: RecordLimits): ParsedRecord {
  if (!/^(s3:)?ObjectCreated:/.test(record.eventName)) return { outcome: 'ignored', why: 'event' };
  const { bucket, object } = record.s3;
  const refused = (code: ReasonCode, parsed: UploadedObject | null, key: string): ParsedRecord => ({
    outcome: 'refused',
    code,
    object: parsed,
    key,
  });
  const key = object.keyEncoding === 'none' ? object.key : decodeKey(object.key);
  if (bucket.name !== limits.uploadsBucket || key === null) return refused('invalid_key', null, object.key);
  if (!key.startsWith('in/')) return { outcome: 'ignored', why: 'prefix' };
  if (key.endsWith('/')) return { outcome: 'ignored', why: 'folder' };
  const [, tenant = '', uploadId = '', name = '', ...rest] = key.split('/');
  const valid =
    rest.length === 0 &&
    tenantSchema.safeParse(tenant).success &&
    (limits.tenants?.includes(tenant) ?? true) &&
    uploadIdSchema.safeParse(uploadId).success &&
    name.length > 0 &&
    Buffer.byteLength(name) <= MAX_NAME_BYTES &&
    !name.includes('\0');
  if (!valid) return refused('invalid_key', null, key);
  const parsed: UploadedObject = {
    key,
    tenant,
    uploadId,
    name,
    size: object.size ?? null,
    versionId: object.versionId ?? null,
    sequencer: object.sequencer ?? null,
  };
  if (object.scanResult !== undefined)
    return refused(object.scanResult === 'THREATS_FOUND' ? 'threat_found' : 'not_scanned', parsed, key);
  if (!isWholeUpload(name)) return refused('content_type', parsed, key);
  if (parsed.size === 0) return refused('empty', parsed, key);
  if (parsed.size !== null && parsed.size > limits.maxUploadBytes) return refused('too_large', parsed, key);
  return { outcome: 'object', object: parsed, key };
}

function isWholeUpload(name: string): boolean {
  return (
    name === UPLOAD_MANIFEST_NAME || (UPLOAD_EXTENSIONS as readonly string[]).includes(extname(name).toLowerCase())
  );
}
