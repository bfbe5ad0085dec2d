import { defineConfig } from 'vitest/config';

const json = process.env.VITEST_JSON;

// One process per file: a file may change native state (threads, seeds, modes) without touching another.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ['test/helpers/build-dist.ts'],
    setupFiles: ['test/helpers/setup.ts'],
    reporters: json ? ['default', ['json', { outputFile: json }]] : ['default'],
  },
});
