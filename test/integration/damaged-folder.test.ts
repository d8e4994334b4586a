import { mkdir, mkdtemp, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { startLocal } from '../../src/cli/local.ts';
import { UsageError } from '../../src/cli/plan.ts';
import { told } from '../../src/cli/process-end.ts';
import { DataFolderError, makeFolder, startEmbedded } from '../../src/embedded/index.ts';
import { DEFAULT_PACK } from '../support/system.ts';

let root: string;
let dataDir: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'discflow-damaged-'));
  dataDir = join(root, 'data');
});
afterEach(async () => rm(root, { recursive: true, force: true }));

it.each(['s3/index', 'dynamodb'])('a database in %s that is cut off is told in one line', async (database) => {
  await (await startEmbedded({ dataDir })).close();
  const folder = join(dataDir, database);
  const manifest = (await readdir(folder)).find((name) => name.startsWith('MANIFEST'))!;
  await truncate(join(folder, manifest), 10);
  const error: unknown = await startEmbedded({ dataDir }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DataFolderError);
  expect(told(error)).toMatch(new RegExp(`^${folder} is damaged \\(Corruption: .*\\): .*$`));
});

it('a damaged key of the tenant ends the call before any work, and leaves the folder to the next', async () => {
  await mkdir(join(dataDir, 'keys'), { recursive: true });
  await writeFile(join(dataDir, 'keys', 'local.v1.key'), '');
  const call = startLocal({ data: dataDir, pack: DEFAULT_PACK, tier: 'single', tenant: 'local' });
  await expect(call).rejects.toThrow(UsageError);
  const next = await startEmbedded({ dataDir });
  expect(next.role).toBe('owner');
  await next.close();
});

it('an index that is cut off ends the call when it is read, and leaves the folder to the next', async () => {
  const index = join(dataDir, 's3', 'index');
  const first = await startEmbedded({ dataDir });
  const clients = createClients(first);
  await new S3ObjectStore(clients.s3, first.buckets.uploads).put('in/a', Buffer.from('a'), { contentType: 'a/b' });
  clients.close();
  await first.close();
  // The next start moves what was written from the log to a table.
  await (await startEmbedded({ dataDir })).close();
  const tables = (await readdir(index)).filter((name) => name.endsWith('.ldb'));
  expect(tables).not.toEqual([]);
  for (const table of tables) await truncate(join(index, table), 10);
  const call = startLocal({ data: dataDir, pack: DEFAULT_PACK, tier: 'single', tenant: 'local' });
  expect(told(await call.catch((reason: unknown) => reason))).toMatch(/^(IO error|Corruption): .*\.ldb.*$/);
  const next = await startEmbedded({ dataDir });
  expect(next.role).toBe('owner');
  await next.close();
});

it('a folder is made with those above it, and one that is there is left alone', async () => {
  const path = join(root, 'a', 'b', 'c');
  await makeFolder(path, 0o700);
  expect((await stat(join(root, 'a'))).mode & 0o777).toBe(0o700);
  await makeFolder(path);
  await symlink(path, join(root, 'link'));
  await makeFolder(join(root, 'link', 'd'));
  expect(await readdir(path)).toEqual(['d']);
});

it('a folder below a file, and below a link that leads nowhere, is an error', async () => {
  await writeFile(join(root, 'file'), '');
  await symlink(join(root, 'nowhere'), join(root, 'link'));
  await expect(makeFolder(join(root, 'file', 'a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeFolder(join(root, 'link', 'a'))).rejects.toMatchObject({ code: 'EEXIST' });
});

it.skipIf(process.platform !== 'linux')('a folder where the system takes none is an error, not a hang', async () => {
  await expect(makeFolder('/proc/discflow/a')).rejects.toMatchObject({ code: 'ENOENT' });
});

it('a file in the place of the data folder is told as that, in one line', async () => {
  await writeFile(dataDir, 'a file');
  const error: unknown = await startEmbedded({ dataDir }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DataFolderError);
  expect(told(error)).toBe(
    `the data folder ${dataDir} cannot be made: EEXIST: file already exists, mkdir '${dataDir}'`,
  );
});

it('a lost key of a tenant that has studies is told in one line, and no other takes its place', async () => {
  const embedded = await startEmbedded({ dataDir });
  const clients = createClients(embedded);
  const pseudonym = `v1-${'a'.repeat(26)}`;
  await new DynamoRuns(clients.documents, embedded.table).createRun(
    {
      ...{ tenant: 'local', runKey: 'b'.repeat(26), studyKey: pseudonym, contentHash: pseudonym, tier: 'single' },
      ...{ packSha256: 'c'.repeat(64), clientReference: null, traceId: 't' },
    },
    Date.now(),
  );
  clients.close();
  await embedded.close();
  const call = startLocal({ data: dataDir, pack: DEFAULT_PACK, tier: 'single', tenant: 'local' });
  const error: unknown = await call.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  expect(told(error)).toBe(
    `the key of tenant local in ${join(dataDir, 'keys')} is gone: put a copy of it back, or give --data`,
  );
  await expect(stat(join(dataDir, 'keys'))).rejects.toThrow('ENOENT');
});
