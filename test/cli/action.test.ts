import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { fixture, runGrow } from '../support/command.ts';
import { edited, mapWeight } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const ACTION = readFileSync('action.yml', 'utf8');

/** The script of the action's last step, without its indentation. */
function script(): string {
  const lines = ACTION.slice(ACTION.lastIndexOf('run: |\n') + 'run: |\n'.length).split('\n');
  return lines.map((line) => line.replace(/^ {8}/, '')).join('\n');
}

/** The inputs that the action declares, with their defaults. */
const inputs = (): string[] => [...ACTION.matchAll(/^ {2}(\w+):\n {4}description/gm)].map(([, name]) => name ?? '');

/** A folder as two checkouts of a repository leave it, and the action's own beside it. */
function checkouts(): { readonly cwd: string; readonly run: (more?: Readonly<Record<string, string>>) => ReturnType<typeof runGrow> } {
  const cwd = temporaryFolder();
  for (const name of ['old', 'new', 'action']) mkdirSync(path.join(cwd, name));
  for (const name of ['dist', 'node_modules', 'package.json']) symlinkSync(path.resolve(name), path.join(cwd, 'action', name));
  copyFileSync(fixture('torchscript_paper'), path.join(cwd, 'old/model.onnx'));
  copyFileSync(fixture('torchscript_paper'), path.join(cwd, 'new/model.onnx'));
  const env = {
    GROW: path.join(cwd, 'action/dist/cli/main.js'),
    OLD: 'old/model.onnx',
    NEW: 'new/model.onnx',
    CHECK: 'false',
    INPUTS: '',
    TOLERANCE: '',
    REPORT: 'report',
    GITHUB_STEP_SUMMARY: path.join(cwd, 'summary.md'),
  };
  return { cwd, run: (more = {}) => runGrow([], { cwd, env: { ...env, ...more }, program: ['bash', '-e', '-o', 'pipefail', '-c', script()] }) };
}

describe('the GitHub Action', () => {
  test('passes a model that computes the same, and writes reports and a summary', async () => {
    const { cwd, run } = checkouts();
    const { code, stderr } = await run({ CHECK: 'true' });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    for (const name of ['verify', 'check']) expect(readFileSync(path.join(cwd, `report/${name}.xml`), 'utf8')).toContain('failures="0"');
    expect(readFileSync(path.join(cwd, 'summary.md'), 'utf8')).toContain('✅');
  });

  test('fails for one that does not, and takes a tolerance', async () => {
    const { cwd, run } = checkouts();
    const other = edited(fixture('torchscript_paper'), (model) =>
      mapWeight(model, model.graph?.node?.at(-1)?.input?.[1] ?? '', (value, i) => (i === 5 ? value * 1.1 : value)),
    );
    writeFileSync(path.join(cwd, 'new/model.onnx'), other);
    expect((await run()).code).toBe(1);
    expect(readFileSync(path.join(cwd, 'summary.md'), 'utf8')).toContain('❌');
    expect((await run({ TOLERANCE: '0.9' })).code).toBe(0);
  });

  test('declares what its example and its script use', () => {
    const example = readFileSync('docs/examples/verify-model.yml', 'utf8');
    const used = [...(example.split('onnx-grow@')[1]?.split('- uses')[0] ?? '').matchAll(/^ {10}(\w+):/gm)].map(([, name]) => name);
    expect(inputs()).toEqual(expect.arrayContaining(used));
    for (const name of inputs()) expect(ACTION).toContain(`\${{ inputs.${name} }}`);
  });
});
