import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Embedded } from '../../src/embedded/index.ts';

export interface AwsStub {
  /** Sends every service that has no endpoint of its own here. */
  readonly env: Readonly<Record<string, string>>;
  /** What was asked, as `PutEvents`, `GetSecretValue`, `AssumeRole`, `InvokeEndpointAsync`. */
  readonly asked: string[];
  /** The secrets that were asked for, by name. */
  readonly secrets: string[];
  close(): Promise<void>;
}

const roleTaken = ({ accessKeyId, secretAccessKey }: Embedded['credentials']): string =>
  `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`;

const SECRET = JSON.stringify({ version: 1, key: 'k'.repeat(64) });

/**
 * EventBridge, Secrets Manager, STS and SageMaker Runtime as far as the functions call them, on loopback. A role that is
 * taken gets `credentials`: those of the embedded services.
 */
export async function startAwsStub(credentials: Embedded['credentials']): Promise<AwsStub> {
  const asked: string[] = [];
  const secrets: string[] = [];
  const answer = (response: ServerResponse, operation: string, status: number, body: string, type: string) => {
    asked.push(operation);
    response.writeHead(status, { 'content-type': type }).end(body);
  };
  const json = 'application/x-amz-json-1.1';
  const server = createServer((request: IncomingMessage, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const operation =
        String(request.headers['x-amz-target'] ?? '')
          .split('.')
          .at(-1) ?? '';
      if (operation === 'PutEvents') {
        const taken = JSON.stringify({ FailedEntryCount: 0, Entries: [{ EventId: '1' }] });
        return answer(response, operation, 200, taken, json);
      }
      if (operation === 'GetSecretValue') {
        secrets.push((JSON.parse(body) as { SecretId: string }).SecretId);
        return answer(response, operation, 200, JSON.stringify({ Name: 'secret', SecretString: SECRET }), json);
      }
      if (request.url?.endsWith('/async-invocations'))
        return answer(response, 'InvokeEndpointAsync', 202, '{"InferenceId":"1"}', 'application/json');
      return answer(response, 'AssumeRole', 200, roleTaken(credentials), 'text/xml');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    env: { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    asked,
    secrets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
