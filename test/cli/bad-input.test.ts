import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { fixture, MAIN, runGrow, runJson, snapshot } from '../support/command.ts';
import { edited } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const MODEL = fixture('torchscript_paper');

/** A folder with a file of these bytes, and what `apply` answers to it. */
async function answerTo(
  bytes: Uint8Array | string,
  ...steps: readonly string[]
): Promise<{ readonly code: number | null; readonly error: unknown; readonly touched: boolean }> {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, 'in.onnx'), bytes);
  const before = snapshot(folder);
  const { code, document } = await runJson(['apply', 'in.onnx', '-o', 'out.onnx', ...(steps.length === 0 ? ['mlp=x2'] : steps)], { cwd: folder });
  return { code, error: document.error, touched: JSON.stringify(snapshot(folder)) !== JSON.stringify(before) };
}

/** The paper's model with one weight in another file. */
const withExternal = (location: string): Uint8Array =>
  edited(MODEL, (model) => {
    const tensor = model.graph?.initializer?.find((own) => (own.rawData?.length ?? 0) > 1000);
    if (tensor == null) throw new Error('no weight');
    tensor.externalData = [{ key: 'location', value: location }];
    tensor.dataLocation = 1;
    tensor.rawData = new Uint8Array();
  });

describe('bad input: exit code 3', () => {
  test.each([
    ['text', 'hello, this is no model', 'NOT_ONNX'],
    ['nothing', '', 'NOT_ONNX'],
    ['a zip file', Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0, 0, 0), 'NOT_ONNX'],
    ['the first half of a model', readFileSync(MODEL).subarray(0, 70_000), 'TRUNCATED'],
    ['a model without its external data', withExternal('weights.data'), 'EXTERNAL_DATA_MISSING'],
    ['external data outside of the folder', withExternal('../weights.data'), 'EXTERNAL_DATA_ESCAPES'],
    ['external data at an absolute path', withExternal('/etc/hostname'), 'EXTERNAL_DATA_ESCAPES'],
  ])('%s', async (_, bytes, code) => {
    expect(await answerTo(bytes)).toMatchObject({ code: 3, error: { code, message: expect.stringMatching(/\w/) }, touched: false });
  });

  test('external data behind a symbolic link out of the folder', async () => {
    const [folder, other] = [temporaryFolder(), temporaryFolder()];
    writeFileSync(path.join(other, 'secret'), new Uint8Array(100_000));
    symlinkSync(path.join(other, 'secret'), path.join(folder, 'weights.data'));
    writeFileSync(path.join(folder, 'in.onnx'), withExternal('weights.data'));
    expect(await runJson(['inspect', 'in.onnx'], { cwd: folder })).toMatchObject({ code: 3, document: { error: { code: 'EXTERNAL_DATA_ESCAPES' } } });
  });

  test('inspect and verify answer alike', async () => {
    const file = path.join(temporaryFolder(), 'in.onnx');
    writeFileSync(file, 'no model');
    for (const args of [
      ['inspect', file],
      ['verify', file, MODEL],
      ['verify', MODEL, file],
    ]) {
      expect(await runJson(args)).toMatchObject({ code: 3, document: { ok: false, error: { code: 'NOT_ONNX', where: file } } });
    }
  });

  test('a missing file is exit code 5, a folder 3', async () => {
    const folder = temporaryFolder();
    expect(await runJson(['inspect', path.join(folder, 'none.onnx')])).toMatchObject({
      code: 5,
      document: { error: { code: 'IO', message: 'there is no such file' } },
    });
    expect(await runJson(['inspect', folder])).toMatchObject({ code: 3, document: { error: { code: 'NOT_ONNX' } } });
  });
});

describe('steps that cannot be: nothing is written', () => {
  test.each([
    ['hidden=+8', 'Add'],
    ['mlp=x2', 'Relu'],
  ])('an unknown operator on the growing axis of %s', async (step, reader) => {
    const mystery = edited(MODEL, (model) => {
      const value = model.graph?.node?.filter((node) => node.opType === reader).at(-1)?.output?.[0] ?? '';
      model.graph?.node?.push({ name: 'riddle', opType: 'Mystery', domain: 'my.ops', input: [value], output: ['extra'] });
      model.graph?.output?.push({ name: 'extra', type: { tensorType: { elemType: 1 } } });
      model.opsetImport.push({ domain: 'my.ops', version: 1 });
    });
    const { code, error, touched } = await answerTo(mystery, step, '--no-verify');
    expect({ code, touched }).toEqual({ code: 4, touched: false });
    expect(error).toMatchObject({ code: 'UNSUPPORTED_OP', hint: expect.stringContaining('add a rule for the operator') });
    expect(JSON.stringify(error)).toContain('node riddle (my.ops.Mystery)');
    // Another axis, which the operator does not see, grows.
    expect(await answerTo(mystery, 'qk=+2', '--no-verify')).toMatchObject({ code: 0 });
  });

  test.each([
    ['an unknown step', 'mpl=x2', 2, 'UNKNOWN_STEP'],
    ['a smaller absolute size', 'mlp=8', 2, 'SHRINKING'],
    ['a negative size', 'mlp=-8', 2, 'SHRINKING'],
    ['a factor below 1', 'mlp=x0.5', 2, 'SHRINKING'],
  ])('%s', async (_, step, code, error) => {
    expect(await answerTo(readFileSync(MODEL), step)).toMatchObject({ code, error: { code: error, where: `step ${step}` }, touched: false });
  });

  test('a size between legal ones names its neighbours', async () => {
    const { code, error, touched } = await answerTo(readFileSync(fixture('dynamo_llama_gqa')), 'heads=7');
    expect({ code, touched }).toEqual({ code: 4, touched: false });
    expect(error).toMatchObject({ code: 'ILLEGAL_SIZE', hint: expect.stringContaining('8') });
  });

  test('a model without a transformer in it', async () => {
    const file = edited(MODEL, (model) => {
      const graph = model.graph;
      if (graph?.node == null) return;
      graph.node = [{ opType: 'Identity', input: [graph.input?.[0]?.name ?? ''], output: [graph.output?.[0]?.name ?? ''] }];
      graph.initializer = [];
    });
    expect(await answerTo(file)).toMatchObject({ code: 4, error: { code: 'UNSUPPORTED_AXIS' }, touched: false });
  });
});

describe('the output', () => {
  test('is not the input without --force, by whatever name', async () => {
    const folder = temporaryFolder();
    copyFileSync(MODEL, path.join(folder, 'a.onnx'));
    symlinkSync('a.onnx', path.join(folder, 'link.onnx'));
    const before = snapshot(folder);
    for (const output of ['a.onnx', './a.onnx', 'link.onnx']) {
      expect(await runJson(['apply', 'a.onnx', '-o', output, 'mlp=x2'], { cwd: folder })).toMatchObject({
        code: 2,
        document: { error: { code: 'OUTPUT_EXISTS', message: 'the output is the input' } },
      });
    }
    expect(snapshot(folder)).toEqual(before);
  });

  test('replaces nothing without --force', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'there.onnx'), 'precious');
    const before = snapshot(folder);
    for (const more of [[], ['--dry-run']]) {
      expect(await runJson(['apply', MODEL, '-o', 'there.onnx', 'mlp=x2', ...more], { cwd: folder })).toMatchObject({
        code: 2,
        document: { error: { code: 'OUTPUT_EXISTS', hint: expect.stringContaining('--force') } },
      });
    }
    expect(snapshot(folder)).toEqual(before);
  });

  test('cannot be a folder, nor in one that is not there', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'sub'));
    expect(await runJson(['apply', MODEL, '-o', 'sub', 'mlp=x2'], { cwd: folder })).toMatchObject({ code: 2, document: { error: { code: 'USAGE' } } });
    expect(await runJson(['apply', MODEL, '-o', 'none/out.onnx', 'mlp=x2'], { cwd: folder })).toMatchObject({
      code: 5,
      document: { error: { code: 'IO', message: 'there is no such folder' } },
    });
    expect(snapshot(folder)).toEqual({});
  });

  test('cannot be in a folder that takes no files', async ({ skip }) => {
    skip(process.platform !== 'linux', 'needs /proc, which takes no files from anybody');
    expect(await runJson(['apply', MODEL, '-o', '/proc/out.onnx', 'mlp=x2'])).toMatchObject({
      code: 5,
      document: { error: { code: 'IO', hint: expect.any(String) } },
    });
  });

  test.for(['new', 'replaced'])('on a disk that is full is not written (%s)', async (target, { skip }) => {
    skip(process.platform === 'win32', 'needs a limit on the size of files');
    const folder = temporaryFolder();
    if (target === 'replaced') writeFileSync(path.join(folder, 'out.onnx'), 'precious');
    const before = snapshot(folder);
    // A limit on file sizes acts as a disk that is full after 64 KiB.
    const program = ['bash', '-c', `trap '' XFSZ; ulimit -f 64; exec "$0" "$@"`, process.execPath, MAIN];
    const { code, document } = await runJson(['apply', MODEL, '-o', 'out.onnx', 'mlp=x2', '--force'], { cwd: folder, program });
    expect({ code, document }).toMatchObject({ code: 5, document: { ok: false, error: { code: 'IO', where: 'out.onnx' } } });
    expect(snapshot(folder)).toEqual(before);
  });
});

test('names from files do not reach the terminal as they are', async () => {
  const folder = temporaryFolder();
  const bytes = edited(MODEL, (model) => {
    model.producerName = 'evil\u001b[2J\u202e\u0007';
  });
  writeFileSync(path.join(folder, 'in.onnx'), bytes);
  for (const more of [[], ['--json']]) {
    const { stdout, stderr } = await runGrow(['inspect', 'in.onnx', ...more], { cwd: folder });
    expect(stdout).toContain('\\u001b[2J\\u202e\\u0007');
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  }
});
