/** Small pairs of graphs and every line that is said of them: where a proof stops and why, and what it takes for granted. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from '../support/graph-builder.ts';
import { checkLines } from '../support/judgement.ts';
import { modelOf } from '../support/small-model.ts';

type Dims = Readonly<Record<string, readonly (number | string)[]>>;
const INPUTS: Dims = { x: ['T', 4], z: ['S', 4] };
const WEIGHTS: Dims = { wv: [4], wu: [4], ws: [], wm: [4, 4], wn: [4, 4] };
const SIZES: Readonly<Record<string, number>> = { T: 3, S: 3, P: 2 };

/** Random numbers for a name. */
const numbersOf = (name: string, count: number): readonly number[] =>
  Array.from({ length: count }, normals([...name].reduce((sum, own) => sum + own.charCodeAt(0), 0)));

function model(lines: string, inputs: Dims = {}, weights: Readonly<Record<string, readonly number[]>> = {}, outputs?: readonly string[], opset = 18): Model {
  const read = Object.fromEntries(Object.entries(WEIGHTS).filter(([name]) => new RegExp(`\\b${name}\\b`).test(lines)));
  const made = modelOf({ ...INPUTS, ...read, ...inputs }, lines.split(';'), opset);
  const { graph } = made;
  const initializers = graph.initializers.map((own) =>
    own.dataType === DataType.FLOAT
      ? tensorFromNumbers(
          own.name,
          own.dataType,
          own.dims,
          weights[own.name] ??
            numbersOf(
              own.name,
              own.dims.reduce((a, b) => a * b, 1),
            ),
        )
      : own,
  );
  return { ...made, graph: { ...graph, initializers, outputs: outputs?.map((name) => ({ name, type: null })) ?? graph.outputs } };
}

async function resultsOf(own: Model): Promise<readonly (readonly number[])[]> {
  const session = await InferenceSession.create(encodeModel(own), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const feeds = own.graph.inputs.map(({ name, type }) => {
    const dims = (type?.dims ?? []).map((size) => (typeof size === 'number' ? size : (SIZES[String(size)] ?? 2)));
    const numbers = numbersOf(
      name,
      dims.reduce((a, b) => a * b, 1),
    );
    return [name, new Tensor('float32', Float32Array.from(numbers), dims)] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return own.graph.outputs.map(({ name }) => Array.from(results[name]?.data as Float32Array, Number));
}

const isClose = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): boolean =>
  a.every((own, o) => own.length === b[o]?.length && own.every((x, i) => Math.abs(x - (b[o]?.[i] ?? NaN)) <= 1e-5 * (1 + Math.abs(x))));

/** A pair that differs is not proved, and one that is proved is equal where it runs. */
async function holds(old: Model, now: Model): Promise<readonly string[]> {
  const lines = checkLines(checkModels(old, now));
  if (lines[0] === 'proved') expect(isClose(await resultsOf(old), await resultsOf(now))).toBe(true);
  return lines;
}

describe('where a proof stops', () => {
  test.each<readonly [old: string, now: string]>([
    ['Relu(x) -> a;Mul(a, x) -> y', 'Relu(x) -> a;Mul(a, x) -> y'],
    ['Relu(x) -> a;Mul(a, x) -> y', 'Exp(x) -> a;Mul(a, x) -> y'],
    ['Relu(x) -> a;Mul(a, x) -> y', 'Exp(x) -> a;Sinh(x) -> b;Mul(a, b) -> y'],
    ['Relu(x) -> a;Mul(a, x) -> y', 'Exp(x) -> a;Add(a, a) -> b;Mul(a, b) -> y'],
    ['Relu(x) -> a;Mul(a, x) -> y', 'Relu(x) -> a;Exp(a) -> b;Neg(b) -> c;Mul(c, x) -> y'],
    ['Relu(x) -> a;Tanh(a) -> y', 'Relu(x) -> a;Exp(z) -> e;Tanh(a) -> y'],
    ['Mul(x, wv) -> y', 'Mul(x, wu) -> y'],
    ['Mul(x, wv) -> a;Tanh(a) -> y', 'Mul(x, wu) -> a;Tanh(a) -> y'],
    ['Softmax(x) axis=1 -> y', 'Softmax(x) axis=0 -> y'],
    ['Softmax(x) axis=1 -> a;Tanh(a) -> y', 'Softmax(x) axis=0 -> a;Tanh(a) -> y'],
    ['Identity(x) -> y', 'Mul(x, ws) -> y'],
    ['Identity(x) -> y', 'Add(x, x) -> y'],
    ['Neg(x) -> y', 'Identity(x) -> y'],
    ['Tanh(x) -> y', 'Tanh(x) -> a;Transpose(a) -> b;Transpose(b) -> y'],
    ['Tanh(x) -> y', 'Tanh(x) -> a;Transpose(a) -> y'],
    ['Concat(x, z) axis=0 -> y', 'Concat(z, x) axis=0 -> y'],
    ['Concat(x, z) axis=0 -> y', 'Concat(x, x) axis=0 -> y'],
    [
      'Relu(x) -> a;Exp(x) -> b;Mul(a, x) -> c;Mul(b, x) -> d;Tanh(c) -> e;Tanh(d) -> f;Sub(e, f) -> y',
      'Relu(x) -> a;Exp(x) -> b;Mul(a, x) -> c;Mul(b, x) -> d;Tanh(c) -> e;Tanh(d) -> f;Sub(f, e) -> y',
    ],
    ['Relu(x) -> a;Exp(x) -> b;Mul(a, x) -> c;Mul(b, x) -> d;Tanh(c) -> e;Tanh(d) -> y', 'Relu(x) -> a;Mul(a, x) -> c;Tanh(c) -> y'],
    ['Relu(x) -> a;Exp(x) -> b;MatMul(a, wm) -> c;MatMul(b, wm) -> d;Tanh(c) -> e;Tanh(d) -> y', 'Relu(x) -> a;MatMul(a, wm) -> c;Tanh(c) -> y'],
    ['Relu(x) -> a;Exp(x) -> b;MatMul(a, wm) -> c;MatMul(b, wn) -> d;Tanh(c) -> e;Tanh(d) -> y', 'Relu(x) -> a;MatMul(a, wm) -> c;Tanh(c) -> y'],
    ['MatMul(x, wm) -> c;MatMul(x, wn) -> d;Tanh(c) -> e;Tanh(d) -> y', 'MatMul(x, wm) -> c;Tanh(c) -> y'],
    ['Relu(x) -> a;Sigmoid(a) -> c;Tanh(a) -> d;Erf(c) -> e;Erf(d) -> y', 'Relu(x) -> a;Sigmoid(a) -> c;Erf(c) -> y'],
    ['Concat(x, x) axis=1 -> a;Concat(x, x, x) axis=1 -> b;ReduceMax(a, [1]) -> c;ReduceMax(b, [1]) -> y', 'Concat(x, x) axis=1 -> a;ReduceMax(a, [1]) -> y'],
    ['Softmax(x) axis=1 -> a;Softmax(x) axis=0 -> b;Erf(a) -> c;Erf(b) -> y', 'Softmax(x) axis=1 -> a;Erf(a) -> y'],
    ['Relu(x) -> a;MatMul(a, wm) -> b;MatMul(x, wm) -> c;Max(b, c) -> y', 'Relu(x) -> a;MatMul(x, wm) -> c;Max(c, c) -> y'],
    ['Relu(x) -> y', 'RandomNormalLike(x) -> a;Relu(a) -> y'],
    ['NonZero(x) -> n;Shape(n) -> s;Cast(s) to=1 -> y', 'Exp(x) -> e;NonZero(e) -> n;Shape(n) -> s;Cast(s) to=1 -> y'],
    ['NonZero(x) -> n;Cast(n) to=1 -> y', 'NonZero(x) -> n;Cast(n) to=1 -> y'],
    ['NonZero(x) -> n;Cast(n) to=1 -> y', 'Relu(x) -> e;NonZero(e) -> n;Cast(n) to=1 -> y'],
    ['NonZero(x) -> n;Transpose(n) -> t;GatherND(x, t) -> y', 'NonZero(x) -> n;Transpose(n) -> t;GatherND(x, t) -> y'],
    [
      'NonZero(x) -> n;Transpose(n) -> t;GatherND(x, t) -> a;Tile(a, [2]) -> y',
      'NonZero(z) -> m;NonZero(x) -> n;Transpose(n) -> t;GatherND(x, t) -> a;Concat(a, a) axis=0 -> y',
    ],
    ['Unique(x) sorted=1 -> u;Relu(u) -> y', 'Unique(x) sorted=1 -> u;Relu(u) -> y'],
    ['Unique(x) sorted=1 -> u;Relu(u) -> y', 'Unique(z) sorted=1 -> u;Relu(u) -> y'],
  ])('%s | %s', async (old, now) => {
    expect(await holds(model(old), model(now))).toMatchSnapshot();
  });

  test('twenty places are enough', async () => {
    const parts = Array.from({ length: 25 }, (_, i) => `Slice(x, [0], [${i + 1}], [0]) -> a${i};ReduceMax(a${i}, [0]) keepdims=1 -> b${i}`);
    const all = `Concat(${parts.map((_, i) => `b${i}`).join(', ')}) axis=0 -> y`;
    const lines = await holds(model('Tile(x, [25,1]) -> y'), model([...parts, all].join(';')));
    expect(lines).toMatchSnapshot();
    expect(lines.filter((line) => line.startsWith('unproved'))).toHaveLength(20);
  });

  test.each<readonly [old: string, oldOutputs: string, now: string, outputs: string]>([
    ['Relu(x) -> y;Exp(x) -> v', 'y v', 'Relu(x) -> y;Exp(x) -> v', 'y v'],
    ['Relu(x) -> y;Exp(x) -> v', 'y v', 'Relu(x) -> y;Exp(x) -> v', 'v y'],
    ['Relu(x) -> y;Exp(x) -> v', 'y v', 'Relu(x) -> v;Exp(x) -> y', 'y v'],
    ['Relu(x) -> y;Exp(x) -> v', 'y v', 'Relu(x) -> y;Exp(x) -> v', 'y'],
    ['Relu(x) -> y;Exp(x) -> v', 'y', 'Relu(x) -> y;Exp(x) -> v', 'y v'],
    ['Relu(x) -> y;Exp(x) -> v', 'y v', 'Sinh(x) -> y;Cosh(x) -> v', 'y v'],
    ['Relu(x) -> y;Exp(x) -> v', 'y v', 'Sinh(x) -> y;Exp(x) -> v', 'y v'],
    ['Relu(x) -> y;Exp(x) -> v', 'y v', 'Sinh(x) -> y', 'y'],
    ['Relu(x) -> y;Cast(x) to=1 -> v', 'y v', 'Sinh(x) -> y;Add(x, x) -> v', 'y v'],
  ])('outputs: %s (%s) | %s (%s)', async (old, oldOutputs, now, outputs) => {
    const lines = checkLines(checkModels(model(old, {}, {}, oldOutputs.split(' ')), model(now, {}, {}, outputs.split(' '))));
    expect(lines).toMatchSnapshot();
  });
});

describe('operators that give other numbers each time', () => {
  test.each([
    'RandomNormal() shape=[3,4] -> r;Add(x, r) -> y',
    'RandomUniform() shape=[3,4] -> r;Add(x, r) -> y',
    'RandomNormalLike(x) -> r;Add(x, r) -> y',
    'RandomUniformLike(x) -> r;Add(x, r) -> y',
    'Sigmoid(x) -> p;Bernoulli(p) -> r;Add(x, r) -> y',
    'Multinomial(x) sample_size=3 -> r;Cast(r) to=1 -> y',
    'com.microsoft.BiasDropout(x, wv) -> y',
    'com.microsoft.BitmaskDropout(x) -> y',
    'com.microsoft.Sampling(x) -> y',
    'com.microsoft.OtherSampling(x) -> y',
    'com.microsoft.SamplingOther(x) -> y',
    'other.com.microsoft.Sampling(x) -> y',
    'Dropout(x) -> y',
    'Dropout(x, ws) -> y',
    'Shape(x) -> s;Gather(s, [0]) -> t;Greater(t, [0]) -> b;Squeeze(b) -> c;Dropout(x, ws, c) -> y',
    'Shape(x) -> s;Gather(s, [0]) -> t;Greater([0], t) -> b;Squeeze(b) -> c;Dropout(x, ws, c) -> y',
    'Greater(x, z) -> g;Cast(g) to=1 -> f;ReduceMax(f) keepdims=0 -> m;Cast(m) to=9 -> c;Dropout(x, ws, c) -> y',
  ])('%s', (lines) => {
    expect(checkLines(checkModels(model(lines), model(lines)))).toMatchSnapshot();
  });
});

describe('what a model says of itself', () => {
  const plain = model('Add(x, z) -> a;Relu(a) -> y');
  const joined = model('Concat(x, z) axis=0 -> y');
  const imports = (...list: readonly (readonly [string, number])[]): Model['opsetImports'] => list.map(([domain, version]) => ({ domain, version }));
  test.each<readonly [string, Model, Model]>([
    ['the same', plain, plain],
    ['another IR version', plain, { ...plain, irVersion: 9 }],
    ['another opset', plain, { ...plain, opsetImports: imports(['', 19]) }],
    ['a domain more', plain, { ...plain, opsetImports: imports(['', 18], ['com.microsoft', 1]) }],
    ['a domain less', { ...plain, opsetImports: imports(['', 18], ['com.microsoft', 1]) }, plain],
    ['another opset of a domain', { ...plain, opsetImports: imports(['', 18], ['other', 1]) }, { ...plain, opsetImports: imports(['', 18], ['other', 2]) }],
    ['another name of the domain', plain, { ...plain, opsetImports: imports(['ai.onnx', 18]) }],
    ['another opset under another name', plain, { ...plain, opsetImports: imports(['ai.onnx', 17]) }],
    ['sizes that must be equal', joined, model('Add(x, z) -> d;Concat(x, z) axis=0 -> y')],
    ['sizes that need not be equal any more', model('Add(x, z) -> d;Concat(x, z) axis=0 -> y'), joined],
    ['sizes that do not fit', joined, model('Add(x, w5) -> d;Concat(x, z) axis=0 -> y', { w5: [5] })],
    ['sizes that never fitted', model('Add(x, w5) -> d;Concat(x, z) axis=0 -> y', { w5: [5] }), model('Add(x, w5) -> d;Concat(x, z) axis=0 -> y', { w5: [5] })],
    ['a size that must be a number', joined, model('Add(x, w5) -> d;Concat(x, z) axis=0 -> y', { w5: [5, 1] })],
    [
      'a size that had to be a number',
      model('Add(x, w5) -> d;Concat(x, z) axis=0 -> y', { w5: [5, 1] }),
      model('Add(x, w5) -> d;Concat(x, z) axis=0 -> y', { w5: [5, 1] }),
    ],
    [
      'another size that must be a number',
      model('Add(x, w5) -> d;Concat(x, z) axis=0 -> y', { w5: [5, 1] }),
      model('Add(x, w5) -> d;Concat(x, z) axis=0 -> y', { w5: [6, 1] }),
    ],
    ['a size that is half', model('Reshape(x, [2,-1,4]) -> d;Relu(x) -> y'), model('Reshape(x, [2,-1,4]) -> d;Relu(x) -> y')],
    ['a size that must be half', model('Relu(x) -> y'), model('Reshape(x, [3,-1,2]) -> d;Relu(x) -> y')],
  ])('%s', (_, old, now) => {
    expect(checkLines(checkModels(old, now))).toMatchSnapshot();
  });
});

describe('keys that are kept', () => {
  /** Queries of x over keys that p holds and keys of x, which y hands on; `zeros` from that column on, in wk or in wq. */
  const attending = (
    width: number,
    zeros: { readonly wk?: number; readonly wq?: number },
    more: { readonly order?: string; readonly past?: string } = {},
  ): Model => {
    const numbers = (name: 'wk' | 'wq'): readonly number[] =>
      Array.from({ length: 4 * width }, (_, i) => {
        const column = i % width;
        return column >= (zeros[name] ?? width) ? 0 : Math.sin(7 * Math.floor(i / width) + column + (name === 'wk' ? 1 : 5)) + (column > 2 ? 1 : 0);
      });
    const { order = 'p, j', past = 'p' } = more;
    return model(
      `Unsqueeze(x, [0]) -> u;MatMul(u, wk) -> j;MatMul(u, wq) -> q;Concat(${order}) axis=1 -> y;Transpose(y) perm=[0,2,1] -> t;MatMul(q, t) -> v`,
      { [past]: [1, 'P', width], wk: [4, width], wq: [4, width] },
      { wk: numbers('wk'), wq: numbers('wq') },
      ['v', 'y'],
    );
  };
  test.each<readonly [string, Model]>([
    ['as they were', attending(3, {})],
    ['with zeros behind', attending(5, { wk: 3 })],
    ['with zeros in the queries', attending(5, { wq: 3 })],
    ['with zeros in both', attending(5, { wq: 3, wk: 3 })],
    ['with zeros nowhere', attending(5, {})],
    ['with zeros in some', attending(5, { wk: 4 })],
    ['in another order', attending(5, { wk: 3 }, { order: 'j, p' })],
    ['in an input of another name', attending(5, { wk: 3 }, { order: 'r, j', past: 'r' })],
  ])('%s', (_, now) => {
    expect(checkLines(checkModels(attending(3, {}), now))).toMatchSnapshot();
  });
});
