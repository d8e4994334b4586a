import { readdir, readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AwsClients, clientOptionsFrom, createClients } from '../../../src/aws/clients.ts';
import { isTransient } from '../../../src/aws/faults.ts';
import { S3ObjectStore } from '../../../src/aws/s3-object-store.ts';
import { TransientFault } from '../../../src/contracts/reasons.ts';

const SILENCE_MS = 50;
const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };

/** Answers of the service in order; the last one is given to every further call too. */
let answers: Array<(response: ServerResponse) => void>;
let calls = 0;
let clients: AwsClients;
let server: ReturnType<typeof createServer>;

const silence = () => undefined;
const empty = (response: ServerResponse) => response.writeHead(200, { 'content-length': 2 }).end('{}');
const half = (response: ServerResponse) => response.writeHead(200, { 'content-length': 2 }).write('{');

beforeEach(async () => {
  calls = 0;
  server = createServer((request, response) => {
    request.resume();
    answers[Math.min(calls++, answers.length - 1)]?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const endpoints = { s3: url, sqs: url, dynamodb: url };
  clients = createClients({ region: 'us-east-1', credentials, endpoints, silenceMs: SILENCE_MS });
});
afterEach(async () => {
  clients.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('a service that takes a call and says nothing', () => {
  it.each([
    ['DynamoDB', () => clients.documents.send(new GetCommand({ TableName: 'table', Key: { pk: 'a' } }))],
    ['SQS', () => clients.sqs.send(new GetQueueUrlCommand({ QueueName: 'queue' }))],
    ['S3', () => clients.s3.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'key' }))],
  ])('is asked again: %s', async (_, call) => {
    answers = [silence, empty];
    await call();
    expect(calls).toBe(2);
  });

  it('is given up as a passing fault where it stays silent', async () => {
    answers = [silence];
    const call = clients.documents.send(new GetCommand({ TableName: 'table', Key: { pk: 'a' } }));
    expect(isTransient(await call.catch((error: unknown) => error))).toBe(true);
  });

  it('is given up as a passing fault in the middle of an object', async () => {
    answers = [half];
    await expect(new S3ObjectStore(clients.s3, 'bucket').get('key')).rejects.toThrow(TransientFault);
  });
});

it('is listened for by every client that the functions make', async () => {
  expect(clientOptionsFrom({}).silenceMs).toBeGreaterThan(0);
  const folder = fileURLToPath(new URL('../../../functions/', import.meta.url));
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const sources = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  const made = sources.flatMap((source) => source.match(/new \w+Client\([^)]*/g) ?? []);
  expect(made.length).toBeGreaterThan(0);
  expect(made.filter((client) => !/requestSettings|API_REQUESTS/.test(client))).toEqual([]);
});
