/**
 * Checks a deployed stage with a phantom: `npm run smoke -- --stage dev [--tenant T] [--minutes 20] [--deployed]`.
 * Uploads a drawn study, waits for the end of its run and reads its report, with the caller's own credentials. Where
 * there are no AWS credentials at all, the services embedded on this machine are checked instead, and it says so;
 * `--deployed` makes that a failure, for pipelines. Exit status 0 when the study was analysed, 1 otherwise.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { type Config, readConfig } from '../infra/config.ts';
import { names } from '../infra/names.ts';
import { createClients } from '../src/aws/clients.ts';
import { type SmokeTarget, smoke } from './smoke-check.ts';

const { values } = parseArgs({
  options: {
    stage: { type: 'string', default: 'dev' },
    tenant: { type: 'string' },
    minutes: { type: 'string', default: '20' },
    deployed: { type: 'boolean', default: false },
  },
});

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const say = (line: string) => process.stdout.write(`${line}\n`);

/** The account of the caller, or null where there are no credentials; expired or wrong ones are an error. */
async function callersAccount(): Promise<{ account: string; region: string } | null> {
  const sts = new STSClient({});
  try {
    const region = await sts.config.region();
    const { Account = '' } = await sts.send(new GetCallerIdentityCommand({}));
    return { account: Account, region };
  } catch (error) {
    if (
      error instanceof Error &&
      (error.name === 'CredentialsProviderError' || /region is missing/i.test(error.message))
    )
      return null;
    throw error;
  } finally {
    sts.destroy();
  }
}

async function configOf(stage: string, account?: string, region?: string): Promise<Config> {
  const { context } = JSON.parse(await readFile(file('cdk.json'), 'utf8')) as { context: Record<string, unknown> };
  return readConfig((key) => ({ ...context, stage })[key], {
    CDK_DEFAULT_ACCOUNT: account,
    CDK_DEFAULT_REGION: region,
  });
}

const common = (tenant: string) => ({ tenant, waitMs: Number(values.minutes) * 60_000, say });

async function checkDeployed(account: string, region: string): Promise<boolean> {
  const config = await configOf(values.stage, account, region);
  const { prefix, uploadsBucket, dataBucket, table } = names(config);
  const clients = createClients({ region: config.region });
  const { existing } = config;
  const nameOf = (arn: string | undefined) => arn?.split(':').at(-1);
  const target: SmokeTarget = {
    clients,
    buckets: {
      uploads: nameOf(existing.uploadsBucketArn) ?? uploadsBucket,
      data: nameOf(existing.dataBucketArn) ?? dataBucket,
    },
    table,
  };
  say(`checking ${prefix} in account ${config.account}, ${config.region}`);
  try {
    return await smoke(target, common(values.tenant ?? config.tenants[0] ?? ''));
  } finally {
    clients.close();
  }
}

async function checkEmbedded(): Promise<boolean> {
  // Late: a check of a deployed stage needs none of the services of one machine.
  const { startLocal } = await import('../src/cli/local.ts');
  const { startEmbedded } = await import('../src/embedded/index.ts');
  const tenant = values.tenant ?? (await configOf(values.stage)).tenants[0] ?? '';
  const data = await mkdtemp(join(tmpdir(), 'discflow-smoke-'));
  say('no AWS credentials: checking the services embedded on this machine, NOT a deployed stage');
  const system = await startLocal({ data, pack: file('layers/models'), tier: 'ensemble', tenant });
  const embedded = await startEmbedded({ dataDir: data });
  const clients = createClients(embedded);
  try {
    return await smoke({ ...embedded, clients }, common(tenant));
  } finally {
    clients.close();
    await embedded.close();
    await system.close();
    await rm(data, { recursive: true, force: true });
  }
}

const caller = await callersAccount();
if (caller === null && values.deployed) {
  say('FAILED: no AWS credentials or no region, and --deployed asks for a deployed stage');
  process.exitCode = 1;
} else {
  const passed = caller === null ? await checkEmbedded() : await checkDeployed(caller.account, caller.region);
  process.exitCode = passed ? 0 : 1;
}
