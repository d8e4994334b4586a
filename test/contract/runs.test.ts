import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { runKeyOf } from '../../src/aws/studies-table.ts';
import type { Runs } from '../../src/pipeline/ports.ts';
import { MemoryRuns } from '../support/memory-runs.ts';
import { claimed, LEASE_MS, newRun, T0 } from './new-items.ts';
import { listSuite } from './runs-lists.suite.ts';
import { runSuite } from './runs-runs.suite.ts';
import { uploadSuite } from './runs-uploads.suite.ts';
import { useServices } from './services.ts';

const services = useServices();

describe.each<[string, () => Runs]>([
  ['in memory', () => new MemoryRuns()],
  ['DynamoDB', () => new DynamoRuns(services.clients.documents, services.embedded.table)],
])('Runs %s', (_name, create) => {
  describe('uploads', () => uploadSuite(create));
  describe('runs', () => runSuite(create));
  describe('lists', () => listSuite(create));
});

it('a run stands in the index of open items until its end is announced', async () => {
  const { documents } = services.clients;
  const runs = new DynamoRuns(documents, services.embedded.table);
  const { item } = await runs.createRun(newRun({}), T0);
  const inIndex = async () => {
    const get = new GetCommand({ TableName: services.embedded.table, Key: runKeyOf(item.runKey) });
    const { Item = {} } = await documents.send(get);
    return ['open', 'idleSince'].filter((field) => field in Item);
  };
  await runs.advanceRun(
    claimed(await runs.claimRun(item.runKey, 1, 'detect', LEASE_MS, T0)),
    { status: 'rejected', reasons: [], stage: 'detect' },
    T0,
  );
  expect(await inIndex()).toEqual(['open', 'idleSince']);
  await runs.markRunAnnounced((await runs.getRun(item.runKey))!, T0);
  expect(await inIndex()).toEqual([]);
  await runs.reopenRun(item.runKey, T0);
  expect(await inIndex()).toEqual(['open', 'idleSince']);
});
