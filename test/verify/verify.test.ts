import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { VerifyOptions, VerifyResult } from '../../src/verify/result.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import type { ModelSpec } from '../support/proto-model.ts';
import { edited, mapWeight, protoModel, saved } from '../support/proto-model.ts';
import { realModels } from '../support/real-models.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const fixture = (name: string): string => path.resolve('fixtures', `${name}.onnx`);
const NANOGPT = fixture('torchscript_nanogpt_op17');
type Edit = Parameters<typeof edited>[1];

/** The verdict on a file and an edited copy of it. */
async function verdictOn(file: string, edit: Edit, options: VerifyOptions = {}): Promise<VerifyResult> {
  return verifyModels(file, saved(temporaryFolder(), 'new.onnx', edited(file, edit)), options);
}

/** The verdict on two models made from specifications. */
async function verdictOnSpecs(old: ModelSpec, now: ModelSpec): Promise<VerifyResult> {
  const folder = temporaryFolder();
  return verifyModels(saved(folder, 'old.onnx', protoModel(old)), saved(folder, 'new.onnx', protoModel(now)));
}

/** The shape of weights in `MatMul_283 [40,88]` and `MatMul_284 [88,40]`: the first MLP of nanoGPT. */
const MLP = 88;
const turned = (unit: number): number => (unit * 37 + 5) % MLP;

/** Files with an operator that has no float64 kernel and cannot be spelled with others: rounding to whole numbers, and resizing. */
const NO_DOUBLE: readonly (readonly [string, string])[] = [
  ['_det_', 'Resize'],
  ['ortquant_bert_dynamic', 'DynamicQuantizeLinear'],
  ['ortquant_vit_static', 'QuantizeLinear'],
];

describe('the same model', () => {
  it.each(realModels().map((file) => [path.basename(file), file]))('%s is bit-exact', async (_, file) => {
    const result = await verifyModels(file, file);
    expect(result).toMatchObject({ verdict: 'bit-exact', maxRelative: 0, bitExactShare: 1, worst: null, provider: 'cpu' });
    const missing = NO_DOUBLE.find(([part]) => file.includes(part));
    expect(result.float64 ?? result.shadow.reason).toEqual(missing === undefined ? 0 : `onnxruntime has no ${missing[1]} in float64`);
    expect(result.cases.length).toBeGreaterThan(1);
  });

  it('gives the same result for the same seed and other inputs for another', async () => {
    const [first, again] = [await verifyModels(NANOGPT, NANOGPT), await verifyModels(NANOGPT, NANOGPT)];
    expect({ ...again, seconds: 0 }).toEqual({ ...first, seconds: 0 });
    expect((await verifyModels(NANOGPT, NANOGPT, { seed: 1 })).verdict).toBe('bit-exact');
  });
});

describe('rounding', () => {
  it('is what permuted hidden units make', async () => {
    const result = await verdictOn(NANOGPT, (model) => {
      mapWeight(model, 'onnx::MatMul_283', (_, i, all) => all[i - (i % MLP) + turned(i % MLP)] ?? 0);
      mapWeight(model, 'h.0.c_fc.bias', (_, i, all) => all[turned(i)] ?? 0);
      mapWeight(model, 'onnx::MatMul_284', (_, i, all) => all[turned(Math.floor(i / 40)) * 40 + (i % 40)] ?? 0);
    });
    expect(result.verdict).toBe('rounding');
    expect(result.maxRelative).toBeGreaterThan(0);
    expect(result.noiseFloor).toBeGreaterThan(0);
    expect(result.float64).toBeLessThan(1e-12);
    expect(result.bitExactShare).toBeLessThan(1);
  });
});

describe('a changed model', () => {
  it('is one with one weight off by 1e-3', async () => {
    const result = await verdictOn(NANOGPT, (model) => mapWeight(model, 'onnx::MatMul_285', (w, i) => (i === 7 ? w * 1.001 : w)));
    expect(result.verdict).toBe('changed');
    expect(result.worst).toMatchObject({ output: 'logits' });
    expect(result.reason).toContain('output logits changed in case');
    expect(result.divergence).toMatchObject({ node: expect.stringContaining('MatMul'), parameters: ['onnx::MatMul_285'] });
  });

  it.each(['optimum_gpt_neox_past', 'dynamo_encoder_pre'])('is %s with another epsilon', async (name) => {
    const result = await verdictOn(fixture(name), (model) => {
      for (const node of model.graph?.node ?? []) for (const a of node.attribute ?? []) if (a.name === 'epsilon') a.f = 1.25e-5;
    });
    expect(result.verdict).toBe('changed');
  });

  it('is one with a NaN weight', async () => {
    const result = await verdictOn(NANOGPT, (model) => mapWeight(model, 'ln_f.bias', (w, i) => (i === 3 ? Number.NaN : w)));
    expect(result).toMatchObject({ verdict: 'changed', maxRelative: null });
    expect(result.reason).toContain('it is NaN where the original is');
  });

  it('is one without an output', async () => {
    const result = await verdictOn(fixture('optimum_gpt2_past'), (model) => {
      model.graph?.output?.pop();
    });
    expect(result.verdict).toBe('changed');
    expect(result.reason).toContain('it does not have the outputs present.1.value');
  });

  it('is one that needs another input, or refuses the old ones', async () => {
    const extra = await verdictOn(NANOGPT, (model) => {
      model.graph?.input?.push({ name: 'more', type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2 }] } } } });
    });
    expect(extra).toMatchObject({ verdict: 'changed', reason: 'the new model cannot stand for the original: it has inputs that the original has not: more' });
    const shorter = await verifyModels(fixture('torchscript_paper'), NANOGPT);
    expect(shorter.verdict).toBe('changed');
  });

  it('is one whose cache path is wrong only where there is a past', async () => {
    const result = await verdictOnSpecs(cachedSum(1), cachedSum(0.999));
    expect(result.verdict).toBe('changed');
    expect(result.worst?.case).toMatch(/step [23]$/);
  });
});

describe('caches', () => {
  it('are handed on from step to step, each model its own', async () => {
    const result = await verdictOnSpecs(cachedSum(1), { ...cachedSum(1), ...widerCache });
    expect(result).toMatchObject({ verdict: 'bit-exact' });
    expect(result.notes.join()).toContain('not compared as tensors, because the caches grew');
  });

  it('that a decoder only takes are matched where new layers renumber them', async () => {
    expect(await verdictOnSpecs(readsPasts(['a', 'b']), readsPasts(['a', null, 'b']))).toMatchObject({ verdict: 'bit-exact' });
    expect(await verdictOnSpecs(readsPasts(['a', 'b']), readsPasts(['b', null, 'a']))).toMatchObject({ verdict: 'changed' });
  });
});

describe('keys and values that a decoder only takes', () => {
  /** Sums keys of all heads, each times its weight. */
  const heads = (weights: readonly number[], width = 3): ModelSpec => ({
    inputs: { 'past.0.encoder.key': { type: 'float', dims: ['n', weights.length, 's', width] } },
    outputs: { y: { type: 'float', dims: ['n', 1, 's', 1] } },
    nodes: [
      { op: 'Mul', inputs: ['past.0.encoder.key', 'w'], outputs: ['m'] },
      { op: 'ReduceSum', inputs: ['m', 'axes'], outputs: ['y'] },
    ],
    floats: { w: [[weights.length, 1, 1], weights] },
    integers: { axes: [[2], [1, 3]] },
  });

  it('show a new head that is read, and none that is not', async () => {
    expect(await verdictOnSpecs(heads([1, 2]), heads([1, 2, 0]))).toMatchObject({ verdict: expect.stringMatching(/bit-exact|rounding/) });
    expect(await verdictOnSpecs(heads([1, 2]), heads([1, 2, 0.5]))).toMatchObject({ verdict: 'changed' });
  });

  it('are zero where they are wider, as the encoder makes them', async () => {
    expect(await verdictOnSpecs(heads([1, 2]), heads([1, 2], 5))).toMatchObject({ verdict: expect.stringMatching(/bit-exact|rounding/) });
  });
});

describe('an inconclusive comparison', () => {
  const constant: ModelSpec = {
    inputs: { x: { type: 'float', dims: ['n', 2] } },
    outputs: { y: { type: 'float', dims: [2] } },
    nodes: [
      { op: 'Add', inputs: ['w', 'w'], outputs: ['y'] },
      { op: 'Neg', inputs: ['x'], outputs: ['unused'] },
    ],
    floats: { w: [[2], [1, 2]] },
  };

  it('is one of outputs that are constant', async () => {
    expect(await verdictOnSpecs(constant, constant)).toMatchObject({ verdict: 'inconclusive', reason: 'the original gives the same outputs for all inputs' });
  });

  it('is one of outputs that are not finite', async () => {
    const infinite: ModelSpec = {
      ...constant,
      outputs: { y: { type: 'float', dims: ['n', 2] } },
      nodes: [
        { op: 'Sub', inputs: ['x', 'w'], outputs: ['d'] },
        { op: 'Div', inputs: ['d', 'zero'], outputs: ['y'] },
      ],
      floats: { w: [[2], [1, 2]], zero: [[1], [0]] },
    };
    expect(await verdictOnSpecs(infinite, infinite)).toMatchObject({ verdict: 'inconclusive', reason: 'the original outputs no finite numbers' });
  });

  it('still finds that constants changed', async () => {
    expect(await verdictOnSpecs(constant, { ...constant, floats: { w: [[2], [1, 3]] } })).toMatchObject({ verdict: 'changed' });
  });
});

describe('random models', () => {
  it('are compared with the randomness off', async () => {
    const result = await verdictOnSpecs(withDropout(1), withDropout(1));
    expect(result.verdict).toBe('bit-exact');
    expect(result.notes[0]).toBe('the models are random (Dropout, RandomNormalLike): compared with the randomness switched off in both');
    expect((await verdictOnSpecs(withDropout(1), withDropout(1.001))).verdict).toBe('changed');
  });

  it('prove nothing when that is not possible', async () => {
    const model: ModelSpec = {
      ...withDropout(1),
      nodes: [
        { op: 'Sigmoid', inputs: ['x'], outputs: ['p'] },
        { op: 'Bernoulli', inputs: ['p'], outputs: ['y'] },
      ],
    };
    expect(await verdictOnSpecs(model, model)).toMatchObject({
      verdict: 'inconclusive',
      reason: 'the original model is random: Bernoulli cannot be switched off',
    });
  });
});

describe('the child process', () => {
  it('gives up after the time limit', async () => {
    await expect(verifyModels(NANOGPT, NANOGPT, { timeLimitSeconds: 0.001 })).rejects.toMatchObject({
      code: 'RUNTIME_FAILED',
      hint: expect.stringContaining('--no-verify'),
    });
  });

  it('dies of LayerNormalization with a trailing empty input, and is started again at a weaker level', async () => {
    const model: ModelSpec = {
      inputs: { x: { type: 'float', dims: ['n', 4] } },
      outputs: { y: { type: 'float', dims: ['n', 4] } },
      nodes: [{ op: 'LayerNormalization', inputs: ['x', 'g', ''], outputs: ['y'] }],
      floats: { g: [[4], [1, 2, 3, 4]] },
    };
    const result = await verdictOnSpecs(model, model);
    expect(result).toMatchObject({ verdict: 'bit-exact', levels: ['basic', 'disabled'] });
    expect(result.notes[0]).toContain("crashes on the original model at optimisation level 'all'");
  });

  it('says when the runtime refuses the original', async () => {
    const broken = saved(
      temporaryFolder(),
      'old.onnx',
      protoModel({
        inputs: { x: { type: 'float', dims: [1] } },
        outputs: { y: { type: 'float', dims: [1] } },
        nodes: [{ op: 'NoSuchOperator', inputs: ['x'], outputs: ['y'] }],
      }),
    );
    await expect(verifyModels(broken, NANOGPT)).rejects.toMatchObject({ code: 'RUNTIME_FAILED', where: broken, hint: '--no-verify' });
  });

  it('says how to install the runtime where it is missing', async () => {
    const folder = temporaryFolder();
    cpSync('dist', path.join(folder, 'dist'), { recursive: true });
    cpSync('package.json', path.join(folder, 'package.json'));
    mkdirSync(path.join(folder, 'node_modules'));
    symlinkSync(path.resolve('node_modules/protobufjs'), path.join(folder, 'node_modules/protobufjs'));
    const installed: { verifyModels: typeof verifyModels } = await import(pathToFileURL(path.join(folder, 'dist/src/verify/verify.js')).href);
    await expect(installed.verifyModels(NANOGPT, NANOGPT)).rejects.toMatchObject({
      code: 'RUNTIME_MISSING',
      hint: 'ONNXRUNTIME_NODE_INSTALL=skip npm i onnx-grow onnxruntime-node',
    });
  });

  it('tells what it does and passes errors of reading on', async () => {
    const lines: string[] = [];
    await verifyModels(NANOGPT, NANOGPT, { onProgress: (line) => lines.push(line) });
    expect(lines).toContain("running the new model at optimisation level 'disabled'");
    const cut = saved(temporaryFolder(), 'cut.onnx', readFileSync(NANOGPT).subarray(0, 1000));
    await expect(verifyModels(NANOGPT, cut)).rejects.toMatchObject({ name: 'GrowError' });
  });
});

/** Sums the embeddings of all tokens so far; those of the past times `factor`. */
function cachedSum(factor: number): ModelSpec {
  return {
    inputs: { ids: { type: 'int64', dims: ['n', 't'] }, 'past.0.key': { type: 'float', dims: ['n', 1, 'p', 3] } },
    outputs: { y: { type: 'float', dims: ['n', 1, 1, 3] }, 'present.0.key': { type: 'float', dims: ['n', 1, 'p + t', 3] } },
    nodes: [
      { op: 'Gather', inputs: ['table', 'ids'], outputs: ['e'] },
      { op: 'Unsqueeze', inputs: ['e', 'one'], outputs: ['now'] },
      { op: 'Mul', inputs: ['past.0.key', 'factor'], outputs: ['scaled'] },
      { op: 'Concat', inputs: ['scaled', 'now'], outputs: ['all'], ints: { axis: 2 } },
      { op: 'ReduceSum', inputs: ['all', 'two'], outputs: ['y'] },
      { op: 'Concat', inputs: ['past.0.key', 'now'], outputs: ['present.0.key'], ints: { axis: 2 } },
    ],
    floats: { table: [[7, 3], Array.from({ length: 21 }, (_, i) => Math.sin(i))], factor: [[], [factor]] },
    integers: { one: [[1], [1]], two: [[1], [2]] },
  };
}

/** What to change of cachedSum(1) so that its cache is one element wider in every token. */
const widerCache: Partial<ModelSpec> = {
  inputs: { ids: { type: 'int64', dims: ['n', 't'] }, 'past.0.key': { type: 'float', dims: ['n', 1, 'p', 4] } },
  outputs: { y: { type: 'float', dims: ['n', 1, 1, 3] }, 'present.0.key': { type: 'float', dims: ['n', 1, 'p + t', 4] } },
  nodes: [
    { op: 'Gather', inputs: ['wide', 'ids'], outputs: ['e'] },
    { op: 'Unsqueeze', inputs: ['e', 'one'], outputs: ['now'] },
    { op: 'Concat', inputs: ['past.0.key', 'now'], outputs: ['present.0.key'], ints: { axis: 2 } },
    { op: 'Slice', inputs: ['present.0.key', 'zero', 'three', 'three'], outputs: ['all'] },
    { op: 'ReduceSum', inputs: ['all', 'two'], outputs: ['y'] },
  ],
  floats: { wide: [[7, 4], Array.from({ length: 28 }, (_, i) => (i % 4 === 3 ? 5 : Math.sin(Math.floor(i / 4) * 3 + (i % 4))))] },
  integers: { one: [[1], [1]], two: [[1], [2]], zero: [[1], [0]], three: [[1], [3]] },
};

/** Reads caches that it does not give back; each is weighed by its letter, null is a layer that adds nothing. */
function readsPasts(layers: readonly (string | null)[]): ModelSpec {
  const weights = new Map([
    ['a', 1],
    ['b', 3],
  ]);
  const past = { type: 'float', dims: ['n', 2, 's', 3] } as const;
  const names = layers.map((_, i) => `past.${i}.encoder.key`);
  return {
    inputs: Object.fromEntries(names.map((name) => [name, past])),
    outputs: { y: { type: 'float', dims: ['n', 2, 's', 3] } },
    nodes: [
      ...names.map((name, i) => ({ op: 'Mul', inputs: [name, `w${i}`], outputs: [`m${i}`] })),
      { op: 'Sum', inputs: names.map((_, i) => `m${i}`), outputs: ['y'] },
    ],
    floats: Object.fromEntries(layers.map((layer, i) => [`w${i}`, [[1], [weights.get(layer ?? '') ?? 0]]])),
  };
}

/** x · w · factor with dropout in training mode and noise added. */
function withDropout(factor: number): ModelSpec {
  return {
    inputs: { x: { type: 'float', dims: ['n', 8] } },
    outputs: { y: { type: 'float', dims: ['n', 8] } },
    nodes: [
      { op: 'Dropout', inputs: ['x', 'ratio', 'training'], outputs: ['d'] },
      { op: 'RandomNormalLike', inputs: ['d'], outputs: ['r'] },
      { op: 'Add', inputs: ['d', 'r'], outputs: ['s'] },
      { op: 'Mul', inputs: ['s', 'w'], outputs: ['y'] },
    ],
    floats: { ratio: [[], [0.5]], w: [[8], Array.from({ length: 8 }, (_, i) => factor * (i + 1))] },
    bools: { training: [[], [1]] },
  };
}
