import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/plan.ts';
import { redrive } from '../../../src/cli/redrive.ts';
import { status } from '../../../src/cli/status.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'discflow-held-'));
});
afterEach(async () => rm(root, { recursive: true, force: true }));

const commands = {
  status: (data: string) => status({ data, tenant: 'local', limit: 1, json: true }),
  redrive: (data: string) => redrive([], { data, tenant: 'local', pack: 'none', tier: 'single' }),
};

it.each([
  ['status', 'wrongly-spelt'],
  ['status', '.'],
  ['redrive', 'wrongly-spelt'],
] as const)('%s of a folder (%s) that no analyze has used is wrong use, and makes nothing', async (name, folder) => {
  await expect(commands[name](join(root, folder))).rejects.toThrow(UsageError);
  expect(await readdir(root)).toEqual([]);
});
