import { describe, expect, it } from 'vitest';
import { translated } from '../../../src/aws/faults.ts';
import { InputFault, TransientFault } from '../../../src/contracts/reasons.ts';

const failing = (change: object) => {
  const error = Object.assign(new Error('from the SDK'), change);
  return { error, fault: translated('GetItem', () => Promise.reject(error)).catch((thrown: unknown) => thrown) };
};

describe('translated', () => {
  it.each([
    { name: 'ProvisionedThroughputExceededException', $metadata: { httpStatusCode: 400 } },
    { name: 'ThrottlingException' },
    { name: 'SlowDown', $metadata: { httpStatusCode: 503 } },
    { name: 'Unknown', $metadata: { httpStatusCode: 500 } },
    { name: 'Unknown', $metadata: { httpStatusCode: 429 } },
    { code: 'ECONNRESET' },
    { code: 'EAI_AGAIN' },
    { name: 'TimeoutError' },
    { cause: Object.assign(new Error('inner'), { code: 'ECONNREFUSED' }) },
  ])('makes %j a TransientFault with its cause', async (change) => {
    const { error, fault } = failing(change);
    expect(await fault).toBeInstanceOf(TransientFault);
    expect((await fault) as Error).toMatchObject({ cause: error, message: 'GetItem failed for now' });
  });

  it.each([
    { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } },
    { name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } },
    { name: 'ValidationException', $metadata: { httpStatusCode: 400 } },
    { name: 'TypeError' },
  ])('lets %j through as it is', async (change) => {
    const { error, fault } = failing(change);
    expect(await fault).toBe(error);
  });

  it('leaves faults of the pipeline alone', async () => {
    for (const own of [new InputFault('too_large'), new TransientFault('busy', 7)]) {
      expect(await translated('x', () => Promise.reject(own)).catch((thrown: unknown) => thrown)).toBe(own);
    }
  });
});
