import { expect, test } from 'vitest';
import { ANALYZE_BACKENDS, type AnalyzeBackend } from '../../infra/config.ts';
import { type Built, build, roleStatements } from './support.ts';

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

/** A value of a template as one reads it: references by name, without hashes. */
function said(value: unknown): string {
  if (typeof value === 'string') return value.replace(/[0-9A-F]{8}(?=[A-Z]|$)/g, '');
  if (Array.isArray(value)) return value.map(said).join(' ');
  const {
    Ref,
    'Fn::GetAtt': attribute,
    'Fn::Join': join,
    'Fn::ImportValue': exported,
  } = value as Record<string, unknown>;
  if (join !== undefined) {
    const [separator, parts] = join as [string, unknown[]];
    return parts.map(said).join(separator);
  }
  if (Ref !== undefined) return `<${said(Ref)}>`;
  if (attribute !== undefined) return `<${(attribute as unknown[]).map(said).join('.')}>`;
  if (exported !== undefined) return `<${said(exported).replace(/^.*:ExportsOutput(Ref|FnGetAtt)/, '')}>`;
  return Object.entries(value as object)
    .map(([key, inner]) => `${key}=${said(inner)}`)
    .join(' ');
}

/** One line a statement of a role: what an upgrade would let whom do, under which condition. */
test.each(ANALYZE_BACKENDS)('the rights in production with %s are those that were reviewed', async (backend) => {
  const lines = roleStatements(production[backend])
    .map(({ policy, statement: { Effect, Action, Resource, Condition = {} } }) =>
      [`${policy.stack}/${said(policy.id)}`, Effect, ...[Action, Resource, Condition].map(said)].join('\t').trim(),
    )
    .sort();
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`__snapshots__/prod-${backend}-rights.tsv`);
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
