import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The built command line. */
export const MAIN = path.resolve('dist/cli/main.js');

/** Path of a fixture. */
export const fixture = (name: string): string => path.resolve('fixtures', `${name}.onnx`);

/** What a command said and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The program instead of this Node, and words before those of the command. */
  readonly program?: readonly string[];
  /** Called when the process runs. */
  readonly during?: (child: ChildProcess) => void;
}

/** Runs `grow` as users do: a process of its own, no terminal. */
export function runGrow(args: readonly string[], options: Running = {}): Promise<Ended> {
  const [program = '', ...before] = options.program ?? [process.execPath, MAIN];
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...before, ...args], {
      cwd: options.cwd,
      env: { ...process.env, NO_COLOR: '', LANG: 'de_DE.UTF-8', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    options.during?.(child);
  });
}

/** Runs `grow … --json` and reads the one document on stdout. */
export async function runJson(
  args: readonly string[],
  options: Running = {},
): Promise<{ readonly code: number | null; readonly document: Readonly<Record<string, unknown>> }> {
  const { code, stdout } = await runGrow([...args, '--json'], options);
  return { code, document: JSON.parse(stdout) as Record<string, unknown> };
}

/** Everything in a folder: names with contents, hidden files included. */
export function snapshot(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => [path.join(entry.parentPath, entry.name), readFileSync(path.join(entry.parentPath, entry.name)).toString('latin1')]).sort(),
  );
}
