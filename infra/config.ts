import { z } from 'zod';
import { INVOCATIONS_PREFIX, tenantSchema, UNASSIGNED_TENANT } from '../src/contracts/keys.ts';
import { MIB, uploadBytesFor } from '../src/contracts/limits.ts';
import { ECR_IMAGE, partsOfImage } from './image-uri.ts';
import { overflows } from './room.ts';

/** The periods that CloudWatch Logs knows. Source: PutRetentionPolicy, CloudWatch Logs API reference. */
const LOG_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export const ANALYZE_BACKENDS = ['ecs-gpu', 'sagemaker-async', 'lambda-cpu'] as const;
export type AnalyzeBackend = (typeof ANALYZE_BACKENDS)[number];

const whole = (low: number, high: number, what: string) =>
  z.int(`give ${what} as a whole number`).min(low, `give at least ${low}`).max(high, `give at most ${high}`);

const keyArn = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[0-9A-Za-z-]+$/,
    'give the ARN of an existing key, not of an alias',
  );

const bucketArn = z
  .string()
  .regex(/^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]+$/, 'give the ARN of a bucket, such as arn:aws:s3:::archive');

/** Names that tenants cannot have: their objects would lie among others that expire, or pass for nobody's. */
const KEPT_NAMES: Readonly<Record<string, string>> = {
  [UNASSIGNED_TENANT]: 'uploads without a tenant',
  [INVOCATIONS_PREFIX]: 'requests to an asynchronous endpoint',
};

const memoryMiB = whole(128, 10_240, 'memory in MiB');

const sizesSchema = z
  .strictObject({
    /** One study of 500 slices is about 300 MB. Memory sets the largest upload: src/contracts/limits.ts. */
    ingestMemoryMiB: whole(1536, 10_240, 'memory in MiB').default(2048),
    /** The largest upload that is accepted; left out, the largest that ingest's memory can hold. */
    maxUploadMiB: whole(1, 2047, 'the largest upload in MiB').optional(),
    /** 1,769 MiB is one full vCPU; two let two detectors run at once, a thread each. */
    detectMemoryMiB: memoryMiB.default(3538),
    /** lambda-cpu alone: five vCPUs, each of which runs a network of the ensembles. */
    analyzeMemoryMiB: memoryMiB.default(8846),
    ingestConcurrency: whole(2, 1000, 'concurrent ingests').default(20),
    detectConcurrency: whole(2, 1000, 'concurrent detections').default(20),
    /** lambda-cpu alone. */
    analyzeConcurrency: whole(2, 1000, 'concurrent analyses').default(10),
    /** Each stage of the backfill lane. */
    backfillConcurrency: whole(2, 1000, 'concurrent backfill messages').default(4),
  })
  .prefault({});

const analyzeSchema = z
  .strictObject({
    backend: z.enum(ANALYZE_BACKENDS, `use one of ${ANALYZE_BACKENDS.join(', ')}`).default('ecs-gpu'),
    /** ecs-gpu: an EC2 type with one NVIDIA GPU. */
    instanceType: z
      .string()
      .regex(/^[a-z0-9-]+\.[a-z0-9]+$/, 'give an EC2 instance type such as g4dn.xlarge')
      .default('g4dn.xlarge'),
    /** sagemaker-async: an ML type with one NVIDIA GPU. */
    endpointInstanceType: z
      .string()
      .regex(/^ml\.[a-z0-9-]+\.[a-z0-9]+$/, 'give a SageMaker instance type such as ml.g4dn.xlarge')
      .default('ml.g4dn.xlarge'),
    spot: z.boolean('use true or false').default(true),
    maxWorkers: whole(1, 200, 'the largest number of GPU workers').default(4),
    /** An image that is in ECR already, of this account or of another: skips the build at deployment. */
    imageUri: z
      .string()
      .regex(
        ECR_IMAGE,
        'give an image in ECR, such as 123456789012.dkr.ecr.eu-central-1.amazonaws.com/discflow:1: workers reach no other registry',
      )
      .optional(),
    tier: z.enum(['single', 'ensemble', 'auto'], 'use one of single, ensemble, auto').default('ensemble'),
  })
  .prefault({});

const retentionSchema = z
  .strictObject({
    logDays: z
      .int()
      .refine((days) => LOG_DAYS.includes(days), `use one of ${LOG_DAYS.join(', ')}`)
      .default(30),
    /** Uploads are raw patient data: they expire. */
    uploadDays: whole(1, 3650, 'days').default(14),
    accessLogDays: whole(1, 3650, 'days').default(365),
    noncurrentDays: whole(1, 3650, 'days').default(30),
    /** Step Functions inputs and lists of a backfill. */
    backfillDays: whole(1, 365, 'days').default(14),
  })
  .prefault({});

const existingSchema = z
  .strictObject({
    vpc: z
      .strictObject({
        vpcId: z.string().regex(/^vpc-[0-9a-f]+$/, 'give a VPC id such as vpc-0123456789abcdef0'),
        availabilityZones: z.array(z.string()).min(1, 'name at least one zone'),
        isolatedSubnetIds: z.array(z.string().regex(/^subnet-[0-9a-f]+$/)).min(1, 'name one subnet a zone'),
        /** The group of the interface endpoints that the VPC must have: workers are let in. */
        endpointSecurityGroupId: z.string().regex(/^sg-[0-9a-f]+$/, 'give a security group id'),
      })
      .optional(),
    dataKeyArn: keyArn.optional(),
    messageKeyArn: keyArn.optional(),
    logKeyArn: keyArn.optional(),
    /** Without notifications, logging or lifecycle of ours: the owner sets them, docs/deployment.md tells which. */
    uploadsBucketArn: bucketArn.optional(),
    dataBucketArn: bucketArn.optional(),
    accessLogsBucketArn: bucketArn.optional(),
  })
  .prefault({});

const authSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('jwt'),
      issuer: z.url('give the issuer of the tokens as an https URL'),
      audience: z.array(z.string().min(1)).min(1, 'name at least one audience'),
      /** The claim that names the tenant. */
      tenantClaim: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_:-]{0,63}$/, 'give the name of a claim')
        .default('discflow_tenant'),
    }),
    /** Callers sign with SigV4; `callers` gives the tenant of each role of this account, by the role's name. */
    z.strictObject({ kind: z.literal('iam'), callers: z.record(z.string().min(1), tenantSchema).default({}) }),
  ])
  .default({ kind: 'iam', callers: {} });

/** An address or a name of one network would be refused at every call (functions/sweep/public-post.ts). */
const webhookSchema = z.strictObject({
  tenant: tenantSchema,
  url: z
    .url({ protocol: /^https$/, error: 'give an https URL' })
    .regex(
      /^https:\/\/(?:[^/?#@]+\.)[a-z][a-z0-9-]*(?::\d+)?(?:[/?#]|$)/i,
      'give an https URL with a public host name',
    ),
});

export const configSchema = z
  .strictObject({
    stage: z.string().regex(/^[a-z][a-z0-9]{1,11}$/, 'use 2 to 12 of a-z and 0-9, such as dev or prod'),
    account: z.string().regex(/^\d{12}$/, 'give the 12 digits of the account'),
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'give a region such as eu-central-1'),
    availabilityZones: z.array(z.string()).min(2, 'name at least two zones').optional(),
    /** Keeps buckets, table, keys and secrets when the stack is deleted, and protects the table from deletion. */
    keepData: z.boolean('use true or false'),
    tenants: z
      .array(
        tenantSchema.refine((tenant) => !Object.hasOwn(KEPT_NAMES, tenant), {
          error: ({ input }) => `${input} is kept for ${KEPT_NAMES[String(input)]}`,
        }),
      )
      .min(1, 'name at least one tenant')
      .max(150, 'name at most 150 tenants: deploy another stage for the rest'),
    webhooks: z.array(webhookSchema).default([]),
    analyze: analyzeSchema,
    sizes: sizesSchema,
    retention: retentionSchema,
    auth: authSchema,
    /** Web pages that may upload from a browser. */
    uploadOrigins: z.array(z.url('give an origin such as https://reading.example.org')).default(['https://localhost']),
    budget: z
      .strictObject({
        monthlyUsd: z.number('give US dollars').positive('give more than 0'),
        email: z.email('give an e-mail address').optional(),
      })
      .prefault({ monthlyUsd: 200 }),
    /** Where alarms are mailed to; the topic is there in any case. */
    alarmEmail: z.email('give an e-mail address').optional(),
    qualifier: z
      .string()
      .regex(/^[a-z0-9]{1,10}$/, 'give the qualifier that the account was bootstrapped with')
      .optional(),
    permissionsBoundary: z.string().min(1, 'give the name of a managed policy').optional(),
    tags: z.record(z.string().min(1), z.string()).default({}),
    existing: existingSchema,
    /** Buckets that a backfill may read, beside its own. */
    backfillSources: z.array(bucketArn).max(20, 'name at most 20 buckets').default([]),
    malwareGate: z.boolean('use true or false').default(false),
    cloudTrailDataEvents: z.boolean('use true or false').default(false),
    runbookUrl: z
      .url('give the address of docs/runbook.md as your team reads it')
      .default('https://example.org/discflow/docs/runbook.md'),
  })
  .superRefine((config, context) => {
    for (const [index, webhook] of config.webhooks.entries()) {
      if (config.tenants.includes(webhook.tenant)) continue;
      context.addIssue({ code: 'custom', path: ['webhooks', index, 'tenant'], message: 'name one of `tenants`' });
    }
    const hooked = config.webhooks.map(({ tenant }) => tenant);
    for (const [index, tenant] of hooked.entries())
      if (hooked.indexOf(tenant) !== index)
        context.addIssue({
          code: 'custom',
          path: ['webhooks', index, 'tenant'],
          message: 'give each tenant one webhook',
        });
    const callers = config.auth.kind === 'iam' ? config.auth.callers : {};
    for (const { path, message } of overflows({ ...config, callers }))
      context.addIssue({ code: 'custom', path, message });
    for (const [role, tenant] of Object.entries(callers))
      if (!config.tenants.includes(tenant))
        context.addIssue({ code: 'custom', path: ['auth', 'callers', role], message: 'name one of `tenants`' });
    const { vpc } = config.existing;
    if (vpc !== undefined && vpc.availabilityZones.length !== vpc.isolatedSubnetIds.length)
      context.addIssue({
        code: 'custom',
        path: ['existing', 'vpc', 'isolatedSubnetIds'],
        message: 'name one subnet a zone, in the order of `availabilityZones`',
      });
    const { imageUri } = config.analyze;
    if (imageUri !== undefined && partsOfImage(imageUri).region !== config.region)
      context.addIssue({
        code: 'custom',
        path: ['analyze', 'imageUri'],
        message: `give an image in ${config.region}: workers reach the registry of no other region`,
      });
    const { ingestMemoryMiB, maxUploadMiB = 0 } = config.sizes;
    const canHoldMiB = Math.floor(uploadBytesFor(ingestMemoryMiB) / MIB);
    if (maxUploadMiB > canHoldMiB)
      context.addIssue({
        code: 'custom',
        path: ['sizes', 'maxUploadMiB'],
        message: `give at most ${canHoldMiB}, or more \`ingestMemoryMiB\`: ingest holds an upload in memory`,
      });
    if (new Set(config.tenants).size !== config.tenants.length)
      context.addIssue({ code: 'custom', path: ['tenants'], message: 'name each tenant once' });
    if (config.malwareGate && config.existing.uploadsBucketArn !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['malwareGate'],
        message: 'leave it out with an existing uploads bucket: its owner sets the scan',
      });
  });

export type Config = z.infer<typeof configSchema>;

/** The configuration is wrong: each line names the field and the fix. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Where a deployment goes when nobody says so: a placeholder that synthesises everywhere and deploys nowhere. */
const PLACEHOLDER = { account: '000000000000', region: 'eu-central-1' };

type Context = (key: string) => unknown;

/**
 * The configuration of one stage: `discflow.<stage>` of cdk.json, with `-c stage=…` and `-c analyze=…` over it and the
 * account and region of the caller's credentials beneath it.
 */
export function readConfig(context: Context, environment: Record<string, string | undefined> = {}): Config {
  const stage = context('stage') ?? 'dev';
  const stages = record(context('discflow') ?? {}, 'discflow');
  const own = record(stages[String(stage)] ?? {}, `discflow.${String(stage)}`);
  const backend = context('analyze');
  const analyze = { ...record(own.analyze ?? {}, 'analyze'), ...(backend === undefined ? {} : { backend }) };
  return parseConfig({
    account: environment.CDK_DEFAULT_ACCOUNT ?? PLACEHOLDER.account,
    region: environment.CDK_DEFAULT_REGION ?? PLACEHOLDER.region,
    keepData: stage !== 'dev',
    tenants: ['demo'],
    ...own,
    stage,
    analyze,
  });
}

export function parseConfig(raw: Record<string, unknown>): Config {
  const parsed = configSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const field = ['discflow', String(raw.stage), ...issue.path].join('.');
    const fix = issue.code === 'unrecognized_keys' ? `remove ${issue.keys.join(', ')}: no such field` : issue.message;
    return `  ${field}: ${fix}`;
  });
  throw new ConfigError(`The deployment's configuration (cdk.json, or -c) is wrong:\n${lines.join('\n')}`);
}

function record(value: unknown, field: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ConfigError(`${field}: give an object`);
}

export const zonesOf = (config: Config): string[] =>
  config.existing.vpc?.availabilityZones ?? config.availabilityZones ?? [`${config.region}a`, `${config.region}b`];

/** The largest upload that the API accepts and ingest reads. */
export const uploadMaxBytes = ({ sizes }: Config): number =>
  sizes.maxUploadMiB === undefined ? uploadBytesFor(sizes.ingestMemoryMiB) : sizes.maxUploadMiB * MIB;

/** Backends with GPU workers run in a VPC without a route to the internet; lambda-cpu needs none. */
export const needsVpc = (config: Config): boolean => config.analyze.backend !== 'lambda-cpu';
