import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { VERBS } from '../../cli/verbs.ts';
import { type ErrorCode, GrowError, TRANSFORMS } from '../../src/index.ts';
import { MAIN, runGrow } from '../support/command.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const README = readFileSync('README.md', 'utf8');

/** A folder with the fixtures, a `grow` on the PATH and the package as a dependency. */
function workplace(): { readonly cwd: string; readonly env: Readonly<Record<string, string>> } {
  const cwd = temporaryFolder();
  for (const name of ['bin', 'node_modules']) mkdirSync(path.join(cwd, name));
  symlinkSync(path.resolve('fixtures'), path.join(cwd, 'fixtures'));
  symlinkSync(MAIN, path.join(cwd, 'bin/grow'));
  symlinkSync(path.resolve('.'), path.join(cwd, 'node_modules/onnx-grow'));
  return { cwd, env: { PATH: `${path.join(cwd, 'bin')}${path.delimiter}${process.env.PATH ?? ''}` } };
}

const inShell = (command: string, place: ReturnType<typeof workplace>) => runGrow([], { ...place, program: ['bash', '-c', command] });

/** The blocks of a kind in the README. */
const blocks = (kind: string): string[] => [...README.matchAll(new RegExp(`\`\`\`${kind}\\n(.*?)\`\`\``, 'gs'))].map((match) => match[1] ?? '');

describe('help', () => {
  test('names every verb, and each verb its options', async () => {
    const { code, stdout, stderr } = await runGrow(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const verb of VERBS) {
      expect(stdout).toContain(`grow ${verb.name} ${verb.words}`);
      const own = await runGrow([verb.name, '--help']);
      expect(own.code).toBe(0);
      for (const option of verb.options) expect(own.stdout).toContain(`--${option.name}`);
    }
  });

  test('lists the transforms of the registry', async () => {
    const { stdout } = await runGrow(['apply', '--help']);
    for (const { axis, summary, theorem } of TRANSFORMS)
      expect(stdout).toMatch(new RegExp(`^  ${axis} +${summary.replaceAll(/[()]/g, '\\$&')} \\(theorem ${theorem}\\)$`, 'm'));
  });

  test.each(VERBS.flatMap((verb) => verb.examples.map(([command]) => [command])))('%s', async (command) => {
    const { code, stderr } = await inShell(command, workplace());
    expect({ command, stderr, code }).toMatchObject({ code: 0 });
  });
});

describe('the README', () => {
  test('starts with the two commands', () => {
    expect(blocks('sh').slice(0, 2)).toEqual([
      'npm ci && npx grow apply fixtures/optimum_gpt2_past.onnx -o bigger.onnx mlp=x2 heads=+2 layers=+1\n',
      'npm ci && npm test\n',
    ]);
  });

  test('has commands that work', async () => {
    const place = workplace();
    const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
    const grows = commands.map((command) => command.replace(/^npm ci && npx /, '')).filter((command) => command.startsWith('grow '));
    expect(grows.length).toBeGreaterThanOrEqual(5);
    for (const [i, command] of grows.entries()) {
      // The first command's output is in the way of the next one's.
      const { code, stderr } = await inShell(i === 0 ? command.replace('bigger.onnx', 'first.onnx') : command, place);
      expect({ command, stderr, code }).toMatchObject({ code: 0 });
    }
  });

  test('has library examples that work', async () => {
    const place = workplace();
    for (const [i, example] of blocks('js').entries()) {
      writeFileSync(path.join(place.cwd, `example${i}.mjs`), example);
      const { code, stdout, stderr } = await runGrow([], { ...place, program: [process.execPath, `example${i}.mjs`] });
      expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
      expect(stdout).toMatch(i === 0 ? /^$/ : /^3 \d+\nbit-exact\n$/);
    }
  });

  test('has a row for every transform', () => {
    for (const { axis, theorem } of TRANSFORMS) expect(README).toMatch(new RegExp(`^\\| \`${axis}=.*\\| ${theorem} \\|$`, 'm'));
  });

  test('names the exit codes that errors have', () => {
    const codes: readonly ErrorCode[] = ['FUNCTION_CHANGED', 'USAGE', 'NOT_ONNX', 'UNSUPPORTED_OP', 'IO'];
    for (const code of codes) expect(README).toMatch(new RegExp(`^\\| ${new GrowError(code, '').exitCode} \\|`, 'm'));
  });
});
