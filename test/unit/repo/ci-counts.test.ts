import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('../../../.ci/count-tests.mjs', import.meta.url));

const vitest = (passed: number, failed = 0, pending = 0, unloaded = 0) =>
  JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: 0,
    testResults: Array.from({ length: unloaded }, () => ({ status: 'failed', assertionResults: [] })),
  });
const pytest = (tests: number, failures = 0, errors = 0, skipped = 0) =>
  `<?xml version="1.0"?><testsuites name="t"><testsuite name="pytest" errors="${errors}" failures="${failures}" skipped="${skipped}" tests="${tests}" time="1.0"></testsuite></testsuites>`;

const GOOD = { 'test.json': vitest(10), 'test:shared.json': vitest(5), 'training.xml': pytest(3) };

async function count(files: Record<string, string>, status = '0', ...steps: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'discflow-counts-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const { code, stdout } = await run(process.execPath, [SCRIPT, folder, status, ...steps]).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => error,
    );
    return { code, last: stdout.trimEnd().split('\n').at(-1) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('count-tests', () => {
  it('sums what passed in all reports', async () => {
    expect(await count(GOOD)).toEqual({ code: 0, last: '18 passed, 0 failed' });
  });

  it.each([
    ['a failed test', { ...GOOD, 'test.json': vitest(9, 1) }, '17 passed, 1 failed'],
    ['a failed training test', { ...GOOD, 'training.xml': pytest(3, 1, 1) }, '16 passed, 2 failed'],
    ['a skipped test', { ...GOOD, 'test.json': vitest(9, 0, 1) }, '17 passed, 1 failed'],
    ['a skipped training test', { ...GOOD, 'training.xml': pytest(3, 0, 0, 1) }, '17 passed, 1 failed'],
    ['a test file that does not load', { ...GOOD, 'test.json': vitest(10, 0, 0, 2) }, '18 passed, 2 failed'],
    ['a report in which nothing ran', { ...GOOD, 'test:shared.json': vitest(0) }, '13 passed, 1 failed'],
    ['a report of another form', { ...GOOD, 'training.xml': '<html>' }, '15 passed, 1 failed'],
  ])('fails on %s', async (_, files, last) => {
    expect(await count(files)).toEqual({ code: 1, last });
  });

  it('fails on a missing report, a failed step and an early stop', async () => {
    expect(await count({ 'test.json': vitest(10) })).toEqual({ code: 1, last: '10 passed, 1 failed' });
    expect(await count(GOOD, '0', 'check')).toEqual({ code: 1, last: '18 passed, 1 failed' });
    expect(await count(GOOD, '2')).toEqual({ code: 1, last: '18 passed, 1 failed' });
  });
});
