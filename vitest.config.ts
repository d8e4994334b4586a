import { defineConfig } from 'vitest/config';

const project = (name: string, testTimeout = 20_000) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], environment: 'node', testTimeout, hookTimeout: 60_000 },
});

export default defineConfig({
  test: {
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
