import { createHmac, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base32 } from '../contracts/keys.ts';
import type { Pseudonyms } from '../pipeline/ports.ts';

export interface TenantKey {
  /** Enters every pseudonym made with the key; a new key is a new version, never the old one changed. */
  readonly version: number;
  /** 32 bytes. */
  readonly secret: Buffer;
}

/** Where the pseudonym key of a tenant comes from; apart from encryption keys. */
export interface TenantKeys {
  current(tenant: string): Promise<TenantKey>;
}

const SECRET_BYTES = 32;
const PSEUDONYM_CHARACTERS = 26;

/** HMAC-SHA256 as `v<version>-<26 characters of lower-case base32>`: 130 bits. */
export class HmacPseudonyms implements Pseudonyms {
  readonly #keys: TenantKeys;

  constructor(keys: TenantKeys) {
    this.#keys = keys;
  }

  async of(tenant: string, value: string | Uint8Array): Promise<string> {
    const { version, secret } = await this.#keys.current(tenant);
    const digest = createHmac('sha256', secret).update(value).digest();
    return `v${version}-${base32(digest).slice(0, PSEUDONYM_CHARACTERS)}`;
  }
}

/** The key file is not one that this program wrote. */
export class TenantKeyError extends Error {
  override readonly name = 'TenantKeyError';
}

/** One file a tenant in a folder, mode 0600, made at first use and never changed. */
export class FolderTenantKeys implements TenantKeys {
  readonly #folder: string;
  readonly #loaded = new Map<string, Promise<TenantKey>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  current(tenant: string): Promise<TenantKey> {
    const known = this.#loaded.get(tenant);
    if (known !== undefined) return known;
    const loading = this.#load(tenant);
    this.#loaded.set(tenant, loading);
    loading.catch(() => this.#loaded.delete(tenant));
    return loading;
  }

  /** Whether the tenant's key is there: where it is not, `current` makes one. */
  async has(tenant: string): Promise<boolean> {
    return (await readIfThere(this.#pathOf(tenant))) !== null;
  }

  #pathOf(tenant: string): string {
    if (!/^[a-z0-9-]{1,63}$/.test(tenant)) throw new TenantKeyError('The tenant has no name that a key file can bear.');
    return join(this.#folder, `${tenant}.v1.key`);
  }

  async #load(tenant: string): Promise<TenantKey> {
    const path = this.#pathOf(tenant);
    const stored = (await readIfThere(path)) ?? (await this.#make(path));
    const secret = Buffer.from(stored.trim(), 'base64');
    if (secret.length !== SECRET_BYTES) throw new TenantKeyError('The pseudonym key file is damaged.');
    return { version: 1, secret };
  }

  /** Two processes may come here at once: the link of one fails, and both read the same file. */
  async #make(path: string): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const fresh = `${path}.${randomBytes(6).toString('hex')}`;
    await writeFile(fresh, `${randomBytes(SECRET_BYTES).toString('base64')}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    try {
      await link(fresh, path);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    } finally {
      await rm(fresh, { force: true });
    }
    return readFile(path, 'utf8');
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
