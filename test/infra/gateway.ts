import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { type ApiDeps, handleRequest } from '../../functions/api/api.ts';
import { requestOf } from '../../functions/api/handler.ts';
import { API_ROUTES } from '../../src/contracts/api.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const ISSUER = 'https://login.example.org';
export const AUDIENCE = 'discflow';

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token signed with RS256, as an issuer gives it out. */
export function token(claims: Record<string, unknown>, key = privateKey): string {
  const body = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode({ iss: ISSUER, aud: AUDIENCE, exp: Math.floor(Date.now() / 1000) + 300, ...claims })}`;
  return `${body}.${sign('RSA-SHA256', Buffer.from(body), key).toString('base64url')}`;
}

/** What the JWT authoriser of API Gateway checks: signature, algorithm, issuer, audience, times. Null is a 401. */
function verifiedClaims(header: string | undefined): Record<string, unknown> | null {
  const [head, body, signature, ...rest] = (header ?? '').replace(/^Bearer /, '').split('.');
  if (head === undefined || body === undefined || signature === undefined || rest.length > 0) return null;
  const parse = (part: string) =>
    JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
  try {
    if (parse(head).alg !== 'RS256') return null;
    const ok = verify(
      'RSA-SHA256',
      Buffer.from(`${head}.${body}`),
      createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
      Buffer.from(signature, 'base64url'),
    );
    const claims = parse(body);
    const live = Number(claims.exp) > Date.now() / 1000;
    return ok && live && claims.iss === ISSUER && claims.aud === AUDIENCE ? claims : null;
  } catch {
    return null;
  }
}

/** Routes and authorises like the HTTP API of the template, then calls what the API function calls. */
export async function startGateway(deps: ApiDeps): Promise<{ url: string; server: Server }> {
  const routes = Object.values(API_ROUTES).map(({ method, path }) => ({
    routeKey: `${method} ${path}`,
    method,
    pattern: new RegExp(`^${path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
  }));
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://gateway');
    const route = routes.find(({ method, pattern }) => method === request.method && pattern.test(url.pathname));
    const claims = verifiedClaims(request.headers.authorization);
    if (route === undefined || claims === null) {
      response.writeHead(route === undefined ? 404 : 401).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const groups = route.pattern.exec(url.pathname)?.groups ?? {};
    const event = {
      routeKey: route.routeKey,
      pathParameters: Object.fromEntries(
        Object.entries(groups).map(([key, value]) => [key, decodeURIComponent(value)]),
      ),
      queryStringParameters: Object.fromEntries(url.searchParams),
      body: chunks.length === 0 ? undefined : Buffer.concat(chunks).toString('utf8'),
      isBase64Encoded: false,
      requestContext: { authorizer: { jwt: { claims, scopes: [] } } },
    } as unknown as APIGatewayProxyEventV2;
    const { status, headers, body } = await handleRequest(deps, requestOf(event));
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
