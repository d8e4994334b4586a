import { createHash } from 'node:crypto';
import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { translated } from './faults.ts';
import { type TenantKey, TenantKeyError, type TenantKeys } from './pseudonyms.ts';

/** The secret's text: the key's version and at least 43 characters of randomness (256 bits in base64). */
const secretSchema = z.object({ version: z.int().min(1).max(9999), key: z.string().min(43) });

const FRESH_MS = 3_600_000;

interface Loaded {
  readonly key: Promise<TenantKey>;
  readonly untilMs: number;
}

/**
 * Tenants' pseudonym keys in Secrets Manager, one secret a tenant: `<prefix><tenant>/pseudonym-key`. A key is held for
 * an hour, so that a new version is taken up without a deployment. An unknown tenant is a `TenantKeyError`.
 */
export class SecretsTenantKeys implements TenantKeys {
  readonly #client: SecretsManagerClient;
  readonly #prefix: string;
  readonly #nowMs: () => number;
  readonly #loaded = new Map<string, Loaded>();

  constructor(client: SecretsManagerClient, prefix: string, nowMs: () => number = Date.now) {
    this.#client = client;
    this.#prefix = prefix;
    this.#nowMs = nowMs;
  }

  current(tenant: string): Promise<TenantKey> {
    const known = this.#loaded.get(tenant);
    if (known !== undefined && known.untilMs > this.#nowMs()) return known.key;
    const key = this.#load(tenant);
    this.#loaded.set(tenant, { key, untilMs: this.#nowMs() + FRESH_MS });
    key.catch(() => this.#loaded.delete(tenant));
    return key;
  }

  async #load(tenant: string): Promise<TenantKey> {
    const text = await this.#read(tenant);
    const parsed = secretSchema.safeParse(text === undefined ? undefined : readJson(text));
    if (!parsed.success) throw new TenantKeyError('The pseudonym key of a tenant is missing or damaged.');
    const { version, key } = parsed.data;
    return { version, secret: createHash('sha256').update(`discflow pseudonym key ${key}`).digest() };
  }

  async #read(tenant: string): Promise<string | undefined> {
    const SecretId = `${this.#prefix}${tenant}/pseudonym-key`;
    try {
      const { SecretString } = await translated('GetSecretValue', () =>
        this.#client.send(new GetSecretValueCommand({ SecretId })),
      );
      return SecretString;
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TenantKeyError('The pseudonym key of a tenant is damaged.', { cause });
  }
}
