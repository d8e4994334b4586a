import { createHmac, timingSafeEqual } from 'node:crypto';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { clientOptionsFrom, createClients, requestSettings } from '../../src/aws/clients.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { createStageHandler, type Redelivery, type StageHandler } from '../../src/aws/stage-handler.ts';
import { delayByVisibility } from '../../src/aws/visibility.ts';
import { parseEnv } from '../../src/contracts/env.ts';
import { tenantSchema } from '../../src/contracts/keys.ts';
import { type Announcement, announcementSchema } from '../../src/contracts/messages.ts';
import { TransientFault } from '../../src/contracts/reasons.ts';
import type { Logger } from '../../src/pipeline/ports.ts';
import { PrivateAddressError, postPublicly } from './public-post.ts';

export interface WebhookDeps {
  readonly log: Logger;
  readonly urls: ReadonlyMap<string, string>;
  readonly signingKey: (tenant: string) => Promise<string>;
  readonly nowMs: () => number;
  readonly post: typeof postPublicly;
}

/** EventBridge's envelope; the announcement is its detail. */
const eventSchema = z.object({ id: z.string().min(1), detail: announcementSchema });

const TIMEOUT_MS = 10_000;
const RETRY_SECONDS = 300;
/** A new signing key is used after so long at most. */
const KEY_HELD_MS = 300_000;

/** `t=<seconds>,v1=<hex>`: HMAC-SHA256 over `<seconds>.<body>` with the tenant's key. */
export function signatureOf(body: string, key: string, atSeconds: number): string {
  const digest = createHmac('sha256', key).update(`${atSeconds}.${body}`).digest('hex');
  return `t=${atSeconds},v1=${digest}`;
}

/** What a receiver does: true where the body was signed with the key within `toleranceSeconds`. */
export function verifySignature(
  header: string,
  body: string,
  key: string,
  nowSeconds: number,
  toleranceSeconds = 300,
): boolean {
  const at = Number(/^t=(\d{1,12}),v1=[0-9a-f]{64}$/.exec(header)?.[1] ?? Number.NaN);
  if (!Number.isFinite(at) || Math.abs(nowSeconds - at) > toleranceSeconds) return false;
  const expected = signatureOf(body, key, at);
  return header.length === expected.length && timingSafeEqual(Buffer.from(header), Buffer.from(expected));
}

/**
 * Sends one announcement to its tenant. A receiver that answers 2xx has taken it; anything else is tried again in five
 * minutes until the queue gives up. Redirects are not followed, and no address but one of the internet is called.
 */
export async function deliver(deps: WebhookDeps, eventId: string, announcement: Announcement): Promise<void> {
  const { tenant } = announcement;
  const url = deps.urls.get(tenant);
  if (url === undefined) return;
  const body = JSON.stringify(announcement);
  const signature = signatureOf(body, await deps.signingKey(tenant), Math.floor(deps.nowMs() / 1000));
  const headers = { 'content-type': 'application/json', 'discflow-signature': signature, 'discflow-event': eventId };
  const status = await reach(deps, url, { headers, body });
  if (status < 200 || status > 299) throw new TransientFault(`the receiver answered ${status}`, RETRY_SECONDS);
  deps.log.info('webhook.delivered', { tenant });
}

async function reach(
  { post }: WebhookDeps,
  url: string,
  request: { headers: Record<string, string>; body: string },
): Promise<number> {
  try {
    return await post(url, { ...request, timeoutMs: TIMEOUT_MS });
  } catch (cause) {
    if (cause instanceof PrivateAddressError) throw cause;
    throw new TransientFault('the receiver could not be reached', RETRY_SECONDS, { cause });
  }
}

export function createWebhookHandler(deps: WebhookDeps, options: Redelivery): StageHandler {
  return createStageHandler({
    log: deps.log,
    ...options,
    work: {
      async handle(body) {
        const { id, detail } = eventSchema.parse(JSON.parse(body));
        await deliver(deps, id, detail);
      },
      giveUp: async () => deps.log.error('webhook.given_up'),
    },
  });
}

const webhooksSchema = z.array(z.object({ tenant: tenantSchema, url: z.url({ protocol: /^https$/ }) }));

function compose(): StageHandler {
  const env = parseEnv('webhook', process.env);
  const clients = createClients(clientOptionsFrom(process.env));
  const secrets = new SecretsManagerClient(requestSettings());
  const held = new Map<string, { readonly key: Promise<string>; readonly untilMs: number }>();
  const signingKey = (tenant: string): Promise<string> => {
    const known = held.get(tenant);
    if (known !== undefined && known.untilMs > Date.now()) return known.key;
    const loading = secrets
      .send(new GetSecretValueCommand({ SecretId: `${env.webhookSecretPrefix}${tenant}/webhook-key` }))
      .then(({ SecretString }) => {
        if (SecretString === undefined) throw new Error('the signing key of a tenant is empty');
        return SecretString;
      });
    held.set(tenant, { key: loading, untilMs: Date.now() + KEY_HELD_MS });
    loading.catch(() => held.delete(tenant));
    return loading;
  };
  const urls = new Map(webhooksSchema.parse(JSON.parse(env.webhooks)).map(({ tenant, url }) => [tenant, url]));
  const log = createLogger({ service: 'webhook' });
  return createWebhookHandler(
    { log, urls, signingKey, nowMs: Date.now, post: postPublicly },
    { maxReceiveCount: env.maxReceiveCount, delay: delayByVisibility(clients.sqs) },
  );
}

let composed: StageHandler | undefined;

export const handler: StageHandler = (event, context) => {
  composed ??= compose();
  return composed(event, context);
};
