import { defineConfig } from 'vitest/config';

const json = process.env.VITEST_JSON;

// `fast` is what `npm test` runs. `slow` is what takes minutes or tries by the hundred thousand: docs/testing.md says which.
// One process per file: a file may change native state (threads, seeds, modes) without touching another.
export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.slow.test.ts', '**/node_modules/**'],
        },
      },
      { extends: true, test: { name: 'slow', include: ['test/**/*.slow.test.ts'] } },
    ],
    pool: 'forks',
    maxWorkers: 2,
    // For what hangs, not for what is slow: nothing here may depend on how busy a machine is.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    globalSetup: ['test/helpers/build-dist.ts'],
    setupFiles: ['test/helpers/setup.ts'],
    reporters: json ? ['default', ['json', { outputFile: json }]] : ['default'],
  },
});
