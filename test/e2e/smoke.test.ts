import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { smoke } from '../../scripts/smoke-check.ts';
import { useServices } from '../contract/services.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** A command without any AWS credentials, profile or region to be found. */
const withoutCredentials = (command: string, ...args: string[]) => {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/dev/null' };
  return spawnSync(command, args, {
    cwd: repository,
    encoding: 'utf8',
    env: { ...env, AWS_SHARED_CREDENTIALS_FILE: '/dev/null' },
  });
};

const services = useServices();

test('without credentials the embedded services are checked, and the command says so', () => {
  const { stdout, status } = withoutCredentials('npm', 'run', '-s', 'smoke', '--', '--stage', 'dev');
  expect(stdout).toContain('NOT a deployed stage');
  expect(stdout).toMatch(/L5-S1 {2}herniation 0\.\d+/);
  expect(stdout).toContain('PASSED');
  expect(status).toBe(0);
});

test('--deployed fails without credentials', () => {
  const script = ['--import', 'tsx', 'scripts/smoke.ts', '--stage', 'dev', '--deployed'];
  const { stdout, status } = withoutCredentials(process.execPath, ...script);
  expect(stdout).toContain('FAILED: no AWS credentials');
  expect(status).toBe(1);
});

test('a stage in which nothing takes the upload fails, and says where it stopped', async () => {
  const said: string[] = [];
  const passed = await smoke(
    { ...services.embedded, clients: services.clients },
    { tenant: 'demo', waitMs: 1000, everyMs: 100, say: (line) => void said.push(line) },
  );
  expect(passed).toBe(false);
  expect(said.at(-1)).toContain('FAILED: ingest did not end the upload');
});
