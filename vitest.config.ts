import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    testTimeout: 60_000,
    // the process that waits for them needs no core of its own
    maxWorkers: availableParallelism(),
    // most tests are over before code that V8 optimises early has paid for that: a quarter less time in all
    execArgv: ['--interrupt-budget=600000'],
  },
});
