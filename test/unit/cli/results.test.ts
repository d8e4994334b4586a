import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/plan.ts';
import { prepareOut, writeEnd } from '../../../src/cli/results.ts';
import { reasonOf } from '../../../src/contracts/reasons.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'discflow-results-'));
});
afterEach(async () => rm(root, { recursive: true, force: true }));

describe('prepareOut', () => {
  it('makes the folder, parents too', async () => {
    await prepareOut(join(root, 'a', 'b'), ['study']);
    expect(await readdir(join(root, 'a', 'b'))).toEqual([]);
  });

  it('calls a file in the place of the folder, of its parent or of a study wrong use', async () => {
    await writeFile(join(root, 'file'), 'x');
    await expect(prepareOut(join(root, 'file'), [])).rejects.toThrow(UsageError);
    await expect(prepareOut(join(root, 'file', 'out'), [])).rejects.toThrow(UsageError);
    await expect(prepareOut(root, ['study', 'file'])).rejects.toThrow('is no folder');
  });
});

describe('writeEnd', () => {
  it('writes a page and a report in place of an earlier result, and leaves no part of a file', async () => {
    await writeFile(join(root, 'overlay.png'), 'of an earlier run');
    await writeFile(join(root, 'report.json'), 'of an earlier run');
    await writeEnd(root, { tenant: 'local', status: 'rejected', reasons: [reasonOf('empty')], runKey: null });
    expect((await readdir(root)).sort()).toEqual(['report.html', 'report.json']);
    expect(JSON.parse(await readFile(join(root, 'report.json'), 'utf8'))).toMatchObject({ status: 'rejected' });
  });
});
