import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { base32 } from '../contracts/keys.ts';
import type { Credentials } from './s3/signature.ts';

/** Fresh at every start: whoever cannot read the data folder cannot use the services. */
export function makeCredentials(): Credentials {
  return {
    accessKeyId: `DISCFLOW${base32(randomBytes(20)).toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64'),
  };
}

/**
 * Whether a request names the secret-grade access key in its Signature Version 4 header. The SQS and DynamoDB parts
 * check no signatures themselves; this keeps other users of the machine out.
 */
export function namesAccessKey(headers: IncomingHttpHeaders, credentials: Credentials): boolean {
  const named = /Credential=([^/,\s]+)\//.exec(headers.authorization ?? '')?.[1];
  return named === credentials.accessKeyId;
}
