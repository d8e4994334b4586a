import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ConfigError, configSchema, parseConfig, readConfig, uploadMaxBytes } from '../../infra/config.ts';
import { INVOCATIONS_PREFIX } from '../../src/contracts/keys.ts';

const MIB = 1024 * 1024;
const base = { stage: 'dev', account: '000000000000', region: 'eu-central-1', keepData: false, tenants: ['demo'] };
const faultOf = (change: Record<string, unknown>): string => {
  try {
    parseConfig({ ...base, ...change });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('the configuration was taken');
};

describe('a wrong configuration names the field and the fix', () => {
  test.each([
    [{ analyze: { backend: 'gpu' } }, 'discflow.dev.analyze.backend: use one of ecs-gpu, sagemaker-async, lambda-cpu'],
    [{ retention: { logDays: 31 } }, 'discflow.dev.retention.logDays: use one of 1, 3, 5'],
    [{ tenants: [] }, 'discflow.dev.tenants: name at least one tenant'],
    [{ tenants: ['A'] }, 'discflow.dev.tenants.0: a tenant is 1 to 63 of a-z, 0-9 and -'],
    [{ tenants: ['unassigned'] }, 'discflow.dev.tenants.0: unassigned is kept for uploads without a tenant'],
    [
      { tenants: [INVOCATIONS_PREFIX] },
      'discflow.dev.tenants.0: invocations is kept for requests to an asynchronous endpoint',
    ],
    [{ budget: { monthlyUsd: 0 } }, 'discflow.dev.budget.monthlyUsd: give more than 0'],
    [{ account: '12' }, 'discflow.dev.account: give the 12 digits of the account'],
    [
      { webhooks: [{ tenant: 'other', url: 'https://x.org' }] },
      'discflow.dev.webhooks.0.tenant: name one of `tenants`',
    ],
    [{ webhooks: [{ tenant: 'demo', url: 'http://x.org' }] }, 'discflow.dev.webhooks.0.url: give an https URL'],
    [
      { webhooks: [{ tenant: 'demo', url: 'https://10.0.0.8/hook' }] },
      'discflow.dev.webhooks.0.url: give an https URL with a public host name',
    ],
    [
      { webhooks: [{ tenant: 'demo', url: 'https://localhost/hook' }] },
      'discflow.dev.webhooks.0.url: give an https URL with a public host name',
    ],
    [
      { webhooks: ['a', 'b'].map((path) => ({ tenant: 'demo', url: `https://x.org/${path}` })) },
      'discflow.dev.webhooks.1.tenant: give each tenant one webhook',
    ],
    [
      { auth: { kind: 'iam', callers: { reader: 'other' } } },
      'discflow.dev.auth.callers.reader: name one of `tenants`',
    ],
    [
      { backfillSources: ['arn:aws:s3:::archive/*'] },
      'discflow.dev.backfillSources.0: give the ARN of a bucket, such as arn:aws:s3:::archive',
    ],
    [
      { existing: { dataKeyArn: 'arn:aws:kms:eu-central-1:000000000000:alias/data' } },
      'discflow.dev.existing.dataKeyArn: give the ARN of an existing key, not of an alias',
    ],
    [
      {
        existing: {
          vpc: {
            vpcId: 'vpc-0a',
            availabilityZones: ['a', 'b'],
            isolatedSubnetIds: ['subnet-0a'],
            endpointSecurityGroupId: 'sg-0a',
          },
        },
      },
      'discflow.dev.existing.vpc.isolatedSubnetIds: name one subnet a zone',
    ],
    [{ anlyze: {} }, 'discflow.dev: remove anlyze: no such field'],
    [
      { analyze: { imageUri: 'registry.example.org/discflow:1' } },
      'discflow.dev.analyze.imageUri: give an image in ECR, such as ',
    ],
    [
      { analyze: { imageUri: '111122223333.dkr.ecr.us-east-1.amazonaws.com/discflow:1' } },
      'discflow.dev.analyze.imageUri: give an image in eu-central-1: workers reach the registry of no other region',
    ],
    [{ sizes: { ingestMemoryMiB: 64 } }, 'discflow.dev.sizes.ingestMemoryMiB: give at least 1536'],
    [
      { sizes: { ingestMemoryMiB: 2048, maxUploadMiB: 769 } },
      'discflow.dev.sizes.maxUploadMiB: give at most 768, or more `ingestMemoryMiB`',
    ],
  ])('%j', (change, line) => {
    expect(faultOf(change)).toContain(line);
  });
});

test.each([
  [{}, 768 * MIB],
  [{ ingestMemoryMiB: 3008 }, 1728 * MIB],
  [{ ingestMemoryMiB: 10_240 }, 2048 * MIB - 1],
  [{ ingestMemoryMiB: 3008, maxUploadMiB: 100 }, 100 * MIB],
])('with sizes %j an upload may have %i bytes', (sizes, bytes) => {
  expect(uploadMaxBytes(parseConfig({ ...base, sizes }))).toBe(bytes);
});

test('stage and backend come from the context, the rest from cdk.json, account and region from the caller', () => {
  const context: Record<string, unknown> = {
    stage: 'prod',
    analyze: 'lambda-cpu',
    discflow: { prod: { tenants: ['north'], analyze: { maxWorkers: 3 } } },
  };
  const config = readConfig((key) => context[key], {
    CDK_DEFAULT_ACCOUNT: '123456789012',
    CDK_DEFAULT_REGION: 'us-west-2',
  });
  expect(config).toMatchObject({
    stage: 'prod',
    account: '123456789012',
    region: 'us-west-2',
    keepData: true,
    tenants: ['north'],
    analyze: { backend: 'lambda-cpu', maxWorkers: 3 },
  });
});

test('without any context the dev stage is read, for an account that nothing deploys to', () => {
  expect(readConfig(() => undefined)).toMatchObject({ stage: 'dev', account: '000000000000', keepData: false });
});

const docs = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

test('the deployment guide names every field of the configuration', () => {
  const table = docs('deployment.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  for (const field of Object.keys(configSchema.shape).filter((name) => name !== 'stage'))
    expect(
      table.some((line) => line.split('|')[1]?.includes(`\`${field}\``)),
      field,
    ).toBe(true);
});

test("the runbook's deployments name the stage: without one they would deploy dev", () => {
  const commands = [...docs('runbook.md').matchAll(/cdk (?:deploy|diff|import)[^`]*/g)].map(([command]) => command);
  expect(commands.length).toBeGreaterThan(4);
  for (const command of commands) expect(command).toContain('-c stage=prod');
});
