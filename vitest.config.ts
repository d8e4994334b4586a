import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const project = (name: string, testTimeout = 20_000) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    environment: 'node',
    setupFiles: ['test/support/threads.ts'],
    testTimeout,
    hookTimeout: 60_000,
    // Modules are loaded once a worker, not once a file, which took a fifth of the time: no test may mock a module.
    isolate: false,
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
      project('infra', 120_000),
      project('e2e', 180_000),
      project('shared', 600_000),
    ],
  },
});
