import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { inspect } from '../../src/index.ts';
import { fixture, runGrow, runJson, snapshot } from '../support/command.ts';
import { edited, mapWeight } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const PAPER = fixture('torchscript_paper');
const GPT2 = fixture('optimum_gpt2_past');

describe('the document', () => {
  test('has what the contract names', async () => {
    const folder = temporaryFolder();
    const { code, document } = await runJson(['apply', GPT2, '-o', 'out.onnx', 'mlp=x1.5', 'heads=+1', '--seed', '7'], { cwd: folder });
    expect(code).toBe(0);
    expect(Object.keys(document).sort()).toEqual(
      [
        'ok',
        'output',
        'seed',
        'steps',
        'before',
        'after',
        'parametersAdded',
        'interfaceChanges',
        'portable',
        'norm',
        'corrections',
        'notes',
        'configs',
        'check',
        'verify',
        'alive',
        'seconds',
      ].sort(),
    );
    const before = inspect(GPT2);
    const after = inspect(path.join(folder, 'out.onnx'));
    expect(document).toMatchObject({
      ok: true,
      output: 'out.onnx',
      seed: 7,
      steps: ['mlp=x1.5', 'heads=+1'],
      before,
      after: { ...after, file: 'out.onnx' },
      parametersAdded: after.parameters - before.parameters,
      portable: { ok: false, why: [expect.stringContaining('heads × width')] },
      check: { proved: true, findings: [] },
      alive: { dead: [] },
      verify: { verdict: 'bit-exact', maxRelative: 0, noiseFloor: expect.any(Number), float64: expect.any(Number), provider: 'cpu' },
      seconds: { plan: expect.any(Number), write: expect.any(Number), verify: expect.any(Number), total: expect.any(Number) },
    });
    expect(after.layers[0]).toMatchObject({ mlp: { size: 102 }, attention: [{ heads: 6, qk: 8, v: 8 }] });
    expect(document.interfaceChanges).toHaveLength(8);
    expect(readdirSync(folder)).toEqual(['out.onnx']);
  });

  test('of a dry run has the plan and no output', async () => {
    const folder = temporaryFolder();
    const { code, document } = await runJson(['apply', PAPER, '--dry-run', 'hidden=x1.5', 'mlp=+3'], { cwd: folder });
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { ok: true, output: null, after: { file: null, hidden: 66 }, verify: null, seconds: { plan: expect.any(Number) } },
    });
    expect(snapshot(folder)).toEqual({});
  });

  test('without a comparison says so', async () => {
    expect(await runJson(['apply', PAPER, '-o', 'out.onnx', 'mlp=+3', '--no-verify'], { cwd: temporaryFolder() })).toMatchObject({
      code: 0,
      document: { ok: true, verify: null },
    });
  });
});

describe('the text', () => {
  test('says what grew, the verdict and what to do next', async () => {
    const { code, stdout, stderr } = await runGrow(['apply', PAPER, '-o', 'out.onnx', 'mlp=x2', 'heads=+2', 'layers=+1'], { cwd: temporaryFolder() });
    expect(code).toBe(0);
    expect(stdout).toContain('  layers 2 → 3\n  mlp 76 → 152\n  heads 3 → 5\n');
    expect(stdout).toMatch(/\nbit-exact: largest difference 0, noise floor [\d.e-]+, \d+ runs on cpu\n/);
    expect(stdout).toMatch(/\nnext: grow inspect out\.onnx\n$/);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  });

  test('keeps quiet when asked to', async () => {
    expect((await runGrow(['apply', PAPER, '-o', 'out.onnx', 'mlp=x2', '--quiet'], { cwd: temporaryFolder() })).stderr).toBe('');
  });

  test('says what a size was rounded to', async () => {
    const { stdout } = await runGrow(['apply', fixture('dynamo_llama_gqa'), '--dry-run', 'heads=x1.1'], { cwd: temporaryFolder() });
    expect(stdout).toContain('rounded up from 7 to 8');
  });
});

describe('same seed, same bytes', () => {
  test('and other bytes for another seed', async () => {
    const folder = temporaryFolder();
    const grow = (output: string, ...more: readonly string[]) =>
      runGrow(['apply', PAPER, '-o', output, 'mlp=x2', 'qk=+2', 'layers=+1', '--no-verify', ...more], { cwd: folder });
    await Promise.all([grow('a.onnx'), grow('b.onnx', '--seed', '0'), grow('c.onnx', '--seed', '1')]);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => readFileSync(path.join(folder, `${name}.onnx`)));
    expect(a?.equals(b as Buffer)).toBe(true);
    expect(a?.equals(c as Buffer)).toBe(false);
  });
});

describe('what is at the target', () => {
  test('is replaced with --force, the input as well', async () => {
    const folder = temporaryFolder();
    copyFileSync(PAPER, path.join(folder, 'a.onnx'));
    expect(await runJson(['apply', 'a.onnx', '-o', 'a.onnx', 'mlp=x2', '--force'], { cwd: folder })).toMatchObject({
      code: 0,
      document: { verify: { verdict: 'bit-exact' } },
    });
    expect(inspect(path.join(folder, 'a.onnx')).layers[0]?.mlp?.size).toBe(152);
    expect(readdirSync(folder)).toEqual(['a.onnx']);
  });

  test('gets a data file when that is wanted', async () => {
    const folder = temporaryFolder();
    expect(await runJson(['apply', PAPER, '-o', 'out.onnx', 'mlp=x2', '--external-data', 'always'], { cwd: folder })).toMatchObject({
      code: 0,
      document: { verify: { verdict: 'bit-exact' } },
    });
    expect(readdirSync(folder)).toHaveLength(2);
    // Grown again from there, it still computes what the first model does.
    expect(await runJson(['apply', 'out.onnx', '-o', 'again.onnx', 'heads=+1', '--external-data', 'never'], { cwd: folder })).toMatchObject({ code: 0 });
    expect(await runJson(['verify', PAPER, 'again.onnx'], { cwd: folder })).toMatchObject({ code: 0, document: { verdict: 'bit-exact' } });
  });
});

describe('nothing is handed over that is not shown to be preserved', () => {
  const constant = (): Uint8Array =>
    edited(PAPER, (model) => {
      const last = model.graph?.node?.at(-1)?.input?.[1] ?? '';
      mapWeight(model, last, () => 0);
    });

  test('outputs that are constant prove nothing: exit code 1, no file', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'in.onnx'), constant());
    const before = snapshot(folder);
    expect(await runJson(['apply', 'in.onnx', '-o', 'out.onnx', 'mlp=x2'], { cwd: folder })).toMatchObject({
      code: 1,
      document: { ok: false, error: { code: 'INCONCLUSIVE', hint: expect.stringContaining('--no-verify') } },
    });
    expect(await runJson(['apply', 'in.onnx', '-o', 'out.onnx', 'mlp=x2', '--external-data', 'always'], { cwd: folder })).toMatchObject({ code: 1 });
    expect(snapshot(folder)).toEqual(before);
  });

  test('without onnxruntime: exit code 5, the way to install it, and --no-verify works', async () => {
    const folder = temporaryFolder();
    cpSync('dist', path.join(folder, 'dist'), { recursive: true });
    copyFileSync('package.json', path.join(folder, 'package.json'));
    mkdirSync(path.join(folder, 'node_modules'));
    for (const name of ['yargs', 'protobufjs']) symlinkSync(path.resolve('node_modules', name), path.join(folder, 'node_modules', name));
    const program = [process.execPath, path.join(folder, 'dist/cli/main.js')];
    const words = ['apply', PAPER, '-o', path.join(folder, 'out.onnx'), 'mlp=x2'];
    const { code, document } = await runJson(words, { program });
    expect({ code, document }).toMatchObject({ code: 5, document: { ok: false, error: { code: 'RUNTIME_MISSING' } } });
    expect((document.error as { hint: string }).hint).toMatch(/^ONNXRUNTIME_NODE_INSTALL=skip npm i onnx-grow onnxruntime-node; or --no-verify$/);
    expect(readdirSync(folder).sort()).toEqual(['dist', 'node_modules', 'package.json']);
    expect((await runGrow([...words, '--no-verify'], { program })).code).toBe(0);
  });
});

describe('verify', () => {
  test('is exit code 0 for the same function and 1 for another', async () => {
    const folder = temporaryFolder();
    writeFileSync(
      path.join(folder, 'other.onnx'),
      edited(PAPER, (model) => mapWeight(model, model.graph?.node?.at(-1)?.input?.[1] ?? '', (value, i) => (i === 5 ? value * 1.1 : value))),
    );
    expect(await runJson(['verify', PAPER, PAPER])).toMatchObject({ code: 0, document: { verdict: 'bit-exact', maxRelative: 0, provider: 'cpu' } });
    expect(await runJson(['verify', PAPER, 'other.onnx'], { cwd: folder })).toMatchObject({
      code: 1,
      document: { verdict: 'changed', reason: expect.stringContaining('output') },
    });
    expect(await runJson(['verify', PAPER, 'other.onnx', '--tolerance', '0.9'], { cwd: folder })).toMatchObject({ code: 0, document: { verdict: 'rounding' } });
    const { code, stdout } = await runGrow(['verify', PAPER, 'other.onnx'], { cwd: folder });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^changed: largest difference/);
  });
});
