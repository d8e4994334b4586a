import { hash } from 'node:crypto';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createIngestHandler } from '../../functions/ingest/compose.ts';
import { HmacPseudonyms } from '../../src/aws/pseudonyms.ts';
import { SecretsTenantKeys } from '../../src/aws/secrets-tenant-keys.ts';
import { UNASSIGNED_TENANT } from '../../src/contracts/keys.ts';
import { deliver, putUpload } from '../support/deliver.ts';
import { phantomPng } from '../support/phantom-picture.ts';
import { MAX_RECEIVES, startTestSystem, type TestSystem } from '../support/system.ts';

const TENANTS = ['north'];

/** Secrets Manager as ingest's role sees it: the keys of the deployment's tenants, and no other. */
const secrets = {
  async send({ input: { SecretId } }: { input: { SecretId: string } }) {
    if ([...TENANTS, UNASSIGNED_TENANT].some((tenant) => SecretId === `tenants/${tenant}/pseudonym-key`))
      return { SecretString: JSON.stringify({ version: 1, key: 'k'.repeat(64) }) };
    throw Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' });
  },
} as unknown as SecretsManagerClient;

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(async () => system.close());

test.each(['elsewhere', UNASSIGNED_TENANT])(
  'an upload under the name of %s, which is no tenant of the deployment, ends rejected and is not repeated',
  async (tenant) => {
    const deps = {
      ...system.deps,
      pseudonyms: new HmacPseudonyms(new SecretsTenantKeys(secrets, 'tenants/')),
      announcer: { announce: async (one: unknown) => void announced.push(one) },
    };
    const announced: unknown[] = [];
    const handler = createIngestHandler({
      deps,
      uploadsBucket: system.embedded.buckets.uploads,
      tenants: TENANTS,
      maxReceiveCount: MAX_RECEIVES,
      delay: async () => undefined,
    });
    const event = await putUpload(system, tenant, 'u1', 'slice.png', await phantomPng(7));
    expect(await deliver(handler, [event])).toEqual([]);
    expect(announced).toMatchObject([{ tenant: UNASSIGNED_TENANT, status: 'rejected', reasons: ['invalid_key'] }]);
    // The key may name a patient: what stands for it cannot be tried out without the secret.
    const { subject } = announced[0] as { subject: string };
    const hashes = ['sha256', 'sha1', 'md5'].map((algorithm) => hash(algorithm, `in/${tenant}/u1/slice.png`));
    expect(hashes.filter((digest) => digest.startsWith(subject.slice(0, 8)))).toEqual([]);
    expect(await system.deps.runs.getUpload(UNASSIGNED_TENANT, subject)).toHaveLength(1);
    expect(await system.deps.runs.getUpload(tenant, 'u1')).toEqual([]);
    expect(system.detectBox.sent).toEqual([]);
  },
);
