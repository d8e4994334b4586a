import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { type ApiDeps, handleRequest } from '../../functions/api/api.ts';
import { requestOf } from '../../functions/api/handler.ts';
import { API_ROUTES } from '../../src/contracts/api.ts';
import { type SigningKeys, signer } from './sigv4.ts';

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

/** A role's session that may sign requests: its keys, and the ARN that API Gateway hands on. */
export interface Session extends SigningKeys {
  readonly userArn: string;
}

/** Routes and authorises like the HTTP API of the template, then calls what the API function calls. */
export async function startGateway(
  deps: ApiDeps,
  sessions: readonly Session[] = [],
): Promise<{ url: string; server: Server }> {
  const routes = Object.values(API_ROUTES).map(({ method, path }) => ({
    routeKey: `${method} ${path}`,
    method,
    pattern: new RegExp(`^${path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
  }));
  const authorized = (request: IncomingMessage, url: URL, body: Buffer): object | null => {
    const header = request.headers.authorization;
    if (deps.rules.authKind === 'jwt') {
      const claims = verifiedClaims(header);
      return claims === null ? null : { jwt: { claims, scopes: [] } };
    }
    const { pathname: path, searchParams: query } = url;
    const { host = '', 'x-amz-date': date } = request.headers;
    const signed = { method: request.method ?? '', path, query, host, body, date: String(date) };
    const key = signer(signed, header, sessions);
    const session = sessions.find(({ accessKeyId }) => accessKeyId === key);
    return session === undefined ? null : { iam: { userArn: session.userArn } };
  };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://gateway');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const route = routes.find(({ method, pattern }) => method === request.method && pattern.test(url.pathname));
    const authorizer = authorized(request, url, body);
    if (route === undefined || authorizer === null) {
      const status = route === undefined ? 404 : deps.rules.authKind === 'jwt' ? 401 : 403;
      const message = { 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found' }[status];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
      return;
    }
    const groups = route.pattern.exec(url.pathname)?.groups ?? {};
    const event = {
      routeKey: route.routeKey,
      pathParameters: Object.fromEntries(
        Object.entries(groups).map(([key, value]) => [key, decodeURIComponent(value)]),
      ),
      queryStringParameters: Object.fromEntries(url.searchParams),
      body: body.length === 0 ? undefined : body.toString('utf8'),
      isBase64Encoded: false,
      requestContext: { authorizer },
    } as unknown as APIGatewayProxyEventV2;
    const answer = await handleRequest(deps, requestOf(event));
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
