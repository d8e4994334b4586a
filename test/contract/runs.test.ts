import { describe } from 'vitest';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import type { Runs } from '../../src/pipeline/ports.ts';
import { MemoryRuns } from '../support/memory-runs.ts';
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
