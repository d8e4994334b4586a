import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { expect, it } from 'vitest';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { LEASE_MS, newRun, newTenant, newUpload, T0 } from '../contract/new-items.ts';
import { useServices } from '../contract/services.ts';

const services = useServices();
const UPLOADS = 300;

it('finds the runs behind hundreds of newer uploads that opened none in a dozen requests', async () => {
  const { documents } = services.clients;
  const runs = new DynamoRuns(documents, services.embedded.table);
  const tenant = newTenant();
  const runKeys: string[] = [];
  for (let index = 0; index < 3; index++)
    runKeys.unshift((await runs.createRun(newRun({ tenant }), T0 + index)).item.runKey);
  for (let index = 0; index < UPLOADS; index++)
    await runs.claimUpload(newUpload({ tenant }), LEASE_MS, T0 + 1000 + index);

  let requests = 0;
  const counting = new Proxy(documents, {
    get(target, property) {
      if (property === 'send') requests += 1;
      return Reflect.get(target, property) as unknown;
    },
  }) as DynamoDBDocumentClient;
  const first = await new DynamoRuns(counting, services.embedded.table).listByTenant(tenant, { limit: 2 });
  expect(first.items.map(({ runKey }) => runKey)).toEqual(runKeys.slice(0, 2));
  expect(requests).toBeLessThanOrEqual(12);
  const rest = await runs.listByTenant(tenant, { limit: 2, cursor: first.cursor! });
  expect([rest.items.map(({ runKey }) => runKey), rest.cursor]).toEqual([runKeys.slice(2), null]);
});
