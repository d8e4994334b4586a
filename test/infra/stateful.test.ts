import { expect, test } from 'vitest';
import { ANALYZE_BACKENDS, type AnalyzeBackend } from '../../infra/config.ts';
import { type Built, build } from './support.ts';

/** Logical ids of what must never be replaced. A change here is a migration: docs/runbook.md, "Restore". */
const PINNED = {
  'AWS::DynamoDB::GlobalTable': ['Table StudiesTableBC67312B'],
  'AWS::KMS::Key': ['Foundation KeysDataA2F7C5E6', 'Foundation KeysLogs7981C88C', 'Foundation KeysMessagesE856B267'],
  'AWS::S3::Bucket': [
    'Storage BucketsAccessLogsA5F88218',
    'Storage BucketsBackfill934192FE',
    'Storage BucketsData941F65F0',
    'Storage BucketsUploadsDA8F1F54',
  ],
  'AWS::SecretsManager::Secret': [
    'Foundation TenantsPseudonymdemo7ACC443E',
    'Foundation TenantsPseudonymunassigned00B2A3CB',
  ],
} as Record<string, string[]>;

const production = Object.fromEntries(ANALYZE_BACKENDS.map((backend) => [backend, build('prod', backend)])) as Record<
  AnalyzeBackend,
  Built
>;

const GENERATED = /^AWS::(CDK|Lambda::Permission$)/;

/** One line a resource, without hashes: what `cdk diff` would say of a change, small enough to be read in a review. */
test.each(ANALYZE_BACKENDS)('the resources of production with %s are those that were reviewed', async (backend) => {
  const lines = production[backend].resources
    .filter(({ Type }) => !GENERATED.test(Type))
    .map(({ stack, Type, id }) => `${stack}\t${Type.replace('AWS::', '')}\t${id.replace(/[0-9A-F]{8}$/, '')}`)
    .sort();
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`__snapshots__/prod-${backend}.tsv`);
});

test.each(ANALYZE_BACKENDS)('with %s tables, buckets, keys and secrets keep their logical ids', (backend) => {
  const built = production[backend];
  const found = Object.fromEntries(
    Object.keys(PINNED).map((type) => [
      type,
      built
        .of(type)
        .map(({ stack, id }) => `${stack} ${id}`)
        .sort(),
    ]),
  );
  expect(found).toEqual(PINNED);
});
