import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { GrowError, grow, inspect, readModel, verify } from '../src/index.ts';
import { saveGrown } from '../src/save.ts';
import { fixture, snapshot } from './support/command.ts';
import { edited, mapWeight } from './support/proto-model.ts';
import { temporaryFolder } from './support/temp-folder.ts';
import { meaning } from './support/touched-copy.ts';

const PAPER = fixture('torchscript_paper');

/** The code of the GrowError that something throws. */
async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'none';
  } catch (error) {
    return error instanceof GrowError ? error.code : String(error);
  }
}

describe('grow', () => {
  test('gives the same bytes for a path, for bytes and for a model', () => {
    const sources = [PAPER, readFileSync(PAPER), readModel(PAPER)];
    const [first, ...others] = sources.map((source) => grow(source, ['mlp=x2', 'layers=+1'], { seed: 3 }).bytes());
    for (const other of others) expect(Buffer.compare(first as Uint8Array, other)).toBe(0);
  });

  test('in a loop, on bytes, keeps the function of the first model', async () => {
    const start = readFileSync(PAPER);
    let checkpoint: Uint8Array = start;
    for (const [epoch, steps] of [['mlp=+4'], ['heads=+1', 'qk=+2'], ['v=+1', 'layers=+1'], ['mlp[0]=+8']].entries())
      checkpoint = grow(checkpoint, steps, { seed: epoch }).bytes();
    expect(await verify(start, checkpoint)).toMatchObject({ verdict: 'bit-exact' });
    expect(inspect(checkpoint)).toMatchObject({ file: null, layers: [{ mlp: { size: 88 } }, { mlp: { size: 80 } }, { mlp: { size: 80 } }] });
  });

  test('does not touch the model it is given', () => {
    const model = readModel(PAPER);
    const before = meaning(model);
    grow(model, ['hidden=+4', 'mlp=x2', 'layers=+2@before:0']);
    expect(meaning(model)).toBe(before);
  });

  test.each([
    ['mpl=x2', 'UNKNOWN_STEP'],
    ['mlp=8', 'SHRINKING'],
    ['mlp[9]=x2', 'USAGE'],
  ])('throws for %s', async (step, code) => {
    expect(await codeOf(() => grow(PAPER, step))).toBe(code);
  });

  test('to the size that is there does nothing, and says so', () => {
    const { report, bytes } = grow(PAPER, 'mlp=76');
    expect(report).toMatchObject({ parametersAdded: 0, notes: expect.arrayContaining([expect.stringContaining('76 already')]) });
    expect(Buffer.compare(bytes(), readFileSync(PAPER))).toBe(0);
  });
});

describe('save', () => {
  test('verifies, writes and reports', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'out.onnx');
    const progress: string[] = [];
    const saved = await grow(readFileSync(PAPER), 'mlp=x2').save(file, { onProgress: (what) => progress.push(what) });
    expect(saved).toMatchObject({ file, bytes: readFileSync(file).length, externalData: null, verify: { verdict: 'bit-exact' } });
    expect(new Set(progress.map((what) => what.replace(/:.*/, '')))).toEqual(new Set(['write', 'check', 'verify']));
    expect(await codeOf(() => grow(PAPER, 'mlp=x2').save(file))).toBe('OUTPUT_EXISTS');
    expect(await grow(PAPER, 'mlp=x3').save(file, { force: true, verify: false })).toMatchObject({ verify: null });
  });

  test('hands over nothing that computes something else', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'out.onnx');
    writeFileSync(file, 'precious');
    const before = snapshot(folder);
    // What is saved was grown from this model; the one it is compared with has one weight that differs.
    const other = edited(PAPER, (model) => mapWeight(model, model.graph?.node?.at(-1)?.input?.[1] ?? '', (value, i) => (i === 5 ? value * 1.1 : value)));
    const error: unknown = await saveGrown(other, grow(PAPER, 'mlp=x2').model, file, { force: true, externalData: 'always' }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({
      code: 'FUNCTION_CHANGED',
      exitCode: 1,
      message: expect.stringContaining('output'),
      hint: expect.stringContaining('nothing was written'),
    });
    expect(snapshot(folder)).toEqual(before);
  });

  test('stops when it is told to, and cleans up', async () => {
    const folder = temporaryFolder();
    const controller = new AbortController();
    const saving = grow(PAPER, 'mlp=x2').save(path.join(folder, 'out.onnx'), {
      signal: controller.signal,
      onProgress: (what) => (what.startsWith('verify') ? controller.abort(new Error('enough')) : undefined),
    });
    await expect(saving).rejects.toThrow('enough');
    expect(snapshot(folder)).toEqual({});
  });

  test('leaves nothing when the last word is no', async () => {
    const folder = temporaryFolder();
    const saving = grow(PAPER, 'mlp=x2').save(path.join(folder, 'out.onnx'), {
      verify: false,
      externalData: 'always',
      beforeRename: () => Promise.reject(new Error('no')),
    });
    await expect(saving).rejects.toThrow('no');
    expect(snapshot(folder)).toEqual({});
  });
});
