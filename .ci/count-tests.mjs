// Sums vitest's JSON and pytest's JUnit reports: `node count-tests.mjs FOLDER STATUS [FAILED STEP…]`.
// Exits 1 where a test failed or was skipped, a report is missing or a step failed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, status, ...failedSteps] = process.argv.slice(2);

function vitestCounts(text) {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(text);
  // A file that does not load has no tests, so it counts as one that failed.
  const unloaded = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  return { passed: numPassedTests, failed: numFailedTests + unloaded, skipped: numPendingTests + numTodoTests };
}

function junitCounts(text) {
  const suite = /<testsuite [^>]*>/.exec(text)?.[0] ?? '';
  const count = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? Number.NaN);
  const [tests, failures, errors, skipped] = ['tests', 'failures', 'errors', 'skipped'].map(count);
  return { passed: tests - failures - errors - skipped, failed: failures + errors, skipped };
}

const REPORTS = [
  ['test.json', vitestCounts],
  ['test:shared.json', vitestCounts],
  ['training.xml', junitCounts],
];

const total = { passed: 0, failed: 0, skipped: 0 };
const faults = failedSteps.map((name) => `step failed: ${name}`);
for (const [name, count] of REPORTS) {
  const file = join(folder, name);
  if (!existsSync(file)) {
    faults.push(`no report: ${name}`);
    continue;
  }
  const counts = count(readFileSync(file, 'utf8'));
  console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  if (Object.values(counts).some(Number.isNaN) || counts.passed === 0) faults.push(`nothing passed in ${name}`);
  for (const key of Object.keys(total)) total[key] += counts[key] || 0;
}
if (total.skipped > 0) faults.push(`${total.skipped} tests were skipped`);
if (status !== '0') faults.push(`stopped with exit ${status}`);
for (const fault of faults) console.log(fault);
// What went wrong outside a test stands in the sum as one failure.
if (faults.length > 0 && total.failed === 0) total.failed = 1;
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;
