import { describe, expect, it } from 'vitest';
import type { Model, Tensor } from '../../src/onnx/ir.ts';
import { mapTensors } from '../../src/onnx/map-tensors.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import type { VerifyResult } from '../../src/verify/result.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { normals } from '../support/graph-builder.ts';
import { grownBy } from '../support/grown-model.ts';
import { LONG } from '../support/long.ts';
import { type ModelSpec, protoModel, saved } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

/** The verdict on two models made from specifications. */
async function verdictOn(old: ModelSpec, now: ModelSpec): Promise<VerifyResult> {
  const folder = temporaryFolder();
  return verifyModels(saved(folder, 'old.onnx', protoModel(old)), saved(folder, 'new.onnx', protoModel(now)));
}

const random = (count: number, seed: number): readonly number[] => {
  const normal = normals(seed);
  return Array.from({ length: count }, () => Math.fround(normal()));
};

const X = { x: { type: 'float', dims: ['n', 't', 4] } } as const;

describe('a model that trains', () => {
  /** The runtime takes a Dropout away that is told to train, but only where it optimises. */
  const training = (factor: number, isTraining: number): ModelSpec => ({
    inputs: X,
    outputs: { y: { type: 'float', dims: ['n', 't', 4] } },
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['a'] },
      { op: 'Dropout', inputs: ['a', 'ratio', 'training'], outputs: ['b'] },
      { op: 'MatMul', inputs: ['b', 'v'], outputs: ['y'] },
    ],
    floats: { w: [[4, 4], random(16, 1).map((x) => factor * x)], v: [[4, 4], random(16, 2)], ratio: [[], [0.1]] },
    bools: { training: [[], [isTraining]] },
  });

  it('is compared without its Dropout', async () => {
    const same = await verdictOn(training(1, 1), training(1, 1));
    expect(same).toMatchObject({ verdict: 'bit-exact', notes: ['the models are random (Dropout): compared with the randomness switched off in both'] });
    expect(same.noiseFloor).toBeLessThan(1e-6);
    expect(await verdictOn(training(1, 1), training(1.001, 1))).toMatchObject({ verdict: 'changed' });
    expect(await verdictOn(training(1, 1), training(1, 0))).toMatchObject({ verdict: 'bit-exact' });
  });

  it('does not stand for one that does not train', async () => {
    const result = await verdictOn(training(1, 0), training(1, 1));
    expect(result).toMatchObject({ verdict: 'changed', shadow: { reason: 'the new model is random (Dropout)' } });
    expect(result.notes[0]).toBe('the new model is random (Dropout), the original is not');
  });
});

describe('another export of the same model', () => {
  const base = { inputs: X, outputs: { y: { type: 'float', dims: ['n', 't', 4] } } } as const;
  const [a, b] = [random(16, 3), random(16, 4)];
  const third = Math.fround(1 / 3);
  /** A scale that is multiplied with. */
  const stored: ModelSpec = {
    ...base,
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w0'], outputs: ['h'] },
      { op: 'Mul', inputs: ['h', 's'], outputs: ['k'] },
      { op: 'MatMul', inputs: ['k', 'w1'], outputs: ['y'] },
    ],
    floats: { w0: [[4, 4], a], w1: [[4, 4], b], s: [[], [third]] },
  };
  /** The same as a divisor. */
  const divided = (by: number): ModelSpec => ({
    ...stored,
    nodes: stored.nodes.map((node) => (node.op === 'Mul' ? { op: 'Div', inputs: ['h', 'd'], outputs: ['k'] } : node)),
    floats: { w0: [[4, 4], a], w1: [[4, 4], b], d: [[], [by]] },
  });
  /** The same folded into a weight; the names of both weights are exchanged, as where an exporter numbers them. */
  const folded = (change: number): ModelSpec => ({
    ...base,
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w1'], outputs: ['k'] },
      { op: 'MatMul', inputs: ['k', 'w0'], outputs: ['y'] },
    ],
    floats: { w1: [[4, 4], a.map((x, i) => Math.fround(x * third) + (i === 5 ? change : 0))], w0: [[4, 4], b] },
  });

  it('may store constants that are rounded differently, or other ones', async () => {
    for (const [old, now] of [
      [stored, divided(3)],
      [divided(3), stored],
      [stored, folded(0)],
      [folded(0), stored],
    ] as const)
      expect(await verdictOn(old, now)).toMatchObject({ verdict: 'rounding', shadow: { reason: null } });
  });

  it('may not store other numbers', async () => {
    for (const [old, now] of [
      [stored, divided(3.00001)],
      [divided(3.00001), stored],
      [stored, folded(1e-5)],
      [folded(1e-5), stored],
      [stored, { ...stored, floats: { ...stored.floats, s: [[], [third * (1 + 2 ** -22)]] } }],
    ] as const)
      expect(await verdictOn(old, now)).toMatchObject({ verdict: 'changed' });
  });
});

describe('outputs that are no numbers of one shape', () => {
  const w = random(20, 5);
  const graded = (weights: readonly number[], nodes: ModelSpec['nodes'], outputs: ModelSpec['outputs']): ModelSpec => ({
    inputs: X,
    outputs,
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] }, ...nodes],
    floats: { w: [[4, 5], weights], zero: [[], [0]] },
  });

  it('such as the place of the largest are compared as they are', async () => {
    const largest = (weights: readonly number[]): ModelSpec =>
      graded(weights, [{ op: 'ArgMax', inputs: ['h'], outputs: ['y'], ints: { axis: -1, keepdims: 0 } }], { y: { type: 'int64', dims: ['n', 't'] } });
    expect(await verdictOn(largest(w), largest(w))).toMatchObject({ verdict: 'bit-exact' });
    expect(await verdictOn(largest(w), largest(w.map((x) => -x)))).toMatchObject({ verdict: 'changed' });
  });

  it('such as the places of what is not zero have a shape that depends on the data', async () => {
    const places = (weights: readonly number[]): ModelSpec =>
      graded(
        weights,
        [
          { op: 'Relu', inputs: ['h'], outputs: ['r'] },
          { op: 'NonZero', inputs: ['r'], outputs: ['y'] },
        ],
        { y: { type: 'int64', dims: [3, 'k'] } },
      );
    expect(await verdictOn(places(w), places(w))).toMatchObject({ verdict: 'bit-exact' });
    expect(await verdictOn(places(w), places(w.map((x, i) => (i % 3 === 0 ? -x : x))))).toMatchObject({ verdict: 'changed' });
  });

  it('hide no change of others: neither NaN nor constants', async () => {
    const beside = (weights: readonly number[], constant: number): ModelSpec => ({
      ...graded(
        weights,
        [
          { op: 'Mul', inputs: ['h', 'zero'], outputs: ['nothing'] },
          { op: 'Div', inputs: ['nothing', 'zero'], outputs: ['nan'] },
          { op: 'Add', inputs: ['c', 'c'], outputs: ['same'] },
        ],
        { h: { type: 'float', dims: ['n', 't', 5] }, nan: { type: 'float', dims: ['n', 't', 5] }, same: { type: 'float', dims: [1] } },
      ),
      floats: { w: [[4, 5], weights], zero: [[], [0]], c: [[1], [constant]] },
    });
    expect(await verdictOn(beside(w, 1), beside(w, 1))).toMatchObject({ verdict: 'bit-exact' });
    expect(
      await verdictOn(
        beside(w, 1),
        beside(
          w.map((x, i) => (i === 7 ? x * 1.001 : x)),
          1,
        ),
      ),
    ).toMatchObject({ verdict: 'changed' });
    expect(await verdictOn(beside(w, 1), beside(w, 1.001))).toMatchObject({ verdict: 'changed' });
  });
});

describe('inputs', () => {
  it('of texts cannot be made, which is said', async () => {
    const text: ModelSpec = {
      inputs: { words: { type: 'string', dims: ['n'] } },
      outputs: { y: { type: 'string', dims: ['n'] } },
      nodes: [{ op: 'Identity', inputs: ['words'], outputs: ['y'] }],
    };
    expect(await verdictOn(text, text)).toMatchObject({ verdict: 'inconclusive', reason: 'no inputs of this type can be made for words' });
  });

  it('may come one row at a time only', async () => {
    const single = (factor: number): ModelSpec => ({
      inputs: X,
      outputs: { y: { type: 'float', dims: ['n', 'u', 4] } },
      nodes: [
        { op: 'Concat', inputs: ['first', 'x'], outputs: ['c'], ints: { axis: 1 } },
        { op: 'MatMul', inputs: ['c', 'w'], outputs: ['y'] },
      ],
      floats: { first: [[1, 1, 4], random(4, 6)], w: [[4, 4], random(16, 7).map((x) => factor * x)] },
    });
    const same = await verdictOn(single(1), single(1));
    expect(same).toMatchObject({ verdict: 'bit-exact' });
    expect(same.cases.every(({ inputs }) => inputs.x?.startsWith('float32[1,'))).toBe(true);
    expect(await verdictOn(single(1), single(1.001))).toMatchObject({ verdict: 'changed' });
  });
});

describe('norms that are rescaled for a wider stream', () => {
  /** One kind each: a norm over means, over squares, in front of a block and behind it, fused and spelled out. */
  const kinds = [
    'optimum_llama_gqa_past',
    'dynamo_norm_rms_op23',
    'torchscript_nanogpt_op17',
    ...(LONG ? ['dynamo_encoder_pre', 'optimum_gpt_neox_past', 'dynamo_gpt2', 'optimum_vit'] : []),
  ];

  it.each(kinds)('%s: an epsilon that is forgotten is found in float64', { timeout: 120_000 }, async (name) => {
    const file = `fixtures/${name}.onnx`;
    const old = readModel(file);
    const grown = grownBy(old, ['hidden=x1.25'], { norm: 'native' }).model;
    const forgotten = withOldEpsilons(old, grown);
    const folder = temporaryFolder();
    const verdict = (which: string, model: Model): Promise<VerifyResult> => verifyModels(file, saved(folder, which, encodeModel(model)));
    expect(['bit-exact', 'rounding']).toContain((await verdict('grown.onnx', grown)).verdict);
    expect((await verdict('forgotten.onnx', forgotten)).verdict).toBe('changed');
  });
});

/** A grown model with all numbers below 1e-3 that stand alone as they were. */
function withOldEpsilons(old: Model, grown: Model): Model {
  const before = new Map<string, Tensor>(old.graph.initializers.map((tensor) => [tensor.name, tensor]));
  const epsilons = new Map(
    old.graph.nodes.flatMap((node) => node.attributes.flatMap((own) => (own.name === 'epsilon' ? [[node.outputs[0] ?? '', own] as const] : []))),
  );
  for (const node of old.graph.nodes)
    for (const own of node.attributes) if (node.opType === 'Constant' && own.kind === 'tensor') before.set(node.outputs[0] ?? '', own.value);
  let restored = 0;
  const isSmall = (tensor: Tensor): boolean =>
    tensor.dims.reduce((a, b) => a * b, 1) === 1 && tensor.dataType === 1 && Math.abs(readNumbers(tensor)[0] ?? 1) < 1e-3;
  const nodes = grown.graph.nodes.map((node) => ({
    ...node,
    attributes: node.attributes.map((own) => {
      const held = node.opType === 'Constant' && own.kind === 'tensor' ? before.get(node.outputs[0] ?? '') : undefined;
      const was = own.name === 'epsilon' ? epsilons.get(node.outputs[0] ?? '') : undefined;
      if (was !== undefined) restored++;
      if (held === undefined || own.kind !== 'tensor' || !isSmall(held)) return was ?? own;
      restored++;
      return { ...own, value: { ...own.value, data: held.data } };
    }),
  }));
  const changed = mapTensors({ ...grown, graph: { ...grown.graph, nodes } }, (tensor) => {
    const was = before.get(tensor.name);
    if (was === undefined || !isSmall(was) || !isSmall(tensor) || readNumbers(was)[0] === readNumbers(tensor)[0]) return tensor;
    restored++;
    return { ...tensor, data: was.data };
  });
  expect(restored).toBeGreaterThan(0);
  return changed;
}
