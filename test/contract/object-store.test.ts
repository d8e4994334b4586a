import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createClients } from '../../src/aws/clients.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { InputFault, TransientFault } from '../../src/contracts/reasons.ts';
import type { ObjectStore } from '../../src/pipeline/ports.ts';
import { MemoryObjectStore } from '../support/memory-object-store.ts';
import { useServices } from './services.ts';

const services = useServices();
const contentType = 'application/octet-stream';

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list(prefix)) keys.push(key);
  return keys;
}

describe.each<[string, () => ObjectStore]>([
  ['in memory', () => new MemoryObjectStore()],
  ['S3', () => new S3ObjectStore(services.clients.s3, services.embedded.buckets.data)],
])('ObjectStore %s', (_name, create) => {
  const place = () => ({ store: create(), prefix: `contract/${randomUUID()}/` });

  it.each([0, 1, 70_000, 3_000_000])('gives back the same %i bytes and their size', async (size) => {
    const { store, prefix } = place();
    const body = randomBytes(size);
    await store.put(`${prefix}a`, body, { contentType, metadata: { kind: 'crop' } });
    expect((await store.get(`${prefix}a`))?.equals(body)).toBe(true);
    expect((await store.head(`${prefix}a`))?.size).toBe(size);
  });

  it('answers null for a key that holds nothing', async () => {
    const { store, prefix } = place();
    expect(await store.get(`${prefix}missing`)).toBeNull();
    expect(await store.head(`${prefix}missing`)).toBeNull();
  });

  it('refuses an object that is larger than maxBytes and takes one that is just as large', async () => {
    const { store, prefix } = place();
    await store.put(`${prefix}a`, randomBytes(2_000_000), { contentType });
    const refused = await store.get(`${prefix}a`, { maxBytes: 1_999_999 }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(InputFault);
    expect((refused as InputFault).code).toBe('too_large');
    expect((await store.get(`${prefix}a`, { maxBytes: 2_000_000 }))?.length).toBe(2_000_000);
  });

  it('replaces an object, and its tag changes with its content only', async () => {
    const { store, prefix } = place();
    await store.put(`${prefix}a`, Buffer.from('one'), { contentType });
    const first = await store.head(`${prefix}a`);
    await store.put(`${prefix}a`, Buffer.from('two!'), { contentType });
    expect((await store.get(`${prefix}a`))?.toString()).toBe('two!');
    expect((await store.head(`${prefix}a`))?.eTag).not.toBe(first?.eTag);
    await store.put(`${prefix}a`, Buffer.from('one'), { contentType });
    expect(await store.head(`${prefix}a`)).toEqual(first);
  });

  it('lists the keys of a prefix in UTF-8 order and no others', async () => {
    const { store, prefix } = place();
    const names = ['b', 'a/2', 'a/10', 'a', 'é', 'z', 'ﬀ', '😀', 'A', 'a b+c'];
    for (const name of names) await store.put(prefix + name, Buffer.from(name), { contentType });
    await store.put(`${prefix.slice(0, -1)}-other`, Buffer.from('x'), { contentType });
    const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    expect(await keysOf(store, prefix)).toEqual(names.sort(order).map((name) => prefix + name));
    expect(await keysOf(store, `${prefix}a/`)).toEqual([`${prefix}a/10`, `${prefix}a/2`]);
    expect(await keysOf(store, `${prefix}nothing/`)).toEqual([]);
  });

  it('lists more keys than one page holds', async () => {
    const { store, prefix } = place();
    const names = Array.from({ length: 1203 }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`);
    for (let from = 0; from < names.length; from += 100) {
      const batch = names.slice(from, from + 100);
      await Promise.all(batch.map((name) => store.put(name, Buffer.from('x'), { contentType })));
    }
    expect(await keysOf(store, prefix)).toEqual(names);
  });

  it('shows one of the bodies whole when many write the same key at once', async () => {
    const { store, prefix } = place();
    const bodies = Array.from({ length: 20 }, (_, index) => Buffer.alloc(100_000, index));
    const reads = Array.from({ length: 20 }, async () => store.get(`${prefix}a`));
    await Promise.all(bodies.map((body) => store.put(`${prefix}a`, body, { contentType })));
    const seen = [...(await Promise.all(reads)), await store.get(`${prefix}a`)];
    for (const body of seen) expect(body === null || bodies.some((one) => one.equals(body))).toBe(true);
  });
});

describe('S3ObjectStore', () => {
  it('deletes the objects that it is told of and no other, more than one call takes too', async () => {
    const store = new S3ObjectStore(services.clients.s3, services.embedded.buckets.data);
    const names = Array.from({ length: 1003 }, (_, index) => `deleted/${index}`);
    for (let from = 0; from < names.length; from += 100) {
      const batch = names.slice(from, from + 100);
      await Promise.all(batch.map((name) => store.put(name, Buffer.from('x'), { contentType })));
    }
    await store.delete([]);
    await store.delete([...names.slice(1), 'deleted/never']);
    expect(await keysOf(store, 'deleted/')).toEqual(['deleted/0']);
  });

  it('turns a service that cannot be reached into a TransientFault with its cause', async () => {
    const { credentials, region } = services.embedded;
    const clients = createClients({ credentials, region, endpoints: { s3: 'http://127.0.0.1:9' } });
    const store = new S3ObjectStore(clients.s3, 'any');
    const fault = await store.get('key').catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(TransientFault);
    expect((fault as TransientFault).cause).toBeInstanceOf(Error);
    clients.close();
  });

  it('lets an error that will not pass go through', async () => {
    const store = new S3ObjectStore(services.clients.s3, 'no-such-bucket');
    const fault = await store.put('key', Buffer.from('x'), { contentType: 'a/b' }).catch((error: unknown) => error);
    expect(fault).not.toBeInstanceOf(TransientFault);
    expect((fault as Error).name).toBe('NoSuchBucket');
  });
});
