import { InputFault, TransientFault } from '../contracts/reasons.ts';

/** Names of SDK errors that pass by themselves, beside every answer of 5xx and 429. */
const TRANSIENT_NAMES = new Set([
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'RequestThrottled',
  'RequestThrottledException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'LimitExceededException',
  'TransactionInProgressException',
  'TooManyRequestsException',
  'BandwidthLimitExceeded',
  'PriorRequestNotComplete',
  'SlowDown',
  'InternalError',
  'InternalServerError',
  'ServiceUnavailable',
  'OverLimit',
  'KmsThrottled',
  'RequestTimeout',
  'RequestTimeoutException',
  'TimeoutError',
  'AbortError',
]);

const TRANSIENT_CODES = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_SOCKET',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

const text = (error: object, field: string): string | undefined => {
  const value: unknown = Reflect.get(error, field);
  return typeof value === 'string' ? value : undefined;
};

/** Whether the same call may succeed later: throttling, a fault of the service, the network. */
export function isTransient(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if (TRANSIENT_NAMES.has(text(error, 'name') ?? '') || TRANSIENT_CODES.has(text(error, 'code') ?? '')) return true;
  const metadata: unknown = Reflect.get(error, '$metadata');
  const status: unknown = typeof metadata === 'object' && metadata !== null && Reflect.get(metadata, 'httpStatusCode');
  if (typeof status === 'number' && (status >= 500 || status === 429)) return true;
  return isTransient(Reflect.get(error, 'cause'));
}

/**
 * Runs one call of an AWS client; a passing fault becomes `TransientFault` with its cause. Every other error is a bug
 * or a matter of permissions and goes on as it is.
 */
export async function translated<T>(operation: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof TransientFault || error instanceof InputFault || !isTransient(error)) throw error;
    throw new TransientFault(`${operation} failed for now`, 1, { cause: error });
  }
}
