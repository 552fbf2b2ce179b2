import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { readInputFiles } from '../../src/onnx/input-files.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { fixture, runJson } from '../support/command.ts';
import { npyFile, zipFile } from '../support/numpy-files.ts';
import { edited, mapWeight, saved } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const NANOGPT = fixture('torchscript_nanogpt_op17');
const TOKENS = [3, 1, 4, 1, 5, 9];

/** The name of nanoGPT's only input. */
const IDS = 'idx';

const numbersIn = (place: string, name: string): readonly number[] => {
  const tensor = readInputFiles(place).get(name);
  return tensor === undefined ? [] : [...tensor.dims, ...readNumbers(tensor)];
};

function refusal(place: string): unknown {
  try {
    return readInputFiles(place);
  } catch (error) {
    return error;
  }
}

describe('input files', () => {
  it.each([false, true])('are read from archives (deflated: %s)', (packed) => {
    const files = { 'a.npy': npyFile('<i8', [2, 3], TOKENS), 'b.npy': npyFile('<f8', [1], [0.5]) };
    const archive = saved(temporaryFolder(), 'in.npz', zipFile(files, packed));
    expect(numbersIn(archive, 'a')).toEqual([2, 3, ...TOKENS]);
    expect(numbersIn(archive, 'b')).toEqual([1, 0.5]);
  });

  it('are read from folders of arrays, in any byte and index order', () => {
    const folder = temporaryFolder();
    saved(folder, 'big.npy', npyFile('>f4', [3], [1, 2, 3]));
    saved(folder, 'columns.npy', npyFile('<i4', [2, 3], [1, 4, 2, 5, 3, 6], true));
    saved(folder, 'scalar.npy', npyFile('<f4', [], [7]));
    expect(numbersIn(folder, 'big')).toEqual([3, 1, 2, 3]);
    expect(numbersIn(folder, 'columns')).toEqual([2, 3, 1, 2, 3, 4, 5, 6]);
    expect(numbersIn(folder, 'scalar')).toEqual([7]);
  });

  it('are read from folders of protocol buffers, by name or number', () => {
    const folder = temporaryFolder();
    const tensor = (name: string): Uint8Array => onnxProto.onnx.TensorProto.encode({ name, dims: [2], dataType: 1, floatData: [1.5, 2] }).finish();
    saved(folder, 'input_0.pb', tensor('x'));
    saved(folder, 'input_1.pb', tensor(''));
    saved(folder, 'output_0.pb', tensor('y'));
    expect([...readInputFiles(folder).keys()]).toEqual(['x', '#1']);
    expect(numbersIn(folder, '#1')).toEqual([2, 1.5, 2]);
  });

  it.each<[string, Uint8Array, string]>([
    ['no archive', Buffer.from('hello'), 'it has no directory'],
    ['a cut archive', zipFile({ 'a.npy': npyFile('<f4', [1], [1]) }, false).subarray(40), 'its directory is damaged'],
    ['a wrong header', zipFile({ 'a.npy': Buffer.from('nothing at all') }, true), 'it does not start as a .npy file does'],
    [
      'objects',
      zipFile(
        {
          'a.npy': Buffer.from(
            Buffer.from(npyFile('<f4', [1], [1]))
              .toString('latin1')
              .replace("'<f4'", "'|O' "),
            'latin1',
          ),
        },
        true,
      ),
      "its element type is '|O'",
    ],
    ['a wrong size', zipFile({ 'a.npy': npyFile('<f4', [3], [1, 2]) }, true), 'its shape (3,) does not fit its 8 bytes'],
  ])('that are %s are refused', (_, bytes, message) => {
    const archive = saved(temporaryFolder(), 'in.npz', bytes);
    expect(refusal(archive)).toMatchObject({ code: 'INVALID_INPUTS', message: expect.stringContaining(message) });
  });
});

describe('verify --inputs', () => {
  it('runs the given inputs, and finds a change that only they show', async () => {
    const folder = temporaryFolder();
    const inputs = saved(folder, 'in.npz', zipFile({ [`${IDS}.npy`]: npyFile('<i8', [1, 6], TOKENS) }, true));
    const same = await verifyModels(NANOGPT, NANOGPT, { inputs });
    expect(same.verdict).toBe('bit-exact');
    expect(same.cases[0]).toEqual({ name: 'given inputs', inputs: { [IDS]: 'int64[1,6]' } });
    const other = saved(
      folder,
      'other.onnx',
      edited(NANOGPT, (model) => mapWeight(model, 'onnx::MatMul_285', (w, i) => (i === 7 ? w * 1.01 : w))),
    );
    expect((await verifyModels(NANOGPT, other, { inputs })).worst).not.toBeNull();
  });

  it('takes caches, zeros behind them where they grew', async () => {
    const folder = temporaryFolder();
    const old = fixture('optimum_gpt2_past');
    const grown = path.join(folder, 'grown.onnx');
    expect((await runJson(['apply', old, '-o', grown, 'heads=+1', 'layers=+1', '--no-verify'])).code).toBe(0);
    const { cases } = await verifyModels(old, old);
    const step = cases.find(({ name }) => name.endsWith('step 2'));
    if (step === undefined) throw new Error('no second step');
    const place = path.join(folder, 'inputs');
    mkdirSync(place);
    const put = (name: string, descr: '<i8' | '<f4', dims: readonly number[], value: (i: number) => number): void =>
      writeFileSync(
        path.join(place, `${name}.npy`),
        npyFile(
          descr,
          dims,
          Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
        ),
      );
    const dims = cacheDims(old);
    put('input_ids', '<i8', [1, 2], (i) => i + 1);
    put('attention_mask', '<i8', [1, 7], () => 1);
    put('position_ids', '<i8', [1, 2], (i) => 5 + i);
    for (const name of dims.names) put(name, '<f4', [1, dims.heads, 5, dims.width], (i) => Math.sin(i));
    const result = await verifyModels(old, grown, { inputs: place });
    expect(result.cases[0]?.name).toBe('given inputs');
    expect(result.verdict).toMatch(/bit-exact|rounding/);
  });

  it.each<[string, Readonly<Record<string, Uint8Array>>, string, string]>([
    ['an unknown input', { 'idy.npy': npyFile('<i8', [1, 6], TOKENS) }, 'the model has no input idy', `did you mean ${IDS}?`],
    [
      'another type',
      { [`${IDS}.npy`]: npyFile('<f4', [1, 6], TOKENS) },
      `${IDS} has elements of type float32, the model takes int64[`,
      "save it with .astype('int64')",
    ],
    ['another rank', { [`${IDS}.npy`]: npyFile('<i8', [6], TOKENS) }, `${IDS} has the shape [6], the model takes int64[`, 'it needs as many dimensions'],
    ['ids beyond the table', { [`${IDS}.npy`]: npyFile('<i8', [1, 2], [1, 100000]) }, 'the original model does not run with these inputs', ''],
  ])('refuses %s with exit code 3', async (_, files, message, hint) => {
    const inputs = saved(temporaryFolder(), 'in.npz', zipFile(files, false));
    const { code, document } = await runJson(['verify', NANOGPT, NANOGPT, '--inputs', inputs]);
    expect({ code, document }).toMatchObject({ code: 3, document: { error: { code: 'INVALID_INPUTS', message: expect.stringContaining(message) } } });
    if (hint !== '') expect(document).toMatchObject({ error: { hint } });
  });
});

/** The caches a GPT-2 takes. */
function cacheDims(file: string): { readonly names: readonly string[]; readonly heads: number; readonly width: number } {
  const model = onnxProto.onnx.ModelProto.decode(readFileSync(file));
  const pasts = (model.graph?.input ?? []).filter(({ name }) => name?.startsWith('past'));
  const dims = pasts[0]?.type?.tensorType?.shape?.dim ?? [];
  return { names: pasts.map(({ name }) => name ?? ''), heads: Number(dims[1]?.dimValue), width: Number(dims[3]?.dimValue) };
}
