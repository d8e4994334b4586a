import { expect, test } from 'vitest';
import { ANALYZE_BACKENDS, type AnalyzeBackend } from '../../infra/config.ts';
import { type Built, build, json } from './support.ts';

const production = Object.fromEntries(ANALYZE_BACKENDS.map((backend) => [backend, build('prod', backend)])) as Record<
  AnalyzeBackend,
  Built
>;
const hooked = build('prod', 'lambda-cpu', {
  tenants: ['demo', 'north'],
  webhooks: [{ tenant: 'north', url: 'https://north.example.org/hook' }],
});

/** Properties that name a resource in its account, as far as a change of the deployment could move them. */
const NAMES = ['LogGroupName', 'FunctionName', 'QueueName', 'RoleName', 'ClusterName', 'ServiceName', 'EndpointName'];

function exportsOf({ templates }: Built): Array<{ stack: string; name: string; value: string }> {
  return Object.entries(templates).flatMap(([stack, { Outputs = {} }]) =>
    Object.values(Outputs).flatMap(({ Value, Export }) =>
      Export === undefined ? [] : [{ stack, name: Export.Name, value: json(Value) }],
    ),
  );
}

const importedBy = ({ templates }: Built): Set<string> =>
  new Set([...json(templates).matchAll(/"Fn::ImportValue":"([^"]+)"/g)].map(([, name]) => String(name)));

const namedIn = ({ resources }: Built): Map<string, string> =>
  new Map(
    resources.flatMap(({ Type, Properties, stack, id }) =>
      NAMES.filter((name) => typeof Properties[name] === 'string').map((name) => [
        `${Type} ${String(Properties[name])}`,
        `${stack}/${id}`,
      ]),
    ),
  );

/**
 * What CloudFormation would refuse of a deployment over another: a stack whose export goes or changes while a stack
 * that is deployed later still imports it, and a name that is given anew before its old holder is gone.
 */
function refusals(from: Built, to: Built): string[] {
  const [imported, after, named] = [importedBy(from), exportsOf(to), namedIn(to)];
  const exports = exportsOf(from)
    .filter(({ stack, name }) => imported.has(name) && stack in to.templates)
    .filter(({ name, value }) => !after.some((other) => other.name === name && other.value === value))
    .map(({ name }) => `export ${name}`);
  const moved = [...namedIn(from)]
    .filter(([name, holder]) => named.has(name) && named.get(name) !== holder)
    .map(([name, holder]) => `${name}: ${holder} to ${named.get(name)}`);
  return [...exports, ...moved];
}

const pairs = ANALYZE_BACKENDS.flatMap((from) =>
  ANALYZE_BACKENDS.filter((to) => to !== from).map((to): [AnalyzeBackend, AnalyzeBackend] => [from, to]),
);

test.each(pairs)('a stage with %s can be deployed as one with %s', (from, to) => {
  expect(refusals(production[from], production[to])).toEqual([]);
});

test('a tenant and its webhook can be taken out of a stage, and put into one', () => {
  expect(refusals(hooked, production['lambda-cpu'])).toEqual([]);
  expect(refusals(production['lambda-cpu'], hooked)).toEqual([]);
});

test.each(ANALYZE_BACKENDS)('with %s no stack imports a layer, whose ARN changes with its content', (backend) => {
  const { templates, of } = production[backend];
  const layers = of('AWS::Lambda::LayerVersion').map(({ stack, id }) => `${stack} ${json({ Ref: id })}`);
  expect(layers.length).toBeGreaterThan(0);
  const exported = exportsOf(production[backend]).map(({ stack, value }) => `${stack} ${value}`);
  expect(exported.filter((value) => layers.includes(value))).toEqual([]);
  for (const { Properties } of of('AWS::Lambda::Function'))
    expect(json(Properties.Layers ?? [])).not.toContain('Import');
  expect(Object.keys(templates)).not.toContain('Layers');
});
