import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LESS_OPTIMISED } from './test/support/v8-options.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    testTimeout: 60_000,
    // the process that waits for them needs no core of its own
    maxWorkers: availableParallelism(),
    execArgv: [...LESS_OPTIMISED],
  },
});
