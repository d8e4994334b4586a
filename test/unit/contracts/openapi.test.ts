import { expect, it } from 'vitest';
import { openApi } from '../../../scripts/openapi.ts';
import { runQuerySchema } from '../../../src/contracts/api.ts';

interface Operation {
  readonly parameters?: ReadonlyArray<{ name: string; schema: Record<string, unknown> }>;
  readonly requestBody?: { content: { 'application/json': { schema: { properties: Record<string, object> } } } };
}
const { paths, servers } = openApi() as {
  paths: Record<string, Record<string, Operation>>;
  servers: ReadonlyArray<{ url: string }>;
};

it('tells the bounds that the API holds a page of runs to', () => {
  const limit = paths['/v1/runs']!['get']!.parameters!.find(({ name }) => name === 'limit')!.schema;
  expect(limit).toMatchObject({ type: 'integer', minimum: 1, maximum: 100, default: 25 });
  expect(['0', '1', '100', '101', '1.5'].map((text) => runQuerySchema.safeParse({ limit: text }).success)).toEqual([
    ...[false, true, true, false, false],
  ]);
});

it('tells what each field of a new upload is, and where the API is found', () => {
  const { properties } = paths['/v1/uploads']!['post']!.requestBody!.content['application/json'].schema;
  expect(Object.entries(properties).filter(([, field]) => !('description' in field))).toEqual([]);
  expect(servers).toHaveLength(1);
});
