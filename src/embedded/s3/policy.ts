import { S3Error } from './errors.ts';
import type { SignatureChecker } from './signature.ts';

export interface LengthRange {
  readonly least: number;
  readonly most: number;
}

const denied = (why: string): S3Error => new S3Error('AccessDenied', `Invalid according to Policy: ${why}`);

/** Fields that no condition needs to name (S3 API reference, "Creating a POST policy"). */
const FREE_FIELDS = new Set(['file', 'policy', 'x-amz-signature']);

/**
 * Checks the signed policy of a presigned POST against its form fields: signature, expiry and every condition. Each
 * field must be named by a condition. Returns the allowed size of the file in bytes.
 */
export function checkPolicy(
  fields: ReadonlyMap<string, string>,
  bucket: string,
  checker: SignatureChecker,
  nowMs: number,
): LengthRange {
  const policy = fields.get('policy');
  if (policy === undefined) throw new S3Error('AccessDenied', 'The form is not signed.');
  if (fields.get('x-amz-algorithm') !== 'AWS4-HMAC-SHA256') {
    throw new S3Error('InvalidArgument', 'Only Signature Version 4 is supported.');
  }
  checker.checkPolicy(policy, fields.get('x-amz-credential') ?? '', fields.get('x-amz-signature') ?? '');
  const { expiration, conditions } = readPolicy(policy);
  const until = Date.parse(expiration);
  if (Number.isNaN(until) || until < nowMs) throw denied('Policy expired.');
  return checkConditions(conditions, new Map([...fields, ['bucket', bucket]]));
}

function readPolicy(policy: string): { expiration: string; conditions: unknown[] } {
  try {
    const document: unknown = JSON.parse(Buffer.from(policy, 'base64').toString('utf8'));
    const { expiration, conditions } = document as { expiration?: unknown; conditions?: unknown };
    if (typeof expiration === 'string' && Array.isArray(conditions)) return { expiration, conditions };
  } catch (cause) {
    throw new S3Error('InvalidArgument', 'The policy is not JSON in base64.', {}, { cause });
  }
  throw new S3Error('InvalidArgument', 'The policy has no expiration or no conditions.');
}

function checkConditions(conditions: readonly unknown[], fields: ReadonlyMap<string, string>): LengthRange {
  const named = new Set<string>();
  let range: LengthRange = { least: 0, most: 5 * 2 ** 30 };
  for (const condition of conditions.flatMap(splitCondition)) {
    const [kind, a, b] = condition;
    if (kind === 'content-length-range') {
      range = { least: wholeNumber(a), most: wholeNumber(b) };
      continue;
    }
    if (typeof a !== 'string' || typeof b !== 'string' || !a.startsWith('$')) throw denied('Malformed condition.');
    const name = a.slice(1).toLowerCase();
    const value = fields.get(name) ?? '';
    const holds = kind === 'eq' ? value === b : kind === 'starts-with' ? value.startsWith(b) : false;
    if (!holds) throw denied(`Policy Condition failed: [${String(kind)}, ${a}]`);
    named.add(name);
  }
  const extra = [...fields.keys()].find(
    (name) => !named.has(name) && !FREE_FIELDS.has(name) && name !== 'bucket' && !name.startsWith('x-ignore-'),
  );
  if (extra !== undefined) throw denied(`Extra input fields: ${extra}`);
  return range;
}

/** `{"a": "b"}` is `["eq", "$a", "b"]`. */
function splitCondition(condition: unknown): unknown[][] {
  if (Array.isArray(condition)) return [condition];
  if (typeof condition !== 'object' || condition === null) throw denied('Malformed condition.');
  return Object.entries(condition).map(([name, value]) => ['eq', `$${name}`, value]);
}

function wholeNumber(value: unknown): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) throw denied('Malformed content-length-range.');
  return number;
}
