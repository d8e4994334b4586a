import { z } from 'zod';
import {
  API_ROUTES,
  newUploadSchema,
  RESULT_NAMES,
  type RouteName,
  runQuerySchema,
  type ShownRun,
} from '../../src/contracts/api.ts';
import type { RunItem } from '../../src/contracts/items.ts';
import { RUN_FILES, runKeySchema, uploadIdSchema } from '../../src/contracts/keys.ts';
import { isTerminal } from '../../src/contracts/messages.ts';
import { InputFault, TransientFault } from '../../src/contracts/reasons.ts';
import type { Logger } from '../../src/pipeline/ports.ts';
import type { TenantStore } from './store.ts';
import { type Caller, type TenantRules, tenantOf } from './tenant.ts';

export interface ApiRequest {
  /** As API Gateway names it: `GET /v1/runs/{runKey}`. */
  readonly routeKey: string;
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly body: string | null;
  readonly caller: Caller;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ApiDeps {
  readonly log: Logger;
  readonly rules: TenantRules;
  /** The store of one tenant, with that tenant's credentials. */
  readonly storeOf: (tenant: string) => Promise<TenantStore>;
  readonly nowMs: () => number;
  readonly uploadMaxBytes: number;
  readonly uploadExpirySeconds: number;
}

interface Call {
  readonly deps: ApiDeps;
  readonly tenant: string;
  readonly store: TenantStore;
  readonly request: ApiRequest;
}

const RESULT_EXPIRY_SECONDS = 300;
const JSON_HEADERS = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

const answer = (status: number, value: unknown): ApiAnswer => ({
  status,
  headers: JSON_HEADERS,
  body: JSON.stringify(value),
});
const refusal = (status: number, code: string, message: string): ApiAnswer =>
  answer(status, { error: { code, message } });
const NOT_FOUND = refusal(404, 'not_found', 'There is no such thing for this tenant.');

const shown = ({
  runKey,
  studyKey,
  packSha256,
  tier,
  status,
  reasons,
  attempt,
  clientReference,
  createdAt,
  updatedAt,
}: RunItem): ShownRun => ({
  runKey,
  studyKey,
  packSha256,
  tier,
  status,
  reasons,
  attempt,
  clientReference,
  createdAt,
  updatedAt,
});

const HANDLERS: Record<RouteName, (call: Call) => Promise<ApiAnswer>> = {
  async createUpload({ deps, store, request }) {
    const asked = newUploadSchema.parse(JSON.parse(request.body ?? ''));
    if (asked.sizeBytes > deps.uploadMaxBytes)
      return refusal(413, 'too_large', `An upload has at most ${deps.uploadMaxBytes} bytes.`);
    const ticket = await store.presignUpload(asked, deps.uploadExpirySeconds);
    return answer(201, {
      ...ticket,
      expiresAt: new Date(deps.nowMs() + deps.uploadExpirySeconds * 1000).toISOString(),
    });
  },
  async getUpload({ store, request }) {
    const items = await store.uploads(parameterOf(request, 'uploadId', uploadIdSchema));
    if (items.length === 0) return NOT_FOUND;
    const objects = items.map(({ uploadId, status, reasons, runs, clientReference, createdAt, updatedAt }) => ({
      uploadId,
      status,
      reasons,
      runs,
      clientReference,
      createdAt,
      updatedAt,
    }));
    return answer(200, { objects });
  },
  async listRuns({ store, request }) {
    const { status, limit, cursor } = runQuerySchema.parse(request.query);
    const page = await store.runs({
      limit,
      ...(status === undefined ? {} : { status }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    return answer(200, { runs: page.items.map(shown), cursor: page.cursor });
  },
  async getRun(call) {
    const run = await findRun(call);
    return run === null ? NOT_FOUND : answer(200, shown(run));
  },
  async getReport(call) {
    const run = await findRun(call);
    if (run === null) return NOT_FOUND;
    const none = withoutResult(run);
    if (none !== null) return none;
    const report = await call.store.result(run, RUN_FILES.report);
    return report === null ? NOT_FOUND : { status: 200, headers: JSON_HEADERS, body: report.toString('utf8') };
  },
  async getResult(call) {
    const name = parameterOf(call.request, 'name', z.enum(RESULT_NAMES));
    const run = await findRun(call);
    if (run === null) return NOT_FOUND;
    const none = withoutResult(run);
    if (none !== null) return none;
    if (!(await call.store.hasResult(run, name)))
      return refusal(404, 'no_file', `This run, which ended ${run.status}, has no ${name}.`);
    const location = await call.store.presignResult(run, name, RESULT_EXPIRY_SECONDS);
    return { status: 302, headers: { ...JSON_HEADERS, location }, body: '' };
  },
};

/** Throws a `ZodError` that names the parameter. */
const parameterOf = <T>({ parameters }: ApiRequest, name: string, schema: z.ZodType<T>): T =>
  z.record(z.literal(name), schema).parse({ [name]: parameters[name] })[name] as T;

/** A run of the caller's tenant; the store asks the tenant's own index, and what it gives is looked at once more. */
async function findRun({ store, tenant, request }: Call): Promise<RunItem | null> {
  const run = await store.run(parameterOf(request, 'runKey', runKeySchema));
  return run === null || run.tenant !== tenant ? null : run;
}

/** Why there is no result to give: asking S3 for one would be answered like a forbidden object. */
function withoutResult({ status }: RunItem): ApiAnswer | null {
  if (!isTerminal(status)) return refusal(409, 'not_ended', 'The run has not ended; ask again later.');
  if (status !== 'failed' && status !== 'cancelled') return null;
  return refusal(404, 'no_result', `The run ended ${status}, without a result; the run itself gives the reasons.`);
}

const ROUTE_BY_KEY = new Map(
  Object.entries(API_ROUTES).map(([name, { method, path }]) => [`${method} ${path}`, name as RouteName]),
);

/** One request of a caller whom API Gateway has let in. Faults of the caller answer 400, passing ones 503. */
export async function handleRequest(deps: ApiDeps, request: ApiRequest): Promise<ApiAnswer> {
  const route = ROUTE_BY_KEY.get(request.routeKey);
  if (route === undefined) return NOT_FOUND;
  const tenant = tenantOf(request.caller, deps.rules);
  if (tenant === null) return refusal(403, 'no_tenant', 'These credentials stand for no tenant of this deployment.');
  try {
    return await HANDLERS[route]({ deps, tenant, request, store: await deps.storeOf(tenant) });
  } catch (error) {
    return failure(deps, tenant, error);
  }
}

function failure({ log }: ApiDeps, tenant: string, error: unknown): ApiAnswer {
  if (error instanceof z.ZodError)
    return refusal(
      400,
      'bad_request',
      error.issues.map(({ path, message }) => [...path, message].map(String).join(': ')).join('; '),
    );
  if (error instanceof SyntaxError) return refusal(400, 'bad_request', 'The body is not JSON.');
  if (error instanceof InputFault) return refusal(400, error.code, error.reason.message);
  if (error instanceof TransientFault) return refusal(503, 'try_again', 'Try again in a moment.');
  log.error('api.failed', { tenant, errorName: error instanceof Error ? error.name : 'unknown' });
  return refusal(500, 'internal', 'An error inside discflow; its trace is in the logs.');
}
