import { STSClient } from '@aws-sdk/client-sts';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { createLogger } from '../../src/aws/logger.ts';
import { parseEnv } from '../../src/contracts/env.ts';
import { type ApiDeps, type ApiRequest, handleRequest } from './api.ts';
import { API_REQUESTS, TenantSessions } from './credentials.ts';
import { tenantStore } from './store.ts';
import { type Caller, callersSchema } from './tenant.ts';

let composed: ApiDeps | undefined;

function compose(): ApiDeps {
  const env = parseEnv('api', process.env);
  const sessions = new TenantSessions(new STSClient(API_REQUESTS), env.tenantRoleArn);
  return {
    log: createLogger({ service: 'api' }),
    rules: {
      authKind: env.authKind,
      account: env.tenantRoleArn.split(':')[4] ?? '',
      tenantClaim: env.tenantClaim,
      callers: callersSchema.parse(JSON.parse(env.callers)),
      tenants: env.tenants,
    },
    storeOf: async (tenant) => tenantStore(tenant, await sessions.clientsOf(tenant), env),
    nowMs: Date.now,
    uploadMaxBytes: env.uploadMaxBytes,
    uploadExpirySeconds: env.uploadExpirySeconds,
  };
}

/** What an authoriser of API Gateway puts into the request context. */
interface Authorized {
  readonly authorizer?: {
    readonly jwt?: { readonly claims?: Record<string, unknown> };
    readonly iam?: { readonly userArn?: string };
  };
}

function callerOf(event: APIGatewayProxyEventV2): Caller {
  const { authorizer } = event.requestContext as unknown as Authorized;
  return { claims: authorizer?.jwt?.claims, userArn: authorizer?.iam?.userArn };
}

export function requestOf(event: APIGatewayProxyEventV2): ApiRequest {
  const { body } = event;
  return {
    routeKey: event.routeKey,
    parameters: event.pathParameters ?? {},
    query: event.queryStringParameters ?? {},
    body: body === undefined ? null : event.isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body,
    caller: callerOf(event),
  };
}

export async function handler(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  composed ??= compose();
  const { status, headers, body } = await handleRequest(composed, requestOf(event));
  return { statusCode: status, headers: { ...headers }, body };
}
