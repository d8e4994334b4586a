import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { requestSettings } from '../../src/aws/clients.ts';
import { translated } from '../../src/aws/faults.ts';
import type { TenantClients } from './store.ts';

interface Held {
  readonly clients: Promise<TenantClients>;
  readonly untilMs: number;
}

/** A request has ten seconds: a service that falls silent is asked again within them. */
export const API_REQUESTS = requestSettings(2000);

const SESSION_SECONDS = 3600;
/** A presigned upload dies with the credentials that signed it: renewed while they outlive the longest expiry. */
const RENEW_AFTER_MS = 1_500_000;

/**
 * Clients that act for one tenant: the tenant role, assumed with the session tag `tenant`. AWS itself then refuses
 * whatever lies outside that tenant's prefix and keys.
 */
export class TenantSessions {
  readonly #sts: STSClient;
  readonly #roleArn: string;
  readonly #nowMs: () => number;
  readonly #held = new Map<string, Held>();

  constructor(sts: STSClient, roleArn: string, nowMs: () => number = Date.now) {
    this.#sts = sts;
    this.#roleArn = roleArn;
    this.#nowMs = nowMs;
  }

  clientsOf(tenant: string): Promise<TenantClients> {
    const known = this.#held.get(tenant);
    if (known !== undefined && known.untilMs > this.#nowMs()) return known.clients;
    const clients = this.#assume(tenant);
    this.#held.set(tenant, { clients, untilMs: this.#nowMs() + RENEW_AFTER_MS });
    clients.catch(() => this.#held.delete(tenant));
    return clients;
  }

  async #assume(tenant: string): Promise<TenantClients> {
    const command = new AssumeRoleCommand({
      RoleArn: this.#roleArn,
      RoleSessionName: `tenant-${tenant}`.slice(0, 64),
      DurationSeconds: SESSION_SECONDS,
      Tags: [{ Key: 'tenant', Value: tenant }],
    });
    const { Credentials } = await translated('AssumeRole', () => this.#sts.send(command));
    const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials ?? {};
    if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined)
      throw new Error('STS gave no credentials');
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    return {
      s3: new S3Client({ ...API_REQUESTS, credentials }),
      documents: DynamoDBDocumentClient.from(new DynamoDBClient({ ...API_REQUESTS, credentials })),
    };
  }
}
