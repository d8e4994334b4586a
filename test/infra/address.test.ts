import { expect, test } from 'vitest';
import { build, json } from './support.ts';

test('a deployment tells the address of its API, by which callers reach it', () => {
  const { templates } = build('dev', 'lambda-cpu');
  const { Outputs = {} } = templates['Api']!;
  expect(json(Outputs['Address']?.Value)).toContain('ApiEndpoint');
});
