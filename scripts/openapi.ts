/** Writes docs/openapi.json from the contracts: `npx tsx scripts/openapi.ts [--check]`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { API_ROUTES, REFUSALS, type Route } from '../src/contracts/api.ts';

const target = new URL('../docs/openapi.json', import.meta.url);
const LOCATION = { description: 'The presigned address', schema: { type: 'string', format: 'uri' } };
const ADDRESS = { default: 'API.execute-api.REGION.amazonaws.com' };
/** Refusals that every route may give. */
const COMMON = [400, 401, 403, 404, 429, 500, 503];

function schemaOf(schema: z.ZodType): object {
  const {
    $schema: _,
    '~standard': __,
    ...rest
  } = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }) as Record<string, unknown>;
  return rest;
}

const json = (schema: z.ZodType) => ({ content: { 'application/json': { schema: schemaOf(schema) } } });

function operation(name: string, route: Route): object {
  const parameters = [
    ...Object.entries(route.parameters ?? {}).map(([key, schema]) => ({
      name: key,
      in: 'path',
      required: true,
      schema: schemaOf(schema),
    })),
    ...Object.entries(route.query?.shape ?? {}).map(([key, schema]) => ({
      name: key,
      in: 'query',
      required: false,
      schema: schemaOf(schema as z.ZodType),
    })),
  ];
  const answers = Object.entries(route.answers).map(([status, schema]) => [
    status,
    { description: route.summary, ...(schema === null ? { headers: { location: LOCATION } } : json(schema)) },
  ]);
  const common = Object.fromEntries(COMMON.map((status) => [status, REFUSALS[status]!.means]));
  const refusals = Object.entries({ ...common, ...route.refusals }).map(([status, description]) => [
    status,
    { description, ...json(REFUSALS[Number(status)]!.schema) },
  ]);
  return {
    operationId: name,
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: { required: true, ...json(route.body) } }),
    responses: Object.fromEntries([...answers, ...refusals]),
  };
}

/** The OpenAPI 3.1 document of the API. */
export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, route] of Object.entries(API_ROUTES) as Array<[string, Route]>) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(name, route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'discflow',
      version: '1',
      description: 'Lumbar disc findings from MR studies. Not for diagnostic use.',
    },
    servers: [
      { url: 'https://{address}', description: 'Output `Address` of the API’s stack', variables: { address: ADDRESS } },
    ],
    security: [{ token: [] }, { sigv4: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        sigv4: { type: 'apiKey', in: 'header', name: 'Authorization', description: 'AWS Signature Version 4' },
      },
    },
  };
}

if (process.argv[1]?.endsWith('openapi.ts')) {
  const text = `${JSON.stringify(openApi(), null, 2)}\n`;
  if (!process.argv.includes('--check')) writeFileSync(target, text);
  else if (readFileSync(target, 'utf8') !== text) {
    console.error('docs/openapi.json is not what the contracts say: run `npx tsx scripts/openapi.ts`');
    process.exitCode = 1;
  }
}
