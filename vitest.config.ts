import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const project = (name: string, testTimeout = 20_000, isolate = true) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    environment: 'node',
    testTimeout,
    hookTimeout: 60_000,
    isolate,
  },
});

export default defineConfig({
  test: {
    // The default leaves one core free: on two cores that is half, though most tests of services wait.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      project('unit'),
      project('contract', 30_000),
      project('golden', 60_000),
      project('integration', 120_000),
      // Synthesis keeps no state, and loading the CDK anew for each file took half of these tests' time.
      project('infra', 120_000, false),
      project('e2e', 180_000),
      project('shared', 600_000),
    ],
  },
});
