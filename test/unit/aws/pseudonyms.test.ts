import { createHmac } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderTenantKeys, HmacPseudonyms, TenantKeyError } from '../../../src/aws/pseudonyms.ts';
import { base32, pseudonymSchema } from '../../../src/contracts/keys.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discflow-keys-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('HmacPseudonyms', () => {
  it('is the HMAC-SHA256 of RFC 4231, test case 2, in base32 after the version of the key', async () => {
    const secret = Buffer.from('Jefe');
    const pseudonyms = new HmacPseudonyms({ current: async () => ({ version: 3, secret }) });
    const digest = Buffer.from('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843', 'hex');
    expect(await pseudonyms.of('acme', 'what do ya want for nothing?')).toBe(`v3-${base32(digest).slice(0, 26)}`);
  });

  it('takes text and its UTF-8 bytes for the same, and follows the contract', async () => {
    const pseudonyms = new HmacPseudonyms(new FolderTenantKeys(folder));
    const text = '1.2.840.10008 ü';
    const one = await pseudonyms.of('acme', text);
    expect(await pseudonyms.of('acme', Buffer.from(text))).toBe(one);
    expect(pseudonymSchema.parse(one)).toMatch(/^v1-/);
  });
});

describe('FolderTenantKeys', () => {
  it('makes one key a tenant, for the owner of the folder alone, and keeps it', async () => {
    const keys = new FolderTenantKeys(join(folder, 'keys'));
    const [acme, other] = [await keys.current('acme'), await keys.current('other')];
    expect(acme.secret).toHaveLength(32);
    expect(acme.secret.equals(other.secret)).toBe(false);
    expect((await new FolderTenantKeys(join(folder, 'keys')).current('acme')).secret.equals(acme.secret)).toBe(true);
    expect((await stat(join(folder, 'keys', 'acme.v1.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700);
    expect((await readdir(join(folder, 'keys'))).sort()).toEqual(['acme.v1.key', 'other.v1.key']);
  });

  it('agrees on one key where many come first at once', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => new FolderTenantKeys(folder).current('acme')));
    expect(new Set(made.map(({ secret }) => secret.toString('hex'))).size).toBe(1);
    const stored = Buffer.from(await readFile(join(folder, 'acme.v1.key'), 'utf8'), 'base64');
    const digest = createHmac('sha256', stored).update('x').digest();
    expect(await new HmacPseudonyms(new FolderTenantKeys(folder)).of('acme', 'x')).toBe(
      `v1-${base32(digest).slice(0, 26)}`,
    );
  });

  it('refuses a damaged key instead of making another, and a tenant that is a path', async () => {
    await writeFile(join(folder, 'acme.v1.key'), 'short');
    await expect(new FolderTenantKeys(folder).current('acme')).rejects.toBeInstanceOf(TenantKeyError);
    await expect(new FolderTenantKeys(folder).current('../acme')).rejects.toBeInstanceOf(TenantKeyError);
    expect(await readFile(join(folder, 'acme.v1.key'), 'utf8')).toBe('short');
  });

  it('reads a key again that could not be read before', async () => {
    const path = join(folder, 'acme.v1.key');
    const secret = Buffer.alloc(32, 7);
    const keys = new FolderTenantKeys(folder);
    await writeFile(path, 'short');
    await expect(keys.current('acme')).rejects.toBeInstanceOf(TenantKeyError);
    await writeFile(path, secret.toString('base64'));
    expect((await keys.current('acme')).secret.equals(secret)).toBe(true);
  });
});
