import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventKey } from '../../src/embedded/s3/events.ts';
import { BUCKET as Bucket, failure, type S3Fixture, startS3 } from './embedded-s3-fixture.ts';

let s3: S3Fixture;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(async () => {
  expect(s3.faults).toEqual([]);
  await s3.close();
});

const put = (Key: string, Body = Key) => s3.client.send(new PutObjectCommand({ Bucket, Key, Body }));
const read = async (Key: string) =>
  (await s3.client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();

const STRANGE_KEYS = [
  '../../etc/passwd',
  'a/../b',
  './x',
  'a//b///c',
  '/leading',
  'trailing/',
  '..',
  '.',
  'CON',
  'a\\b',
  'a b+c%20d&e=f?g#h',
  'Ünïcödé/日本語/😀',
  'e\u0301 and \u00e9',
  'quote"\'<>&',
  'tab\tnew\nline\u0001',
  "!'()*~-._",
  'x'.repeat(1024),
  'ü'.repeat(512),
];

describe('keys', () => {
  it.each(STRANGE_KEYS)('keeps an object under %j', async (key) => {
    await put(key, `body of ${key.slice(0, 20)}`);
    expect(await read(key)).toBe(`body of ${key.slice(0, 20)}`);
  });

  it('writes nothing outside its folder and names no file after a key', async () => {
    for (const key of STRANGE_KEYS) await put(key);
    const files = await readdir(s3.folder, { recursive: true, withFileTypes: true });
    const names = files
      .filter((file) => file.isFile())
      .map((file) => relative(s3.folder, join(file.parentPath, file.name)));
    const foreign = names.filter(
      (name) => !/^(blobs\/[0-9a-f]{2}\/[0-9a-f]{32}|index\/[A-Z0-9.a-z-]+|open)$/.test(name),
    );
    expect(foreign).toEqual([]);
  });

  it('tells keys apart that differ in case or in composition only', async () => {
    for (const key of ['Case', 'case', 'CASE', 'e\u0301', '\u00e9']) await put(key);
    for (const key of ['Case', 'case', 'CASE', 'e\u0301', '\u00e9']) expect(await read(key)).toBe(key);
  });

  it('refuses a key that is too long, holds NUL or is no UTF-8', async () => {
    expect(await failure(put('x'.repeat(1025)))).toEqual({ code: 'KeyTooLongError', status: 400 });
    expect(await failure(put(`${'ü'.repeat(512)}x`))).toEqual({ code: 'KeyTooLongError', status: 400 });
    expect(await failure(put('a\0b'))).toEqual({ code: 'InvalidArgument', status: 400 });
    const raw = await fetch(`${s3.endpoint}/${Bucket}/%ff%fe`);
    expect(raw.status).toBe(400);
    expect(await raw.text()).toContain('<Code>InvalidURI</Code>');
  });
});

describe('notifications', () => {
  it('tell key, size, tag and how the object came, with rising sequencers', async () => {
    s3.created.length = 0;
    await put('in/acme/u 1/ä+b.zip', 'first');
    await put('in/acme/u 1/ä+b.zip', 'second!');
    expect(s3.created).toMatchObject([
      { bucket: Bucket, key: 'in/acme/u 1/ä+b.zip', size: 5, by: 'Put', eTag: '8b04d5e3775d298e78455efc5ca404d5' },
      { key: 'in/acme/u 1/ä+b.zip', size: 7, by: 'Put' },
    ]);
    expect(s3.created[1]!.sequencer > s3.created[0]!.sequencer).toBe(true);
    expect(s3.created[1]!.sequencer).toHaveLength(s3.created[0]!.sequencer.length);
  });

  it.each([
    ['in/a b.dcm', 'in/a+b.dcm'],
    ['in/a+b.dcm', 'in/a%2Bb.dcm'],
    ['in/ä/😀.zip', 'in/%C3%A4/%F0%9F%98%80.zip'],
    ["in/!'()*.png", 'in/%21%27%28%29*.png'],
  ])('write key %j as %j, which decodes to the key', (key, encoded) => {
    expect(eventKey(key)).toBe(encoded);
    expect(decodeURIComponent(encoded.replaceAll('+', ' '))).toBe(key);
  });
});

describe('lists', () => {
  const list = async (query: object) => {
    const pages: Array<{ keys: string[]; prefixes: string[] }> = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.client.send(new ListObjectsV2Command({ Bucket, ...query, ContinuationToken }));
      pages.push({
        keys: (page.Contents ?? []).map(({ Key }) => Key ?? ''),
        prefixes: (page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''),
      });
      expect(page.KeyCount).toBe(pages.at(-1)!.keys.length + pages.at(-1)!.prefixes.length);
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    return pages;
  };

  it('go by prefix and delimiter, page by page, each prefix once', async () => {
    const names = ['l/a/1', 'l/a/2', 'l/b', 'l/c/x/1', 'l/c/y', 'l/d', 'l/ab'];
    for (const name of names) await put(name);
    await put('m/other');
    for (const MaxKeys of [1, 2, 3, 1000]) {
      const pages = await list({ Prefix: 'l/', Delimiter: '/', MaxKeys });
      expect(pages.flatMap(({ keys }) => keys)).toEqual(['l/ab', 'l/b', 'l/d']);
      expect(pages.flatMap(({ prefixes }) => prefixes)).toEqual(['l/a/', 'l/c/']);
      const flat = await list({ Prefix: 'l/', MaxKeys });
      expect(flat.flatMap(({ keys }) => keys)).toEqual([...names].sort());
      expect(flat).toHaveLength(Math.ceil(names.length / MaxKeys));
    }
    expect((await list({ Prefix: 'l/c', Delimiter: '/' }))[0]).toEqual({ keys: [], prefixes: ['l/c/'] });
  });

  it('start behind a key', async () => {
    for (const name of ['s/1', 's/2', 's/3']) await put(name);
    expect((await list({ Prefix: 's/', StartAfter: 's/1' }))[0]?.keys).toEqual(['s/2', 's/3']);
    expect((await list({ Prefix: 's/', StartAfter: 's/9' }))[0]?.keys).toEqual([]);
  });

  it('carry strange keys whole', async () => {
    for (const key of STRANGE_KEYS) await put(key);
    const keys = (await list({ EncodingType: 'url' })).flatMap((page) => page.keys).map(decodeURIComponent);
    for (const key of STRANGE_KEYS) expect(keys).toContain(key);
  });

  it('refuse a token that was not given out', async () => {
    const call = new ListObjectsV2Command({ Bucket, ContinuationToken: 'no token' });
    expect(await failure(s3.client.send(call))).toEqual({ code: 'InvalidArgument', status: 400 });
  });
});

it('keeps everything over a restart', async () => {
  const first = await startS3(s3.folder === '' ? undefined : `${s3.folder}-again`);
  await first.client.send(new PutObjectCommand({ Bucket, Key: 'kept', Body: 'body', Metadata: { a: 'b' } }));
  const sequencer = first.created[0]!.sequencer;
  await first.close();
  const second = await startS3(first.folder);
  const answer = await second.client.send(new GetObjectCommand({ Bucket, Key: 'kept' }));
  expect(await answer.Body?.transformToString()).toBe('body');
  expect(answer.Metadata).toEqual({ a: 'b' });
  await second.client.send(new PutObjectCommand({ Bucket, Key: 'kept', Body: 'body 2' }));
  expect(second.created[0]!.sequencer > sequencer).toBe(true);
  await second.close();
});
