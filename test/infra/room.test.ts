import { describe, expect, test } from 'vitest';
import { type Config, parseConfig } from '../../infra/config.ts';
import { ROOM } from '../../infra/room.ts';
import { build, type PlacedResource } from './support.ts';

/** As many items as fit into so many characters of JSON. */
function listed<T>(room: number, item: (index: number) => T): T[] {
  const items: T[] = [];
  while (JSON.stringify([...items, item(items.length)]).length <= room) items.push(item(items.length));
  return items;
}

const tenants = listed(ROOM.tenants, (index) => `hospital-north-${String(index).padStart(3, '0')}`);
const short = Array.from({ length: 150 }, (_, index) => `site-${index}`);
const webhooks = listed(ROOM.webhooks, (index) => ({
  tenant: tenants[index] ?? '',
  url: `https://hooks.example.org/discflow/${index}`,
}));
const callers = Object.fromEntries(
  listed(ROOM.callers - 100, (index) => [`role-of-hospital-${index}`, tenants[index] ?? '']),
);
const sources = Array.from(
  { length: 20 },
  (_, index) => `arn:aws:s3:::archive-of-a-hospital-with-a-long-name-${index}`,
);
const most: Partial<Config> = { tenants, webhooks, auth: { kind: 'iam', callers }, backfillSources: sources };

/** Documents above a limit of characters, counted without white space, as IAM does. Source: IAM User Guide, "IAM and STS quotas". */
const tooLong = (resources: readonly PlacedResource[], type: string, document: string, limit: number) =>
  resources
    .filter((resource) => resource.Type === type)
    .map(({ stack, id, Properties }) => [`${stack}/${id}`, JSON.stringify(Properties[document] ?? '').length] as const)
    .filter(([, length]) => length > limit);

describe.each(['lambda-cpu', 'ecs-gpu', 'sagemaker-async'] as const)('the most that %s takes', (backend) => {
  const built = build('prod', backend, most);

  test('has tenants by the dozen', () => {
    expect(tenants.length).toBeGreaterThan(70);
    expect(webhooks.length).toBeGreaterThan(30);
  });

  test.each([
    ['AWS::IAM::ManagedPolicy', 'PolicyDocument', 6144],
    ['AWS::IAM::Role', 'AssumeRolePolicyDocument', 2048],
    ['AWS::Lambda::Function', 'Environment', 4096],
    ['AWS::Events::Rule', 'EventPattern', 2048],
    ['AWS::S3::BucketPolicy', 'PolicyDocument', 20_480],
    ['AWS::KMS::Key', 'KeyPolicy', 32_768],
  ])('keeps each %s.%s within %i characters', (type, document, limit) => {
    expect(tooLong(built.resources, type, document, limit)).toEqual([]);
  });

  test.each([
    ['long', built],
    ['short', build('prod', backend, { tenants: short })],
  ])('attaches at most ten policies to a role, where names of tenants are %s', (_, { of }) => {
    const added = of('AWS::IAM::ManagedPolicy').flatMap(({ stack, Properties: { Roles = [] } }) =>
      (Roles as Array<{ Ref: string }>).map(({ Ref }) => `${stack}/${Ref}`),
    );
    const attached = of('AWS::IAM::Role').map(({ stack, id, Properties: { ManagedPolicyArns: own = [] } }) => {
      const name = `${stack}/${id}`;
      return [name, (own as unknown[]).length + added.filter((role) => role === name).length] as const;
    });
    expect(attached.filter(([, count]) => count > 10)).toEqual([]);
    expect(Math.max(...attached.map(([, count]) => count))).toBeGreaterThan(4);
  });

  test('stays within 500 resources a stack', () => {
    const stacks = new Map<string, number>();
    for (const { stack } of built.resources) stacks.set(stack, (stacks.get(stack) ?? 0) + 1);
    expect([...stacks].filter(([, resources]) => resources > 500)).toEqual([]);
  });
});

test.each([
  [{ tenants: [...short, 'one-more'] }, 'tenants: name at most 150 tenants'],
  [{ tenants: [...tenants, 'one-more-hospital'] }, 'tenants: give at most 1650 characters as JSON, here 16'],
  [{ tenants, webhooks: [...webhooks, ...webhooks] }, 'webhooks: give at most 3000 characters as JSON, here '],
  [
    { tenants, auth: { kind: 'iam', callers: { ...callers, ['x'.repeat(500)]: tenants[0] } } },
    'auth.callers: give at most 1700 characters as JSON, here ',
  ],
  [{ tenants, backfillSources: [...sources, 'arn:aws:s3:::one-more'] }, 'backfillSources: name at most 20 buckets'],
])('more than fits is refused with its length when the configuration is read', (change, line) => {
  const base = { stage: 'prod', account: '000000000000', region: 'eu-central-1', keepData: true };
  expect(() => parseConfig({ ...base, ...change })).toThrow(line);
});
