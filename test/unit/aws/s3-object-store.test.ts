import type { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { S3ObjectStore } from '../../../src/aws/s3-object-store.ts';
import { InputFault, TransientFault } from '../../../src/contracts/reasons.ts';

/** Pieces of four bytes, each in the same memory as the one before: who keeps pieces to join them later joins the last. */
async function* pieces(count: number) {
  const piece = new Uint8Array(4);
  for (let index = 0; index < count; index++) yield piece.fill(index + 1);
}

function answering(ContentLength: number, count: number) {
  const body = {
    destroyed: false,
    destroy() {
      body.destroyed = true;
    },
    [Symbol.asyncIterator]: () => pieces(count),
  };
  const client = { send: async () => ({ ContentLength, Body: body }) } as unknown as S3Client;
  return { body, store: new S3ObjectStore(client, 'uploads') };
}

const faultOf = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

describe('an object of S3', () => {
  it('is read piece by piece into one buffer of its size, so that it is in memory once', async () => {
    const bytes = await answering(12, 3).store.get('a');
    expect(bytes?.toString('hex')).toBe('010101010202020203030303');
    expect(bytes?.buffer.byteLength).toBe(12);
  });

  it('that is larger than asked for is refused before a byte of it is read', async () => {
    const { body, store } = answering(12, 3);
    expect(await faultOf(store.get('a', { maxBytes: 11 }))).toMatchObject(new InputFault('too_large'));
    expect(body.destroyed).toBe(true);
  });

  it.each([
    ['fewer', 2],
    ['more', 4],
  ])('whose body has %s bytes than it told is read again later', async (_what, count) => {
    expect(await faultOf(answering(12, count).store.get('a'))).toBeInstanceOf(TransientFault);
  });
});
