import { z } from 'zod';
import { runItemSchema, uploadItemSchema } from './items.ts';
import { RUN_FILES, runKeySchema, UPLOAD_EXTENSIONS, uploadIdSchema } from './keys.ts';
import { clientReferenceSchema, runStatusSchema } from './messages.ts';
import { reportSchema } from './report.ts';

/** A name in an upload: no path, and an ending that says what it is. */
export const uploadNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'a name is 1 to 128 of A-Z, a-z, 0-9, ., _ and -')
  .refine((name) => UPLOAD_EXTENSIONS.some((ending) => name.toLowerCase().endsWith(ending)), {
    message: `a name ends in one of ${UPLOAD_EXTENSIONS.join(', ')}`,
  });

export const newUploadSchema = z.strictObject({
  uploadId: uploadIdSchema.describe('Chosen by the caller, a fresh one for each study; it should name no patient'),
  name: uploadNameSchema.describe(`Ends in ${UPLOAD_EXTENSIONS.join(', ')}; it should name no patient`),
  sizeBytes: z.int().positive().describe('Of the file, exactly'),
  sha256Base64: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/, 'SHA-256 in base64 has 44 characters')
    .describe('SHA-256 of the file in base64, as S3 checks it'),
  clientReference: clientReferenceSchema
    .refine((text) => text.trim() === text, { message: 'a reference has no blank at its ends' })
    .describe('Echoed in uploads, runs and announcements; headers carry no blanks at its ends')
    .optional(),
});
export type NewUploadRequest = z.infer<typeof newUploadSchema>;

/** A presigned POST: the fields go first, the file last, as multipart/form-data. */
export const uploadTicketSchema = z.strictObject({
  url: z.string(),
  fields: z.record(z.string(), z.string()),
  expiresAt: z.iso.datetime(),
});

const shownRunSchema = runItemSchema.pick({
  runKey: true,
  studyKey: true,
  packSha256: true,
  tier: true,
  status: true,
  reasons: true,
  attempt: true,
  clientReference: true,
  createdAt: true,
  updatedAt: true,
});
export type ShownRun = z.infer<typeof shownRunSchema>;

const shownUploadSchema = uploadItemSchema.pick({
  uploadId: true,
  status: true,
  reasons: true,
  runs: true,
  clientReference: true,
  createdAt: true,
  updatedAt: true,
});

export const runPageSchema = z.strictObject({ runs: z.array(shownRunSchema), cursor: z.string().nullable() });
export const uploadStatusAnswerSchema = z.strictObject({ objects: z.array(shownUploadSchema) });
/** A refusal by the API itself. */
export const errorSchema = z.strictObject({ error: z.strictObject({ code: z.string(), message: z.string() }) });
/** A refusal by API Gateway, before the API is asked or where it does not answer in time. */
export const gatewayErrorSchema = z.strictObject({ message: z.string().nullable() });

/** Every refusal by its status: what it means on each route, and whose words it can be in. */
export const REFUSALS: Readonly<Record<number, { readonly means: string; readonly schema: z.ZodType }>> = {
  400: { means: 'The request is wrong', schema: errorSchema },
  401: { means: 'No valid credentials', schema: gatewayErrorSchema },
  403: { means: 'Credentials without a tenant', schema: z.union([errorSchema, gatewayErrorSchema]) },
  404: { means: 'Not there, or not this tenant’s', schema: errorSchema },
  409: { means: 'The run has not ended', schema: errorSchema },
  413: { means: 'The upload is larger than this deployment takes', schema: errorSchema },
  429: { means: 'Too many requests at once', schema: gatewayErrorSchema },
  500: { means: 'An error inside discflow', schema: z.union([errorSchema, gatewayErrorSchema]) },
  503: { means: 'Try again', schema: z.union([errorSchema, gatewayErrorSchema]) },
};

export const RESULT_NAMES = [
  RUN_FILES.report,
  RUN_FILES.run,
  RUN_FILES.overlay,
  RUN_FILES.mask,
  RUN_FILES.html,
  RUN_FILES.csv,
] as const;

export const runQuerySchema = z.strictObject({
  status: runStatusSchema.optional(),
  limit: z.coerce.number().pipe(z.int().min(1).max(100)).default(25),
  cursor: z.string().max(2048).optional(),
});

/** One route: what a call gives and what it gets; `answers` by status, null for one without a body. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  readonly parameters?: Readonly<Record<string, z.ZodType>>;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
  /** Beside those that every route may give, or where one means more. */
  readonly refusals?: Readonly<Record<number, string>>;
}

/** The API, route by route: the infrastructure, the handler and the OpenAPI document are made of this table. */
export const API_ROUTES = {
  createUpload: {
    method: 'POST',
    path: '/v1/uploads',
    summary: 'Asks for a presigned POST for one upload',
    body: newUploadSchema,
    answers: { 201: uploadTicketSchema },
    refusals: { 413: 'The upload is larger than this deployment takes' },
  },
  getUpload: {
    method: 'GET',
    path: '/v1/uploads/{uploadId}',
    summary: 'How far an upload has come, and the runs that it opened',
    parameters: { uploadId: uploadIdSchema },
    answers: { 200: uploadStatusAnswerSchema },
    refusals: { 404: 'Not there, not this tenant’s, or not taken up yet: an upload waits in its queue first' },
  },
  listRuns: {
    method: 'GET',
    path: '/v1/runs',
    summary: 'Runs of the tenant, the newest first, of one status if asked',
    query: runQuerySchema,
    answers: { 200: runPageSchema },
  },
  getRun: {
    method: 'GET',
    path: '/v1/runs/{runKey}',
    summary: 'One run',
    parameters: { runKey: runKeySchema },
    answers: { 200: shownRunSchema },
  },
  getReport: {
    method: 'GET',
    path: '/v1/runs/{runKey}/report',
    summary: 'The report of a run that has ended',
    parameters: { runKey: runKeySchema },
    answers: { 200: reportSchema },
    refusals: { 409: 'The run has not ended' },
  },
  getResult: {
    method: 'GET',
    path: '/v1/runs/{runKey}/files/{name}',
    summary: 'One result file, by redirection to a presigned address that lives 5 minutes',
    parameters: { runKey: runKeySchema, name: z.enum(RESULT_NAMES) },
    answers: { 302: null },
    refusals: {
      404: 'Not there, not this tenant’s, or a file that this run has not: a rejected one has no mask.png',
      409: 'The run has not ended',
    },
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof API_ROUTES;
export const routes = Object.entries(API_ROUTES) as Array<[RouteName, Route]>;
