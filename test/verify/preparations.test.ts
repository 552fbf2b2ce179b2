/** What is done to models before they run, and what is read off the runtime's profile. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { graphOf } from '../../src/verify/flow.ts';
import { permutedModel } from '../../src/verify/permute.ts';
import { perturbedModel } from '../../src/verify/perturb.ts';
import { precisionOf } from '../../src/verify/precision.ts';
import { probeProvider, watchPlacement } from '../../src/verify/provider.ts';
import { randomOps, stillModel } from '../../src/verify/randomness.ts';
import { openSession, weakerThan } from '../../src/verify/runtime.ts';
import { outputsOf, randomFloats, smallGraph } from '../support/doubled.ts';
import { branch, node } from '../support/small-graph.ts';
import { type Stored, typed } from '../support/typed-graph.ts';

const { FLOAT, FLOAT16, BFLOAT16, DOUBLE, INT8, INT64, BOOL } = DataType;
const numbers = (count: number): readonly number[] => randomFloats(1, count);

describe('the precision', () => {
  const weight = (type: number, dims: readonly number[] = [2]): Stored => [dims, new Array<number>(dims.reduce((a, b) => a * b, 1)).fill(1), type];
  it.each<readonly [lines: readonly string[], stored: Readonly<Record<string, Stored>>, precision: string]>([
    [['Relu(x) -> y'], {}, 'float32'],
    [['Mul(x, v) -> y'], { v: weight(FLOAT) }, 'float32'],
    [['Mul(x, v) -> y'], { v: weight(DOUBLE) }, 'float64'],
    [['Mul(x, v) -> y'], { v: weight(FLOAT16) }, 'float16'],
    [['Mul(x, v) -> y'], { v: weight(BFLOAT16) }, 'bfloat16'],
    [['Mul(x, v) -> a', 'Mul(a, u) -> y'], { v: weight(FLOAT16), u: weight(FLOAT) }, 'float16'],
    [['Mul(x, v) -> a', 'Mul(a, u) -> y'], { v: weight(FLOAT16), u: weight(BFLOAT16) }, 'bfloat16'],
    [['Mul(x, v) -> a', 'Mul(a, u) -> y'], { v: weight(DOUBLE), u: weight(FLOAT) }, 'float32'],
    [['Mul(x, v) -> y'], { v: weight(FLOAT16, []) }, 'float32'],
    [['Mul(x, v) -> y'], { v: weight(INT8) }, 'float32'],
    ...['Cast', 'Gather', 'Transpose', 'Identity', 'Reshape', 'DequantizeLinear', 'Shape'].map(
      (op) => [[`${op}(v, x) -> a`, 'Mul(x, a) -> y'], { v: weight(FLOAT16) }, 'float32'] as const,
    ),
    [['QuantizeLinear(v, v) -> a', 'Mul(x, a) -> y'], { v: weight(FLOAT16) }, 'float32'],
    [['QuantizeLinear(x, v) -> y'], { v: weight(FLOAT) }, 'int8'],
    [['com.microsoft.MatMulNBits(x, v) accuracy_level=4 -> y'], { v: weight(FLOAT) }, 'int8'],
    [['com.microsoft.MatMulNBits(x, v) accuracy_level=1 -> y'], { v: weight(FLOAT) }, 'float32'],
    [['com.microsoft.MatMulNBits(x, v) -> y'], { v: weight(FLOAT) }, 'float32'],
    [['Mul(x, v) accuracy_level=4 -> y'], { v: weight(FLOAT) }, 'float32'],
    ...['DynamicQuantizeLinear', 'MatMulInteger', 'ConvInteger', 'QLinearMatMul', 'QLinearConv'].map((op) => [[`${op}(x) -> y`], {}, 'int8'] as const),
    ...['DynamicQuantizeMatMul', 'MatMulIntegerToFloat', 'QAttention'].map((op) => [[`com.microsoft.${op}(x) -> y`], {}, 'int8'] as const),
  ])('of %j with %j is %s', (lines, stored, precision) => {
    expect(precisionOf(graphOf(typed({ lines, stored })))).toBe(precision);
  });
});

describe('weights moved by a unit in their last place', () => {
  const model = smallGraph({
    lines: ['Mul(x, w) -> a', 'Mul(a, s) -> b', 'Mul(b, d) -> y'],
    inputs: { x: [2, 9] },
    stored: { w: [[9], [0.3, 1, -2, 0, 0.7, Number.POSITIVE_INFINITY, -1.3, 2.1, 5.5]], s: [[], [0.3]], d: [[2], [0.1, 0.2], DOUBLE] },
    opset: 17,
  });

  it('are numbers that are no integers, of tensors of several float32 elements', () => {
    const bytes = perturbedModel(model);
    if (bytes === null) throw new Error('nothing moved');
    const now = new Map(readModel(bytes).graph.initializers.map((own) => [own.name, [...readNumbers(own)]]));
    const old = new Map(model.graph.initializers.map((own) => [own.name, [...readNumbers(own)]]));
    expect([now.get('s'), now.get('d')]).toEqual([old.get('s'), old.get('d')]);
    const moved = (now.get('w') ?? []).map((x, i) => (x === old.get('w')?.[i] ? 0 : Math.abs(x / (old.get('w')?.[i] ?? 0) - 1)));
    expect(moved.filter((x) => x > 0).length).toBeGreaterThan(0);
    for (const [i, x] of moved.entries()) expect([1, 2, 3, 5].includes(i) ? x === 0 : x < 2 ** -22).toBe(true);
  });

  it('are none of models whose weights are elsewhere, or none are float32', () => {
    const outside: Model = {
      ...model,
      graph: {
        ...model.graph,
        initializers: model.graph.initializers.map((own, i) => (i === 1 ? { ...own, external: { location: 'a', offset: 0, length: 4 } as never } : own)),
      },
    };
    expect(perturbedModel(outside)).toBeNull();
    expect(
      perturbedModel(smallGraph({ lines: ['Mul(x, s) -> y'], inputs: { x: [2] }, stored: { s: [[], [0.3]], d: [[2], [0.1, 0.2], DOUBLE] }, opset: 17 })),
    ).toBeNull();
  });
});

describe('hidden units', () => {
  it('are permuted with all that belongs to them, and nothing else is', async () => {
    const model = smallGraph({
      lines: ['LayerNormalization(x, g) -> n', 'MatMul(n, a) -> h', 'Add(h, c) -> i', 'Relu(i) -> r', 'MatMul(r, b) -> m', 'Add(x, m) -> y'],
      inputs: { x: [2, 3, 6] },
      weights: { g: [6], a: [6, 10], c: [10], b: [10, 6] },
      opset: 17,
    });
    const bytes = permutedModel(model);
    if (bytes === null) throw new Error('nothing was permuted');
    const permuted = readModel(bytes);
    const changed = permuted.graph.initializers.filter((own, i) => readNumbers(own).join() !== readNumbers(model.graph.initializers[i] ?? own).join());
    expect(changed.map(({ name }) => name)).toEqual(['a', 'c', 'b']);
    for (const [i, own] of permuted.graph.initializers.entries())
      expect([...readNumbers(own)].sort()).toEqual([...readNumbers(model.graph.initializers[i] ?? own)].sort());
    const [old, now] = [await outputsOf(model), await outputsOf(permuted)];
    for (const [i, x] of (old[0]?.numbers ?? []).entries()) expect(now[0]?.numbers[i]).toBeCloseTo(x, 5);
  });
});

describe('random operators', () => {
  const stored = { k: [[], [0.5]], b: [[], [1], BOOL], n: [[], [0], BOOL], s: [[2], [2, 3], INT64] } as const;
  it.each<readonly [lines: readonly string[], found: readonly string[]]>([
    [['Relu(x) -> y'], []],
    [['Dropout(x) -> y'], []],
    [['Dropout(x, k) -> y'], []],
    [['Dropout(x, k, b) -> y'], ['Dropout']],
    [['Dropout(x, k, n) -> y'], []],
    [['Dropout(x, k, x) -> y'], ['Dropout']],
    [['RandomNormalLike(x) -> y'], ['RandomNormalLike']],
    [['RandomUniform(x) shape=[2] -> y'], ['RandomUniform']],
    [['RandomUniformLike(x) low=1.0 -> y'], []],
    [['RandomUniformLike(x) low=0.5 high=0.5 -> y'], []],
    [['RandomNormalLike(x) -> a', 'RandomNormalLike(a) -> y'], ['RandomNormalLike']],
    [
      ['Bernoulli(x) -> a', 'Multinomial(a) -> y'],
      ['Bernoulli', 'Multinomial'],
    ],
    [['com.microsoft.RandomNormalLike(x) -> y'], []],
    [['com.microsoft.Dropout(x, k, b) -> y'], []],
  ])('of %j are %j', (lines, found) => {
    expect(randomOps(typed({ lines, stored }))).toEqual(found);
  });

  it('are found in branches, where a flag may be a node', () => {
    const flag = node('Constant', [], ['t'], {
      attributes: [
        {
          name: 'value',
          kind: 'tensor',
          value: { name: '', dataType: BOOL, dims: [], data: typed({ lines: ['Relu(x) -> y'], stored }).graph.initializers[1]?.data } as never,
        },
      ],
    });
    const made = typed({ lines: ['Relu(x) -> y'], stored });
    const choice = branch('then_branch', [flag, node('Dropout', ['x', 'k', 't'], ['z'])], 'z');
    const model: Model = { ...made, graph: { ...made.graph, nodes: [node('If', ['b'], ['y'], { attributes: [choice] })] } };
    expect(randomOps(model)).toEqual(['Dropout']);
    const still = stillModel(model);
    if ('reason' in still) throw new Error(still.reason);
    expect(randomOps(still.model)).toEqual([]);
  });

  it.each<readonly [line: string, expected: string]>([
    ['RandomNormalLike(x) mean=1.5 scale=2.0 dtype=1 -> y', 'RandomUniformLike dtype=1 low=1.5 high=1.5'],
    ['RandomNormal(x) shape=[2] -> y', 'RandomUniform shape=2 low=0 high=0'],
    ['RandomUniformLike(x) low=1.0 high=2.0 seed=3.0 -> y', 'RandomUniformLike seed=3.0 low=1.5 high=1.5'],
    ['RandomUniformLike(x) -> y', 'RandomUniformLike low=0.5 high=0.5'],
    ['Dropout(x, k, b) -> y', 'Dropout'],
    ['Relu(x) alpha=2.0 low=1.0 -> y', 'Relu alpha=2 low=1'],
  ])('%s is stilled as %s', (line, expected) => {
    const still = stillModel(typed({ lines: [line], stored }));
    if ('reason' in still) throw new Error(still.reason);
    const [own] = still.model.graph.nodes;
    expect([own?.opType, ...(own?.attributes.map((a) => `${a.name}=${'value' in a ? String(a.value) : ''}`) ?? [])].join(' ')).toBe(
      expected.replace('3.0', '3'),
    );
    expect(own?.inputs.slice(1).length).toBe(0);
    expect(encodeModel(readModel(still.bytes)).length).toBe(still.bytes.length);
  });

  it('that nothing stands for are said, and weights that are elsewhere', () => {
    expect(stillModel(typed({ lines: ['Multinomial(x) -> y'] }))).toEqual({ reason: 'Multinomial cannot be switched off' });
    const made = typed({ lines: ['Relu(x) -> y'], stored });
    const outside: Model = {
      ...made,
      graph: { ...made.graph, initializers: made.graph.initializers.map((own, i) => (i === 1 ? { ...own, external: {} as never } : own)) },
    };
    expect(stillModel(outside)).toEqual({ reason: 'it keeps weights in other files; export it in inference mode' });
  });
});

describe('the runtime', () => {
  it('is tried at weaker levels', () => {
    expect((['all', 'extended', 'basic', 'disabled'] as const).map(weakerThan)).toEqual(['basic', 'basic', 'disabled', null]);
  });

  it('says in its profile which nodes computed where', async () => {
    const model = smallGraph({
      lines: ['MatMul(x, w) -> a', 'Relu(a) -> b', 'Reshape(b, [-1]) -> c', 'Shape(c) -> s', 'Add(s, s) -> t', 'Cast(t) to=1 -> f', 'Mul(c, f) -> y'],
      inputs: { x: [2, 3] },
      weights: { w: [3, 4] },
      opset: 17,
    });
    const [own, other] = [watchPlacement('cpu'), watchPlacement('webgpu')];
    for (const { prefix } of [own, other]) {
      const session = await openSession(encodeModel(model), { level: 'disabled', threads: 1, provider: 'cpu', profile: prefix });
      const given = new Map([['x', { type: 'float32' as const, dims: [2, 3], data: Float32Array.from(numbers(6)) }]]);
      expect([...(await session.run(given))].map(([name, { type, dims }]) => [name, type, dims])).toEqual([['y', 'float32', [8]]]);
      await session.run(given);
      await session.release();
    }
    expect(own.read()).toEqual({ adapter: null, software: false, computeNodes: 3, onProvider: 3, elsewhere: [] });
    expect(other.read()).toMatchObject({
      computeNodes: 3,
      onProvider: 0,
      elsewhere: ['MatMul (CPUExecutionProvider)', 'Relu (CPUExecutionProvider)', 'Mul (CPUExecutionProvider)'],
    });
    for (const watch of [own, other]) {
      expect(existsSync(path.dirname(watch.prefix))).toBe(true);
      watch.end();
      expect(existsSync(path.dirname(watch.prefix))).toBe(false);
    }
    await expect(probeProvider('cpu')).resolves.toBeUndefined();
  });

  it('writes no profile where none is asked for', async () => {
    const session = await openSession(encodeModel(smallGraph({ lines: ['Relu(x) -> y'], inputs: { x: [2] }, opset: 17 })), {
      level: 'all',
      threads: 1,
      provider: 'cpu',
      mapped: true,
    });
    const made = await session.run(new Map([['x', { type: 'float32', dims: [2], data: Float32Array.of(-1, 2) }]]));
    await session.release();
    expect([...(made.get('y')?.data ?? [])]).toEqual([0, 2]);
  });
});
