import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

/** Compiles before the tests: child processes run compiled files, since Node 20 reads no TypeScript. */
export default function build(): void {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { encoding: 'utf8' });
  if (status !== 0) console.warn(`the tests run files compiled with errors:\n${stdout}`);
}
