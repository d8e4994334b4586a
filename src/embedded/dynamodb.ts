import { rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceNotFoundException,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { STUDIES_TABLE } from '../contracts/table.ts';
import { makeWritesAtomic } from './atomic-writes.ts';
import { namesAccessKey } from './credentials.ts';
import { checkDatabase, DataFolderError, makeFolder } from './data-folder.ts';
import { closeServer } from './s3/server.ts';
import type { Credentials } from './s3/signature.ts';

export interface DynamoDbServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface DynamoDbOptions {
  /** Null keeps the table in memory. */
  readonly folder: string | null;
  readonly region: string;
  readonly credentials: Credentials;
  readonly table: string;
}

/** The data folder was written by a version whose table has other keys or indexes. */
export class ForeignTableError extends DataFolderError {
  override readonly name = 'ForeignTableError';
}

/** Longer than any client keeps an idle connection. */
const KEEP_ALIVE_MS = 120_000;
const ACTIVE_POLL_MS = 5;
const ACTIVE_WITHIN_MS = 3000;

/** Starts dynalite on loopback with the studies table. Throws `ForeignTableError` and `DamagedFolderError`. */
export async function startDynamoDb(options: DynamoDbOptions): Promise<DynamoDbServer> {
  const { folder } = options;
  const server = await open(options);
  if (server !== null) return server;
  // A process was killed while it made the table: there is nothing in it, and it would stay unusable for ever.
  if (folder !== null) await rm(folder, { recursive: true, force: true });
  const fresh = await open(options);
  if (fresh === null) throw new Error('The studies table does not become active.');
  return fresh;
}

/** Null where the table does not become active. */
async function open(options: DynamoDbOptions): Promise<DynamoDbServer | null> {
  const { folder, credentials } = options;
  makeWritesAtomic();
  if (folder !== null) {
    await makeFolder(folder, 0o700);
    await checkDatabase(folder);
  }
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, ...(folder === null ? {} : { path: folder }) });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  guard(server, credentials);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  let active = false;
  try {
    active = await ensureTable(options, `http://127.0.0.1:${port}`);
  } finally {
    if (!active) await closeServer(server);
  }
  return active ? { port, close: () => closeServer(server) } : null;
}

function guard(server: Server, credentials: Credentials): void {
  const listeners = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    if (namesAccessKey(request.headers, credentials)) {
      for (const listener of listeners) listener.call(server, request, response);
      return;
    }
    request.resume();
    const type = 'com.amazon.coral.service#UnrecognizedClientException';
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: type, message: 'The access key is not known here.' }));
  });
}

async function ensureTable({ region, credentials, table }: DynamoDbOptions, endpoint: string): Promise<boolean> {
  const client = new DynamoDBClient({ endpoint, region, credentials: { ...credentials } });
  try {
    let description = await describe(client, table);
    if (description === undefined) {
      await client.send(new CreateTableCommand({ TableName: table, BillingMode: 'PAY_PER_REQUEST', ...tableSchema() }));
      description = await describe(client, table);
    }
    const until = Date.now() + ACTIVE_WITHIN_MS;
    while (description?.TableStatus !== 'ACTIVE') {
      if (Date.now() > until) return false;
      await new Promise((resolve) => setTimeout(resolve, ACTIVE_POLL_MS));
      description = await describe(client, table);
    }
    checkSchema(description);
    return true;
  } finally {
    client.destroy();
  }
}

async function describe(client: DynamoDBClient, table: string): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: table }))).Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

const keySchema = (partitionKey: string, sortKey: string) => [
  { AttributeName: partitionKey, KeyType: 'HASH' as const },
  { AttributeName: sortKey, KeyType: 'RANGE' as const },
];

function tableSchema() {
  const { partitionKey, sortKey } = STUDIES_TABLE;
  const indexes = Object.values(STUDIES_TABLE.indexes);
  const types = new Map<string, 'S' | 'N'>([
    [partitionKey, 'S'],
    [sortKey, 'S'],
    ...indexes.map((index) => [index.partitionKey, 'S'] as const),
    ...indexes.map((index) => [index.sortKey, index.sortKeyType] as const),
  ]);
  return {
    AttributeDefinitions: [...types].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    KeySchema: keySchema(partitionKey, sortKey),
    GlobalSecondaryIndexes: indexes.map((index) => ({
      IndexName: index.name,
      KeySchema: keySchema(index.partitionKey, index.sortKey),
      Projection: { ProjectionType: 'ALL' as const },
    })),
  };
}

function checkSchema(description: TableDescription): void {
  const shape = (table: {
    KeySchema?: TableDescription['KeySchema'];
    GlobalSecondaryIndexes?: TableDescription['GlobalSecondaryIndexes'];
  }) =>
    JSON.stringify([
      table.KeySchema?.map((key) => key.AttributeName),
      (table.GlobalSecondaryIndexes ?? [])
        .map((index) => [index.IndexName, ...(index.KeySchema ?? []).map((key) => key.AttributeName)].join(' '))
        .sort(),
    ]);
  if (shape(description) !== shape(tableSchema())) {
    throw new ForeignTableError('The data folder was written by another version of discflow: name another folder.');
  }
}
