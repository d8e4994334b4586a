import { z } from 'zod';

/** A tenant's name: lower case, as it stands in object keys and in the claims of its tokens. */
export const tenantSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a tenant is 1 to 63 of a-z, 0-9 and -');
/** Uploads whose key names no tenant are booked under this one, so that they end with a reason too. */
export const UNASSIGNED_TENANT = 'unassigned';
/** An upload's id, chosen by the client. */
export const uploadIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'an upload id is 1 to 128 of A-Z, a-z, 0-9, ., _ and -');
/** HMAC-SHA256 in lower-case base32, cut to 26 characters, after a key version: `v1-…`. */
export const pseudonymSchema = z.string().regex(/^v\d{1,4}-[a-z2-7]{26}$/);
/** SHA-256 in hex. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
/** A run's key: the first 26 characters of base32 over everything a result depends on. */
export const runKeySchema = z.string().regex(/^[a-z2-7]{26}$/);

export const tierSchema = z.enum(['single', 'ensemble', 'auto']);
export type Tier = z.infer<typeof tierSchema>;

/** Enters every run key: raised whenever the same content, pack and tier may give another result. */
export const PIPELINE_VERSION = '9';

/** Objects of one run, in the order they are written. */
export const RUN_FILES = {
  detection: 'detection.json',
  slice: 'slice.png',
  detectTimings: 'detect-timings.json',
  report: 'report.json',
  run: 'run.json',
  overlay: 'overlay.png',
  mask: 'mask.png',
  html: 'report.html',
  csv: 'findings.csv',
} as const;

export const keys = {
  upload: (tenant: string, uploadId: string, name: string) => `in/${tenant}/${uploadId}/${name}`,
  part: (tenant: string, uploadId: string, name: string) => `parts/${tenant}/${uploadId}/${name}`,
  content: (tenant: string, studyKey: string, contentHash: string, name: string) =>
    `${tenant}/studies/${studyKey}/content/${contentHash}/${name}`,
  run: (tenant: string, studyKey: string, runKey: string, name: string) =>
    `${tenant}/studies/${studyKey}/runs/${runKey}/${name}`,
} as const;

/** Requests to an asynchronous endpoint and its answers, in the data bucket beside the tenants' studies. */
export const INVOCATIONS_PREFIX = 'invocations';

/** The object in `in/` that lists the parts of a study of many objects. */
export const UPLOAD_MANIFEST_NAME = '_upload.json';
export const UPLOAD_EXTENSIONS = ['.zip', '.dcm', '.png', '.jpg', '.jpeg'] as const;

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 base32 in lower case, without padding. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value & 0x1f) << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((value >> bits) & 31);
    }
  }
  return bits > 0 ? text + ALPHABET.charAt((value << (5 - bits)) & 31) : text;
}
